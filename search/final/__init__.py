"""Final training of a recipe: the model folder, its card, its MLflow model, and prediction."""
