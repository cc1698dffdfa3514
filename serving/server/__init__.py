"""A local server that answers as TensorFlow Serving does, from the same folders and configuration files."""
