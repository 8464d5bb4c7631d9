"""From a dataset to tables that say what is in it."""
