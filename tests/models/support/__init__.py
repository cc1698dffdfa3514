"""Inputs, features, batteries and training loops that the tests of models share."""
