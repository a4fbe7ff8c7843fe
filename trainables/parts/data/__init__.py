"""Labelled texts: read, checked, split and tokenised."""
