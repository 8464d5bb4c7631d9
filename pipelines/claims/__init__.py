"""Claims: what is said of a dataset, held against its data."""
