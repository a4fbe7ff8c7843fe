"""python -m tests.benchmarks.time_to_accuracy: how soon a search holds a good configuration,
Hugging Face's and Regimen's.

For each seed, `Trainer.hyperparameter_search` runs its trials over a regime's space; then Regimen
searches the same space with its own defaults (ASHA, TPE, its starting points) for as long as that
took. Both ask the very same function for configurations, and make head, parameter groups and
schedule of them alike, so nothing has to be left out of the space. Hugging Face's side is what its
users have: TPE, no stopping, no starting points, by default Ray with a one-thread trial on each
core; both sides use the precision that suits the hardware.

Seconds count from the process's start, imports and all, until any trial's epoch reports the target:
the best accuracy of Hugging Face's whole search of that seed; and the best of all searches here,
less half a point. An epoch of Regimen's counts from when it stands in the journal, looked for twice
a second; one of Hugging Face's from its own evaluation. Only what was found within the time of
Hugging Face's whole search counts, and the best accuracy within it is told too.
"""

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import trainables
from analysis.command import Parser
from analysis.paper import row
from search.inputs import prepare, resolve_precision
from search.study import study as studies
from tests.benchmarks import corpus, process, program, report, trials
from tests.benchmarks.curve import Curve, best, format_seconds, median_of, ratio, reached
from tests.benchmarks.hf_plan import HfSearch
from tests.benchmarks.journal_watcher import JournalWatcher
from tests.benchmarks.report import say
from trainables.parts.training.fine_tune import FineTune

