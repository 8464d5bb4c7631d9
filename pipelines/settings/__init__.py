"""The settings of every stage."""
