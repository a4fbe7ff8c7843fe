"""The encoder and the classifier on top of it."""
