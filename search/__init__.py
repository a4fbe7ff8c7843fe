"""The search:

Ray Tune runs trials, Optuna proposes and prunes, MLflow shows, one journal file a search remembers.
"""
