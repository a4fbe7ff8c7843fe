"""The arithmetic of the benchmark that trains random configurations, and that it goes on where it
stopped."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import trainables
from tests import tiny
from tests.benchmarks import random_configurations as program
from tests.processes import ROOT
from trainables.parts.data.tokens import Data
from trainables.parts.model.pretrained import Pretrained


@pytest.mark.parametrize(
    ("floor", "final", "expected"),
    [
        (0.0, 0.25, True),
        (0.0, 0.24, False),
        (0.6, 0.7, True),
        (0.6, 0.69, False),
        (0.6, None, False),
    ],
)
def test_a_configuration_learned_if_it_gained_a_quarter_of_what_was_missing(
    floor: float, final: float | None, expected: bool
) -> None:
    assert program.learned({"floor": floor, "final": final}) is expected


@pytest.mark.parametrize("regime", ["supcon", "simclr_crop", "supcon_joint", "proto", "llrd"])
def test_only_the_contrastive_regimes_are_compared_with_a_ridge_classifier(
    regime: str, data: Data, pretrained: Pretrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`supcon_joint` and `proto` have a temperature too, but no ridge classifier judges them."""
    prepared = SimpleNamespace(data=data, small=pretrained)
    monkeypatch.setattr(program, "_prepared", prepared, raising=False)
    config = trainables.load(regime).Config().to_dict()
    random = 1 / len(data.labels)
    assert (program.floor(regime, config) != random) == (regime in ("supcon", "simclr_crop"))


def test_configurations_are_drawn_for_each_regime_separately() -> None:
    configs = program.configurations("llrd", 5, 0)
    assert (
        configs == program.configurations("llrd", 6, 0)[:5]
        and len({json.dumps(config) for config in configs}) == 5
    )
    assert [config["dropout"] for config in configs] != [
        config["dropout"] for config in program.configurations("warmup", 5, 0)
    ]


@pytest.mark.soak
def test_only_missing_configurations_are_trained(tmp_path: Path, model_folder: Path) -> None:
    sources = [
        "--data",
        str(tiny.write_corpus(tmp_path / "corpus")),
        "--model",
        str(model_folder),
        "--out",
        str(tmp_path / "rows.jsonl"),
    ]
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.random_configurations",
        *sources,
        "--processes",
        "1",
        "--regimes",
        "probe",
        "supcon",
    ]
    first, second = (
        subprocess.run(
            [*command, "--configurations", count],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for count in ("1", "2")
    )
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert sorted((row["regime"], row["number"]) for row in rows) == [
        ("probe", 0),
        ("probe", 1),
        ("supcon", 0),
        ("supcon", 1),
    ]
    assert first.stdout.count('"number": 0') == 2 and '"number": 0' not in second.stdout
    assert "of 2 |" in second.stdout
    assert all(row["final"] == row["judge"] for row in rows if row["regime"] == "supcon")
