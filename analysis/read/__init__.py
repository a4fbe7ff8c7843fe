"""A results folder, read with every file checked."""
