"""`python -m mnist_data` is the command `mnist-data`."""

from mnist_data.cli import main

main()
