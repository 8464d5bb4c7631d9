"""Functions from arrays of images to arrays."""
