"""Training networks and storing them."""
