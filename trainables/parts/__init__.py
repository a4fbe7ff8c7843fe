"""What regimes are made of: plain PyTorch, one idea a file.

Nothing here knows of Ray, Optuna or MLflow.
"""
