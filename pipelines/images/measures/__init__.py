"""One measurement of each sample of a dataset, shared by every stage and analysis, and the rules that rest on it."""
