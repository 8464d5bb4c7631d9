"""The Dask stages: convert, clean, normalize, augment, stats, train, and the run that chains them."""
