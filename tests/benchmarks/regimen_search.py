"""A search over given configurations: a journal with them enqueued, for `search.run --resume`."""

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from search.spec import SearchSpec
from search.study.study import JOURNAL


def enqueue(spec: SearchSpec, configurations: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write the search's folder; return the arguments with which `search.run` runs it.

    A configuration has the hyperparameters that `spec.fix` does not fix. The search runs them in
    this order, and no others.
    """
    assert spec.trials == len(configurations) and spec.name is not None
    spec.folder.mkdir(parents=True)
    (spec.folder / "spec.json").write_text(spec.to_json(), encoding="utf-8")
    storage = JournalStorage(JournalFileBackend(str(spec.folder / JOURNAL)))
    study = optuna.create_study(study_name=spec.name, storage=storage, direction="maximize")
    for configuration in configurations:
        study.enqueue_trial(dict(configuration))
    return ["--resume", spec.name, "--results", spec.results]
