"""Export of trained rankers and matchers as SavedModels that TensorFlow Serving loads."""
