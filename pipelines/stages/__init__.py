"""Stages: from a dataset to a dataset, one command a file."""
