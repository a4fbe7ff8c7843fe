"""The output of the GPU benchmark: a line per row, and a JSON file."""

import argparse
import json
import os
import platform
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.gpu import sentences
from tests.benchmarks.gpu.card import Facts
from tests.benchmarks.gpu.row import HEADER, Row, fill, line, profile_line


class Report:
    """The rows so far, printed as they are measured and written as JSON."""

    def __init__(self, out: Path | None, head: dict[str, Any], rate: float) -> None:
        self.out = out
        self.head = head
        self.rate = rate
        self.rows: list[Row] = []
        self.notes: list[str] = []

    def add(self, row: Row, answers: Sequence[Any]) -> None:
        """Fill a row, print it and write the file anew."""
        fill(row, answers, self.rate)
        row.times_alone = self._times(row, row.what)
        row.times_hf = self._times(row, "HF Trainer")
        self.rows.append(row)
        say(line(row))
        if row.profile and row.profile.kernels and not row.failed:
            say(profile_line(row))
        self.write()

    def note(self, text: str) -> None:
        """Report something that was not measured, and why."""
        self.notes.append(text)
        say(text)
        self.write()

    def write(self) -> None:
        """Write the file atomically: it is complete whenever the program ends."""
        if self.out is None:
            return
        whole = {**self.head, "notes": self.notes, "rows": [row.to_dict() for row in self.rows]}
        beside = self.out.with_name(f".{self.out.name}.new")
        beside.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
        beside.replace(self.out)

    def _times(self, row: Row, what: str) -> float | None:
        """Throughput over that of `what` alone at the same batch size."""
        rows = [
            other
            for other in [*self.rows, row]
            if (other.what, other.batch_size, other.packed) == (what, row.batch_size, 1)
        ]
        alone = rows[0].sentences_per_s if rows else None
        return row.sentences_per_s / alone if alone and row.sentences_per_s else None


def head(args: argparse.Namespace, argv: Sequence[str], card: Facts) -> dict[str, Any]:
    """The conditions of the measurements, and the command."""
    config = sentences.bert(args.layers, args.width)
    drawn = sentences.lengths(100_000, seed=0)
    return {
        "command": shlex.join(["python", "-m", "tests.benchmarks.gpu", *argv]),
        "device": card.device,
        "device_bytes": card.memory,
        "cores": os.cpu_count(),
        "machine": platform.platform(),
        "versions": card.versions,
        "precision": args.precision,
        "determinism": args.determinism,
        "bf16_flop_per_s": card.rate,
        "bf16_flop_per_s_rounds": card.rates,
        "shape": {
            name: getattr(config, name)
            for name in ("num_hidden_layers", "hidden_size", "intermediate_size", "vocab_size")
        },
        "tokens_a_sentence": {
            "mean": float(drawn.mean()),
            "max": int(drawn.max()),
            "counts": sentences.LENGTHS,
        },
        "seconds": args.seconds,
    }


def say_head(facts: dict[str, Any]) -> None:
    shape, tokens, rounds = (
        facts["shape"],
        facts["tokens_a_sentence"],
        facts["bf16_flop_per_s_rounds"],
    )
    say(facts["command"])
    say(
        f"{facts['device']}, {facts['device_bytes'] / 2**30:.1f} GiB; {facts['cores']} cores;"
        f" {facts['machine']}"
    )
    say(", ".join(f"{name} {version}" for name, version in facts["versions"].items()))
    low, high = min(rounds) / 1e12, max(rounds) / 1e12
    say(
        f"bf16 matrix products: {facts['bf16_flop_per_s'] / 1e12:.1f} TFLOP/s (median of"
        f" {len(rounds)}, {low:.1f} to {high:.1f})"
    )
    say(
        f"BERT of {shape['num_hidden_layers']} layers, {shape['hidden_size']} wide,"
        f" {shape['vocab_size']} tokens in use; {facts['precision']}; determinism:"
        f" {facts['determinism']}"
    )
    say(
        f"tokens a sentence: mean {tokens['mean']:.2f}, at most {tokens['max']}; windows of"
        f" {facts['seconds']:g} s"
    )
    say(HEADER)


def say(text: str) -> None:
    print(text, flush=True)
