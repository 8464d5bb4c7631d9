"""The whole pipeline: all stages in order, into one workspace."""
