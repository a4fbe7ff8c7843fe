"""python -m tests.benchmarks.scale: what a search of thousands of trials costs its driver.

It writes journals of searches that never ran, with real configurations and made-up curves, every
trial at full budget, and times what a driver does with them:

- open: read the journal and the study, as a resumed search does
- question: the next configuration of the sampler
- started: whether all trials have started, which is asked before each question
- epoch: record an epoch, wait for the disk, decide whether the trial continues
- view: what the terminal does twice a second
- importances, tables, report: once, at the end

Each size has a process of its own; `memory` is its peak. Times are the processor's, so that a busy
machine changes them little; `epoch` is wall time, with the wait for the disk.
"""

import argparse
import math
import multiprocessing
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path

import optuna
from optuna.trial import TrialState
from rich.console import Console

from analysis.command import OK, Parser
from analysis.report import report as draw
from search.cluster.capacity import Capacity
from search.cluster.resources import Resources
from search.outputs.tables import UNKNOWN_FACTS, write_results
from search.spec import SearchSpec
from search.study import importance, records
from search.study import study as studies
from search.study.configuration import point_configuration
from search.study.proposals import ask, first_trial_of_each
from search.study.study import JOURNAL, open_study, transaction
from search.terminal.progress import Progress
from search.trials.ledger import Ledger
from search.worker_reports import ENDED_AT, STARTED_AT
from tests.benchmarks import report
from trainables.parts.data import corpus as corpora
from trainables.parts.training.epoch_metrics import Epoch

REGIME, EPOCHS = "llrd_warmup", 10
QUESTIONS, LOOKS = 5, 20
"""How often what is short is timed."""
COLUMNS = ("journal MB", "open s", "question s", "started ms", "epoch ms", "view ms")
AT_THE_END = ("importances s", "tables s", "report s", "memory MiB")


def spec_of(trials: int, folder: Path, sampler: str = "tpe") -> SearchSpec:
    return SearchSpec(
        regime=REGIME,
        data="embedded",
        model="minilm",
        name="scale",
        epochs=EPOCHS,
        trials=trials,
        sampler=sampler,  # type: ignore[arg-type]
        results=str(folder),
    )


def write_search(spec: SearchSpec) -> None:
    """Write the journal of a search whose trials all ended at full budget.

    The last stage is random sampling: proposals of a better sampler would take hours.
    """
    spec.folder.mkdir(parents=True)
    (spec.folder / "spec.json").write_text(spec.to_json())
    study, generator = open_study(replace(spec, sampler="random")), random.Random(0)
    first = first_trial_of_each(study, spec)
    at = time.time() - 1000 * spec.trials
    for begin in range(0, spec.trials, 100):
        with transaction(study):
            for _ in range(begin, min(begin + 100, spec.trials)):
                trial = ask(study, spec, first)
                assert trial is not None
                score = write_curve(trial, quality(trial.params, generator), at)
                study.tell(trial, score)
                at += 1000


def quality(params: dict[str, object], generator: random.Random) -> float:
    """A score at full budget, which depends on some of the parameters."""
    rates = [value for name, value in params.items() if "learning_rate" in name]
    rate = rates[0] if rates and isinstance(rates[0], float) else 1e-4
    return 0.9 - 0.05 * abs(math.log10(rate) + 3.7) + generator.gauss(0, 0.01)


def write_curve(trial: optuna.Trial, last: float, started: float) -> float:
    """Record the epochs of a trial; returns its score."""
    best = 0.0
    for number in range(1, EPOCHS + 1):
        accuracy = last * (1 - math.exp(-number / 2))
        best = max(best, accuracy)
        epoch = made_epoch(number, accuracy, best)
        times = {STARTED_AT: started, ENDED_AT: started + 7.0 * number}
        trial.report(accuracy, number)
        records.record_epoch(trial, {**epoch.to_dict(), **times})
    return best


