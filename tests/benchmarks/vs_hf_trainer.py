"""python -m tests.benchmarks.vs_hf_trainer: one search, by Hugging Face's
`Trainer.hyperparameter_search` and by Regimen.

Every side tries the same learning rates with the same everything: encoder, [CLS] -> dropout 0.1 ->
linear head, AdamW with weight decay 0.01, gradients clipped at norm 1 (Trainer's default), a linear
schedule, batch size, epochs, seed and sentences, judged on validation every epoch; none stops a
trial early. Two differences are left: Trainer decays no biases and norms, and each side shuffles in
its own way.

    hf-fp32        Trainer as it is, transformers' Ray backend
    hf-bf16        the same with bf16=True
    hf-bf16-reuse  and with Ray's actors kept from trial to trial, which is off by default
    regimen        search.run over the same list, without runs on other seeds

Each side is a process of its own and has all cores, and no GPU. A short probe finds whether it does
better with one trial on all of them or with a one-thread trial on each. Then the sides take turns,
`--repeats` times, so that what else the machine does meets all; each repeat has a seed of its own.

Start-up is from the process's start to the moment in which it asks for its first trial (imports,
data, Ray); the search is from there to the last trial's end, workers' starts and imports included;
trials an hour are those of the search. Efficiency is the time in which the matrix units could have
multiplied what training on the real tokens needs (work.py), divided by the search's time;
validation takes time, and counts as no work.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from analysis.command import Parser
from search.inputs import prepare, resolve_precision
from tests.benchmarks import corpus, peak, program, report
from tests.benchmarks.hf_figures import accuracy_line, figures, ratios_table, sides_table
from tests.benchmarks.process import Ran
from tests.benchmarks.report import say
from tests.benchmarks.sides import REGIMEN, SIDES, Concurrency, Task, probe, rates, turn
from tests.benchmarks.trials import Trials
from tests.benchmarks.work import Shape, training_flop

PROBED = 400
"""Training sentences in the probe."""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The flags. Raises ValueError for values that make no sense."""
    p = Parser(
        prog="python -m tests.benchmarks.vs_hf_trainer",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
        "--batch-size",
        type=int,
        default=16,
        metavar="N",
        help="sentences in a mini-batch (default: 16)",
    )
    p.add_argument(
        "--trials", type=int, default=4, metavar="N", help="learning rates to try (default: 4)"
    )
    p.add_argument("--epochs", type=int, default=2, metavar="N", help="of a trial (default: 2)")
    p.add_argument(
        "--repeats", type=int, default=3, metavar="N", help="turns of each side (default: 3)"
    )
    p.add_argument(
        "--sentences",
        type=int,
        metavar="N",
        help="training sentences to use, drawn by the seed (default: all)",
    )
    p.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of the first turn; each later one has the next (default: 0)",
    )
    default = ["hf-fp32", "hf-bf16", REGIMEN]
    p.add_argument(
        "--sides",
        nargs="+",
        choices=SIDES,
        default=default,
        help=f"who takes part (default: {' '.join(default)})",
    )
    p.add_argument(
        "--hf-sampling",
        choices=["random", "group_by_length"],
        default="random",
        help=(
            "Trainer's train_sampling_strategy: random, its default, or like lengths together,"
            " which pads less (default: random)"
        ),
    )
    p.add_argument(
        "--share",
        choices=["probe", "trials", "threads"],
        default="probe",
        help=(
            "a one-thread trial on each core (trials), one trial on all (threads), or each side's"
            " better one by a probe (default: probe)"
        ),
    )
    p.add_argument(
        "--out", metavar="FILE", help="every raw number as JSON, written after each turn"
    )
    args = p.parse_args(argv)
    for name in ("batch_size", "trials", "epochs", "repeats"):
        if getattr(args, name) < 1:
            raise ValueError(
                f"--{name.replace('_', '-')} must be at least 1; got {getattr(args, name)}"
            )
    if not 0 <= args.seed < 2**31 - args.repeats:
        raise ValueError(f"--seed must be from 0 to {2**31 - args.repeats - 1}; got {args.seed}")
    args.sides = list(dict.fromkeys(args.sides))
    return args


