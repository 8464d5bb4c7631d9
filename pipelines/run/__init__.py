"""The whole pipeline, in order."""
