"""Searches whose process has ended: their outcome from their files, without a cluster."""

from dataclasses import replace
from pathlib import Path

from analysis.read.files import read_json
from analysis.read.folder import SUMMARY_FILE, read_search
from analysis.read.summary import Summary
from search.driver.outcome import Outcome
from search.folders import folder_of
from search.spec import SearchSpec
from search.study import records
from search.study.study import JOURNAL, read_study
from search.tracking.identity import was_interrupted
from search.trials.ending import Ending

FINAL_ENDINGS = (Ending.DONE, Ending.EXHAUSTED, Ending.TIME, Ending.PATIENCE)
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
    if not records.ALL_WRITTEN.read(study) or name not in {ending.name for ending in FINAL_ENDINGS}:
        return None
    return Outcome(spec, summary, Ending[str(name)], records.PAGE.read(study))


def stored(results: str, name: str) -> Outcome:
    """The outcome of a search, as far as it has one, from its files.

    Raises ValueError where one of them is damaged.
    """
    folder = folder_of(results, name)
    spec = replace(SearchSpec.read(folder), name=name, results=results)
    summary, ending, page = read_search(folder).summary, Ending.DONE, None
    summary = replace(summary, name=name)  # A folder may have been renamed or copied.
    if (folder / JOURNAL).exists():
        study = read_study(folder)
        page = records.PAGE.read(study)
        if was_interrupted(study, spec):
            ending = Ending.INTERRUPTED
        elif name_of := records.ENDING.read(study):
            # Earlier versions had another name for the only one that is missing here.
            ending = Ending.__members__.get(name_of, Ending.COMMON_FAILURE)
    return Outcome(spec, summary, ending, page)


def _summary(folder: Path) -> Summary | None:
    path = folder / SUMMARY_FILE
    return Summary.from_dict(read_json(path), path) if path.exists() else None
