"""Generator of interaction logs whose click probabilities are known."""
