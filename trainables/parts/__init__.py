"""The building blocks of regimes: plain PyTorch, one idea per file.

Nothing here imports Ray, Optuna or MLflow.
"""
