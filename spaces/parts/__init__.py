"""Groups of suggestions that several spaces share: plain functions from a trial to names and
values.

A space with non-numeric choices lists them from the cheapest to the most expensive in memory: the
last ones make the corner by which trials are packed on a GPU.
"""
