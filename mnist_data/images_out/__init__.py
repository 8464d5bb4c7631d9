"""Ways out besides IDX: a dataset as CSV, as NumPy's arrays, and as class folders of PNG files."""
