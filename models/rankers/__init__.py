"""Rankers: models that score the candidates of a request, each with its hyper-parameters and its declaration."""
