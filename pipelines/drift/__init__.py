"""Drift: how far one dataset, split or class is from another, and whether that is much."""
