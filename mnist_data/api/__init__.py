"""The public calls: a function for each command, with the command's words and defaults.

`mnist_data` gives them lazily by their names; the command line parses, calls one of them, and prints.
"""