TARGET_MARGIN = 0.005
"""How far below the best accuracy of all searches the second target is."""
UNREACHABLE_TRIALS = 10_000
"""Regimen's number of trials: more than there is time for."""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the flags. Raises ValueError for invalid values."""
    p = Parser(
        prog="python -m tests.benchmarks.time_to_accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    regimes = [
        name
        for name in trainables.names()
        if issubclass(trainables.load(name).Config, FineTune) and row(name)
    ]
    p.add_argument(
        "--regime",
        choices=regimes,
        default="baseline",
        help="whose space is searched (default: baseline)",
    )
    p.add_argument(
        "--data",
        default="embedded",
        metavar="SOURCE",
        help="as search.run has it (default: embedded)",
    )
    p.add_argument(
        "--model",
        default="minilm",
        metavar="SOURCE",
        help="a hub name, a local folder, or minilm (default: minilm)",
    )
    p.add_argument(
        "--trials", type=int, default=8, metavar="N", help="of Hugging Face's search (default: 8)"
    )
    p.add_argument(
        "--epochs", type=int, default=4, metavar="N", help="of a trial on both sides (default: 4)"
    )
    p.add_argument(
        "--seeds",
        type=int,
        default=3,
        metavar="N",
        help="how often it is done, each with its own seed (default: 3)",
    )
    p.add_argument(
        "--seed", type=int, default=0, metavar="N", help="the first of them (default: 0)"
    )
    p.add_argument(
        "--sentences",
        type=int,
        metavar="N",
        help="training sentences to use, drawn by the first seed (default: all)",
    )
    p.add_argument(
        "--fix",
        nargs="+",
        action="extend",
        default=[],
        metavar="FIELD=VALUE",
        help="not to be searched, on both sides",
    )
    p.add_argument(
        "--hf-backend",
        choices=["ray", "optuna"],
        default="ray",
        help=(
            "Ray with Optuna's TPE and a one-thread trial on each core; or Optuna, one trial at a"
            " time on all cores (default: ray)"
        ),
    )
    p.add_argument(
        "--hf-reuse",
        action="store_true",
        help="keep Ray's actors from trial to trial there, which is off by default",
    )
    p.add_argument(
        "--hf-points",
        action="store_true",
        help="let it try the regime's points in common use first, as Regimen does (ray only)",
    )
    p.add_argument(
        "--out", metavar="FILE", help="every raw number as JSON, written after each search"
    )
    args = p.parse_args(argv)
    for name in ("trials", "epochs", "seeds"):
        if getattr(args, name) < 1:
            raise ValueError(f"--{name} must be at least 1; got {getattr(args, name)}")
    if not 0 <= args.seed < 2**31 - args.seeds:
        raise ValueError(f"--seed must be from 0 to {2**31 - args.seeds - 1}; got {args.seed}")
    if args.hf_backend == "optuna" and (args.hf_reuse or args.hf_points):
        raise ValueError("--hf-reuse and --hf-points need --hf-backend ray")
    return args


def fixed(regime: str, items: Sequence[str]) -> dict[str, Any]:
    """Parse the values of --fix. Raises ValueError for an unknown field or an invalid value."""
    config, values = trainables.load(regime).Config, {}
    for item in items:
        name, equals, text = item.partition("=")
        if not equals:
            raise ValueError(f"--fix takes FIELD=VALUE; got '{item}'")
        values[name] = config.parse(name, text)
    return values


class Benchmark:
    """The run: both searches for each seed, and their comparison."""

    def __init__(
        self, args: argparse.Namespace, out: Path | None, conditions: dict[str, Any], work: Path
    ) -> None:
        self.args, self.out, self.work = args, out, work
        (work / "data").mkdir()
        read = corpus.write(args.data, args.sentences, args.seed, work / "data")
        prepare(str(work / "data"), args.model)  # raises where model and data don't fit
        self.labels, self.fix = len(read.labels), fixed(args.regime, args.fix)
        self.bf16 = resolve_precision("auto", gpu=False) == "bf16"
        self.facts: dict[str, Any] = {
            **conditions,
            "sentences": len(read.train),
            "bf16": self.bf16,
            "searches": [],
        }
        say(
            f"{len(read.train)} training sentences, {len(read.validation)} for validation;"
            f" {'bf16' if self.bf16 else 'fp32'}"
        )

    def run(self) -> None:
        """Run both sides for each seed in turn. A failure is reported, and the rest continues."""
        for seed in range(self.args.seed, self.args.seed + self.args.seeds):
            entry: dict[str, Any] = {"seed": seed}
            self.facts["searches"].append(entry)
            for side in (self.hugging_face, self.regimen):
                try:
                    side(seed, entry)
                except (OSError, RuntimeError, ValueError) as error:
                    entry.setdefault("errors", []).append(f"{side.__name__}: {error}")
                    say(f"seed {seed}: {side.__name__} FAILED: {error}")
                report.save(self.out, self.facts)

    def hugging_face(self, seed: int, entry: dict[str, Any]) -> None:
        """Run Hugging Face's search."""
        cores = os.cpu_count() or 1
        ray = self.args.hf_backend == "ray"
        plan = HfSearch(
            data=str(self.work / "data"),
            model=self.args.model,
            events=str(self.work / f"events-{seed}.jsonl"),
            labels=self.labels,
            epochs=self.args.epochs,
            seed=seed,
            bf16=self.bf16,
            slots=cores if ray else 1,
            threads=1 if ray else cores,
            fix=self.fix,
            regime=self.args.regime,
            trials=self.args.trials,
            points=self.args.hf_points,
            backend=self.args.hf_backend,
            reuse=self.args.hf_reuse,
        )
        file = self.work / f"plan-{seed}.json"
        file.write_text(plan.to_json(), encoding="utf-8")
        ran = process.run("tests.benchmarks.hf_search", [str(file)], self.work / f"hf-{seed}.log")
        ended = trials.of_events(Path(plan.events))
        curve = [
            (event["at"] - ran.began, event["accuracy"])
            for event in trials.read_events(Path(plan.events))
            if event["event"] == "epoch"
        ]
        entry["hf"] = {
            "seconds": ran.ended - ran.began,
            "curve": curve,
            "trials": [asdict(trial) for trial in ended.trials],
        }
        if len(ended.complete) != self.args.trials:
            raise RuntimeError(f"{len(ended.complete)} of {self.args.trials} trials completed")
        top = best(curve) or 0.0
        say(
            f"seed {seed}: Hugging Face: {len(ended.complete)} trials in"
            f" {ran.ended - ran.began:.0f} s, best {100 * top:.1f} %"
        )

    def regimen(self, seed: int, entry: dict[str, Any]) -> None:
        """Run Regimen's search for as long as Hugging Face's took."""
        if "hf" not in entry:
            raise RuntimeError("there is no time to compare with")
        budget, results = entry["hf"]["seconds"], self.work / f"results-{seed}"
        budget_flags = f"--trials {UNREACHABLE_TRIALS} --epochs {self.args.epochs} --seed {seed}"
        argv = [
            *f"--regime {self.args.regime} --name benchmark --no-confirm".split(),
            *f"{budget_flags} --time-budget {budget:.0f}s --gpus-per-trial 0".split(),
            *("--data", str(self.work / "data"), "--model", self.args.model),
            *("--results", str(results)),
        ]
        argv += ["--fix", *self.args.fix] if self.args.fix else []
        watch = JournalWatcher(results / "benchmark")
        ran = process.run(
            "search.run", argv, self.work / f"regimen-{seed}.log", watch.poll, every=0.5
        )
        curve = [(at - ran.began, accuracy) for at, accuracy in watch.epochs]
        states = Counter(
            trial.state.name for trial in studies.trials(studies.read_study(results / "benchmark"))
        )
        entry["regimen"] = {"seconds": ran.ended - ran.began, "curve": curve, "states": states}
        say(
            f"seed {seed}: Regimen: {dict(states)}, best {100 * (best(curve, budget) or 0):.1f} %"
            f" in the same {budget:.0f} s"
        )

    def report(self) -> bool:
        """Print the results; return whether every search succeeded."""
        whole = [entry for entry in self.facts["searches"] if "hf" in entry and "regimen" in entry]
        highest = best_known(whole)
        near = highest - TARGET_MARGIN
        outcomes = [outcome(entry, near) for entry in whole]
        self.facts["best_known"], self.facts["outcomes"] = highest, outcomes
        report.save(self.out, self.facts)
        print(f"\n{table(outcomes)}\n")
        print(
            f"targets: Hugging Face's best of that seed, and {100 * near:.2f} %, the best of all"
            f" less {100 * TARGET_MARGIN:g} points"
        )
        for title, key in (("Hugging Face's best", "best"), ("near the best known", "near")):
            print(
                f"times as soon there as Hugging Face, {title}:"
                f" {median_of([one[key]['ratio'] for one in outcomes])}; median (range)"
            )
        print(report.ending(self.facts))
        return len(whole) == self.args.seeds


