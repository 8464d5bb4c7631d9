"""From a dataset to a dataset, one command a file."""
