"""Matchers: models that retrieve items among all, each with its hyper-parameters and its declaration."""
