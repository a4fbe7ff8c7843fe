"""What a search found, beside what was published: numbers, intervals, tables, figures and the
report.

Reads the files that a search leaves in `results/`, and imports none of the packages that made them.
"""
