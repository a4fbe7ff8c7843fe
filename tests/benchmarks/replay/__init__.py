"""Searches recorded without pruning, and stopping policies replayed over them."""
