"""Training of models of both families on transformed examples, from reading the examples to the trained model."""
