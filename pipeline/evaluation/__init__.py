"""Evaluation of exported models of both families on the test split, overall and by slice."""
