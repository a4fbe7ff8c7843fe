"""How the encoder and the classifier are trained."""
