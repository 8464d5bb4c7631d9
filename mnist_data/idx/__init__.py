"""IDX files: their format and compression, how they pair up, and the embedded sample."""
