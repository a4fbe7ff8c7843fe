"""Groups of suggestions that spaces share: functions from a trial to names and values.

Non-numeric choices are listed from the cheapest to the most expensive in memory: the last of each
make the configuration by which trials are packed on a GPU.
"""
