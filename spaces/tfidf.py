"""The space of `tfidf`: the n-grams, how they are counted, and the SVM's regularisation."""

from typing import Any


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.tfidf.Config`."""
    return {
        "C": trial.suggest_float("C", 0.01, 100.0, log=True),
        "word_ngrams": trial.suggest_int("word_ngrams", 1, 3),
        "character_ngrams": trial.suggest_int("character_ngrams", 2, 6),
        "sublinear": trial.suggest_categorical("sublinear", [False, True]),
    }
