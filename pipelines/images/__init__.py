"""Arrays of images in, arrays out."""