def made_epoch(number: int, accuracy: float, best: float) -> Epoch:
    return Epoch(
        epoch=number,
        stage="fine-tune",
        train_loss=4 * math.exp(-number / 2),
        train_accuracy=accuracy,
        validation_loss=4 * math.exp(-number / 2) + 0.3,
        validation_accuracy=accuracy,
        best_validation_accuracy=best,
        learning_rate=1e-4,
        steps=60,
        seconds=6.9,
        micro_batch=32,
    )


def timed(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Seconds that a call takes, of the processor."""
    began = clock()
    work()
    return clock() - began


def measure(trials: int, sampler: str, importances: bool) -> dict[str, float]:
    """The figures of one size, by the names of the columns."""
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        spec = spec_of(trials, Path(folder), sampler)
        write_search(spec)
        figures = {"journal MB": (spec.folder / JOURNAL).stat().st_size / 1e6}
        figures["open s"] = timed(lambda: studies.trials(open_study(spec)))
        study = open_study(spec)
        figures |= running(study, replace(spec, trials=trials + 100))
        if importances:
            figures["importances s"] = timed(lambda: importance.importances(study))
        figures |= ending(study, spec)
    figures["memory MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


def running(study: optuna.Study, spec: SearchSpec) -> dict[str, float]:
    """What a driver does while trials run."""
    ledger = Ledger(study, spec)
    questions = [timed(partial(ledger.ask, str(n))) for n in range(QUESTIONS)]
    looks = [timed(lambda: ledger.all_trials_started) for _ in range(LOOKS)]
    epoch = {**made_epoch(1, 0.5, 0.5).to_dict(), STARTED_AT: 0.0, ENDED_AT: 1.0}
    reports = [
        timed(partial(ledger.report, str(n), {**epoch, "epoch": each}), time.perf_counter)
        for n in range(QUESTIONS)
        for each in range(1, 5)
    ]
    paper = point_configuration(spec, {})
    console = Console(file=StringIO(), force_terminal=True, width=120, height=40)
    with Progress(console, study, spec, paper, Capacity(Resources(1, 0, QUESTIONS))) as progress:
        progress.update()
        views = [timed(progress.update) for _ in range(LOOKS)]
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    return {
        "question s": statistics.median(questions),
        "started ms": 1000 * statistics.median(looks),
        "epoch ms": 1000 * statistics.median(reports),
        "view ms": 1000 * statistics.median(views),
    }


def ending(study: optuna.Study, spec: SearchSpec) -> dict[str, float]:
    """What a driver does once, without importances: they are timed alone."""
    corpus = corpora.read("embedded")
    before = importance.importances
    importance.importances = lambda study: []
    try:
        tables = timed(lambda: write_results(study, spec, UNKNOWN_FACTS, corpus))
    finally:
        importance.importances = before
    return {"tables s": tables, "report s": timed(lambda: draw(spec.folder))}


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    args = parse(argv)
    facts = report.conditions("tests.benchmarks.scale", argv)
    columns = [*COLUMNS, *(AT_THE_END if args.importances else AT_THE_END[1:])]
    rows = [["trials", *columns]]
    context = multiprocessing.get_context("spawn")
    for trials in args.trials:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            figures = pool.submit(measure, trials, args.sampler, args.importances).result()
        rows.append([f"{trials:,}", *(report.number(figures[name]) for name in columns)])
        report.say(", ".join(f"{name} {figures[name]:.4g}" for name in columns))
    print(report.table(rows))
    print(report.ending(facts))
    return OK


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    p = Parser(
        prog="python -m tests.benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "--trials",
        type=int,
        nargs="+",
        default=[1000, 5000],
        metavar="N",
        help="sizes of the searches (default: 1000 5000)",
    )
    p.add_argument(
        "--sampler", choices=("tpe", "random"), default="tpe", help="of the question (default: tpe)"
    )
    p.add_argument(
        "--no-importances",
        dest="importances",
        action="store_false",
        help="leave them out: they take longest",
    )
    args = p.parse_args(argv)
    if min(args.trials) < 10:
        p.error(f"--trials must be at least 10; got {min(args.trials)}")
    return args


if __name__ == "__main__":
    raise SystemExit(main())
