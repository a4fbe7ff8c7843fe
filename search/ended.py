"""Searches that have ended: their outcome from their files, without a cluster."""

from pathlib import Path

from analysis.read.files import read_json
from analysis.read.folder import SUMMARY
from analysis.read.summary import Summary
from search.outcome import Outcome
from search.spec import SearchSpec
from search.study import records
from search.study.study import JOURNAL, read_study
from search.trials.ending import Ending

FINAL = (Ending.DONE, Ending.EXHAUSTED, Ending.TIME, Ending.PATIENCE)
"""Endings after which the same command has nothing left to do."""


def ended(spec: SearchSpec) -> Outcome | None:
    """The outcome of a search that has ended with a result; None where anything is left to do.

    That is so if `spec` asks for something else than it began with, such as more trials, or if its
    last process did not write everything: files, report, MLflow.
    """
    summary = _summary(spec.folder)
    if summary is None or summary.best_trial is None or not (spec.folder / JOURNAL).exists():
        return None
    stored = SearchSpec.read(spec.folder)
    if any(getattr(spec, name) != getattr(stored, name) for name in spec.names("changeable")):
        return None
    study = read_study(spec.folder)
    name = records.ENDING.read(study)
    if not records.ALL_WRITTEN.read(study) or name not in {ending.name for ending in FINAL}:
        return None
    return Outcome(spec, summary, Ending[str(name)], records.PAGE.read(study))


def _summary(folder: Path) -> Summary | None:
    path = folder / SUMMARY
    return Summary.from_dict(read_json(path), path) if path.exists() else None
