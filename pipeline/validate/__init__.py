"""Checks of a configuration against the real files, as `interestflow validate` makes them."""
