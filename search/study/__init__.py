"""The study: one Optuna study in a journal file, the only record of a search."""
