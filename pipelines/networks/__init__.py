"""From a dataset to trained networks, and how good they are."""