def best_known(entries: Sequence[dict[str, Any]]) -> float:
    """The highest accuracy of all searches, within the time that each has."""
    return max(
        (
            best(entry[side]["curve"], entry["hf"]["seconds"]) or 0.0
            for entry in entries
            for side in ("hf", "regimen")
        ),
        default=0.0,
    )


def outcome(entry: dict[str, Any], near: float) -> dict[str, Any]:
    """The comparison of the two searches of one seed."""
    length = entry["hf"]["seconds"]
    curves = {side: _within(entry[side]["curve"], length) for side in ("hf", "regimen")}
    top = {side: best(curve) for side, curve in curves.items()}
    compared: dict[str, Any] = {"seed": entry["seed"], "seconds": length, "top": top}
    for name, target in {"best": top["hf"], "near": near}.items():
        times = {
            side: None if target is None else reached(curve, target)
            for side, curve in curves.items()
        }
        compared[name] = {"target": target, **times, "ratio": ratio(times["hf"], times["regimen"])}
    return compared


def _within(curve: Curve, seconds: float) -> Curve:
    return [(at, accuracy) for at, accuracy in curve if at <= seconds]


def table(outcomes: Sequence[dict[str, Any]]) -> str:
    """A row a seed; seconds to the targets."""
    sides = ("hf", "regimen", "ratio")
    rows = [
        [
            "seed",
            "time, s",
            *(f"best of {side}, %" for side in sides[:2]),
            *(f"{to}: {side}" for to in ("hf's best", "near best") for side in sides),
        ]
    ]
    for entry in outcomes:
        cells = [str(entry["seed"]), f"{entry['seconds']:.0f}"]
        cells += [
            f"{100 * entry['top'][side]:.2f}" if entry["top"][side] is not None else "-"
            for side in sides[:2]
        ]
        for key in ("best", "near"):
            cells += [format_seconds(entry[key][side], entry["seconds"]) for side in sides[:2]]
            cells.append("-" if entry[key]["ratio"] is None else f"{entry[key]['ratio']:.2f}")
        rows.append(cells)
    return report.table(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 if every search succeeded, 1 if one failed, 2 for bad input, 130 after ^C.

    What was measured is reported in any case.
    """

    def prepared(work: Path) -> Benchmark:
        args = parse(argv)
        return Benchmark(
            args,
            report.out_file(args.out),
            report.conditions("tests.benchmarks.time_to_accuracy", argv),
            work,
        )

    return program.run(prepared)


if __name__ == "__main__":
    raise SystemExit(main())
