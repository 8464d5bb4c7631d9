"""Claims, each a script that prints a ratio with its spread: `python -m benchmarks [NAME …]`."""
