"""The search: Ray Tune runs trials, Optuna proposes and prunes, MLflow records."""
