"""Final training: the model folder, its card, MLflow's model, and prediction."""
