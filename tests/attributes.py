"""What Optuna has recorded beside trials."""

from typing import Any

import optuna


def attributes(study: optuna.Study) -> dict[str, Any]:
    """All attributes of a study, user's and system's."""
    return {**study.user_attrs, **study._storage.get_study_system_attrs(study._study_id)}
