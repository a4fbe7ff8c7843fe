"""A search in MLflow, as a projection of its study."""
