"""The audit: what may be wrong with the samples of a dataset, and how likely that is."""
