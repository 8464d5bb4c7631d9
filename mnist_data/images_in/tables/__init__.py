"""Tables with an image in each row: Parquet, Arrow, and DataFrames in memory."""
