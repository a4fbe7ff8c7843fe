"""The encoder, the classifier on top of it, and how both are loaded and saved."""
