"""The results of searches, compared with each other and with the paper: tables, figures, report.

Reads the files that a search leaves in `results/`, and imports none of the packages that wrote
them.
"""
