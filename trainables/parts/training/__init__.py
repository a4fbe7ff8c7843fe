"""Training of the encoder and the classifier: stages, loop, step, losses and optimisers."""
