"""From a dataset to trained networks, and what they are worth."""
