"""Two versions of a dataset to tables of what has changed from one to the other."""
