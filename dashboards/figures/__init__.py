"""Figures: each file holds those of one subject, each figure is a function from a table to a Plotly figure.

`mnist_data.figures` gives all of them.
"""