class Benchmark:
    """The run: prepares the data, probes, runs the sides in turn, and reports."""

    def __init__(
        self, args: argparse.Namespace, out: Path | None, conditions: dict[str, Any], work: Path
    ) -> None:
        self.args, self.out, self.work = args, out, work
        read = corpus.write(args.data, args.sentences, args.seed, folder(work / "data"))
        prepared = prepare(str(work / "data"), args.model)
        lengths, shape = prepared.data.train.lengths, Shape.of(prepared.pretrained.config)
        self.tokens, self.flop = (
            args.epochs * int(lengths.sum()),
            args.epochs * training_flop(lengths, shape),
        )
        listed = rates(args.trials, args.seed)
        self.task = Task(
            work / "data",
            args.model,
            len(read.labels),
            listed,
            args.epochs,
            args.batch_size,
            args.seed,
            args.hf_sampling,
        )
        self.sentences = len(lengths)
        self.turns: dict[str, dict[int, tuple[Ran, Trials]]] = {name: {} for name in args.sides}
        self.concurrency: dict[str, Concurrency] = {}
        self.facts: dict[str, Any] = {
            **conditions,
            "sentences": self.sentences,
            "validation": len(prepared.data.validation),
            "tokens_a_trial": self.tokens,
            "flop_a_trial": self.flop,
            "learning_rates": listed,
            "peaks": [],
            "probes": {},
            "turns": [],
        }
        say(
            f"{self.sentences} training sentences of {lengths.mean():.1f} tokens,"
            f" {self.facts['validation']} for validation; learning rates"
            f" {', '.join(f'{rate:g}' for rate in listed)}"
        )

    def run(self) -> None:
        """Measure everything. A side that fails is reported, and the others continue."""
        for name in self.args.sides:
            self.concurrency[name] = self.choose_concurrency(name)
        for repeat in range(self.args.repeats):
            self.measure_peak()
            for name in self.args.sides:
                self.take_turn(name, repeat)
        self.measure_peak()

    def choose_concurrency(self, name: str) -> Concurrency:
        """The part of the machine that a side's trials get."""
        cores = os.cpu_count() or 1
        if self.args.share != "probe":
            return Concurrency(cores, 1) if self.args.share == "trials" else Concurrency(1, cores)
        small = self.work / "small"
        if not small.exists():
            corpus.write(
                str(self.work / "data"), min(PROBED, self.sentences), self.args.seed, folder(small)
            )
        task = replace(self.task, data=small, rates=rates(cores, 0), epochs=1)
        say(
            f"probe of {name}: {cores} trials of one epoch over {min(PROBED, self.sentences)}"
            " sentences, each way"
        )
        chosen, probes = probe(name, task, self.work)
        self.facts["probes"][name] = probes
        self.keep()
        for row in probes:
            say(
                f"  {Concurrency(row['slots'], row['threads'])}:"
                f" {row.get('error') or format(row['epochs_a_minute'], '.1f') + ' epochs a minute'}"
            )
        return chosen

    def measure_peak(self) -> None:
        """Once in both precisions."""
        try:
            rates = peak.measure()
        except Exception as error:  # of whatever kind: the comparison is worth having without it
            say(f"the peak was not measured: {error}")
            return
        say(
            "peak: "
            + ", ".join(f"{name} {rate / 1e12:.2f} TFLOP/s" for name, rate in rates.items())
        )
        self.facts["peaks"].append(rates)
        self.keep()

    def take_turn(self, name: str, repeat: int) -> None:
        """One side's search."""
        task = replace(self.task, seed=self.args.seed + repeat)
        entry: dict[str, Any] = {
            "side": name,
            "repeat": repeat,
            "seed": task.seed,
            "share": asdict(self.concurrency[name]),
        }
        try:
            ran, ended = turn(name, task, self.concurrency[name], self.work / f"{name}-{repeat}")
        except (OSError, RuntimeError, ValueError) as error:
            entry["error"] = str(error)
            say(f"repeat {repeat + 1}, {name}: FAILED: {error}")
        else:
            self.turns[name][repeat] = ran, ended
            entry |= {
                "process": asdict(ran),
                "asked": ended.asked,
                "trials": [asdict(trial) for trial in ended.trials],
            }
            entry["figures"] = measured = figures(ran, ended, self.tokens, self.flop, {}, "")
            say(
                f"repeat {repeat + 1}, {name}: {measured['trials_an_hour']:.1f} trials an hour,"
                f" {measured['epoch']:.2f} s an epoch"
            )
        self.facts["turns"].append(entry)
        self.keep()

    def report(self) -> bool:
        """Print the tables; return whether every side completed every turn."""
        peaks = (
            {name: max(one[name] for one in self.facts["peaks"]) for name in peak.DTYPES}
            if self.facts["peaks"]
            else {}
        )
        precision = {name: "fp32" if name.endswith("fp32") else "bf16" for name in self.turns}
        precision[REGIMEN] = resolve_precision("auto", gpu=False)
        measured = {
            name: {
                repeat: figures(*one, self.tokens, self.flop, peaks, precision[name])
                for repeat, one in turns.items()
            }
            for name, turns in self.turns.items()
        }
        self.facts["figures"], self.facts["best_peaks"] = measured, peaks
        self.keep()
        rates_ = (
            ", ".join(f"{name} {rate / 1e12:.2f} TFLOP/s" for name, rate in peaks.items())
            or "not measured"
        )
        concurrency = {name: str(value) for name, value in self.concurrency.items()}
        print(f"\n{sides_table(measured, concurrency)}\n")
        if against := ratios_table(measured):
            print(f"{against}\n")
        for name in [name for name in self.turns if name != REGIMEN and REGIMEN in self.turns]:
            both = sorted(self.turns[name].keys() & self.turns[REGIMEN].keys())
            print(
                accuracy_line(
                    name,
                    *([self.turns[side][repeat][1] for repeat in both] for side in (REGIMEN, name)),
                )
            )
        print(
            f"cells: median (range) over the turns; peak, the best of {len(self.facts['peaks'])}"
            f" measurements: {rates_}"
        )
        print(report.ending(self.facts))
        return all(len(turns) == self.args.repeats for turns in self.turns.values())

    def keep(self) -> None:
        """Write what there is."""
        report.save(self.out, self.facts)


def folder(path: Path) -> Path:
    """A new folder."""
    path.mkdir()
    return path


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 if every side succeeded, 1 if one failed, 2 for bad input, 130 after ^C.

    What was measured is reported in any case.
    """

    def prepare(work: Path) -> Benchmark:
        args = parse(argv)
        return Benchmark(
            args,
            report.out_file(args.out),
            report.conditions("tests.benchmarks.vs_hf_trainer", argv),
            work,
        )

    return program.run(prepare)


if __name__ == "__main__":
    raise SystemExit(main())
