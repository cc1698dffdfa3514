"""Small data and models that the tests of the pipeline share."""
