"""The explorer: a page that shows all samples of a dataset, filters and sorts them, and answers for each of them.

From the bottom up: `columns` and `query` say what can be asked, `samples` answers out of tables, `sprites` out of
pixels; `guard` refuses strangers, `routes` and `page` are what a browser gets, and `server` is bound to loopback.
"""
