"""A results folder, with every file checked as it is read."""
