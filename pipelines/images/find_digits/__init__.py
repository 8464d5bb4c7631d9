"""Finding digits in a user's photos, scans and drawings, and bringing them to MNIST's form."""
