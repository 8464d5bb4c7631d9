"""Where work runs, and how a stage is mapped over a dataset."""
