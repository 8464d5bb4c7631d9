"""Evaluation of trained networks: how accurate they are, and where they fail."""
