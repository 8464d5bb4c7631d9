"""Datasets and tables as Parquet: their schema, how they are read, and how they are written."""
