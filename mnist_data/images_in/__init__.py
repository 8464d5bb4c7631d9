"""Ways in besides IDX: labelled images as CSV, as NumPy's arrays, and as folders or archives of image files."""
