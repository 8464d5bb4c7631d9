"""Dashboards: the tables of a dataset as one HTML page that opens anywhere, without a network.

`dashboards.page.render` makes the page. Each figure is a function from a table to a Plotly figure, and works in a
notebook too. Importing this package costs nothing; pandas and Plotly load with the module that needs them.
"""
