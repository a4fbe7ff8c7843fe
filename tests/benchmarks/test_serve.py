"""The benchmark of MLflow's server serves a small model, and its rows have its times."""

from pathlib import Path

import pytest
import torch

from tests.benchmarks import serve
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.head import Head
from trainables.parts.model.loading import load_tokenizer
from trainables.parts.model.pretrained import Pretrained


def test_a_row_has_the_rate_and_the_percentiles_of_its_times() -> None:
    row = serve.row(16, [0.001 * (1 + each) for each in range(100)], seconds=5.0)
    assert "16 clients      20.0 requests/s, median 50.5 ms, 95th percentile 96.0 ms" in row


def test_a_folder_without_a_model_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert serve.main([str(tmp_path)]) == 2
    out, errors = capsys.readouterr()
    assert out == "" and errors.count("\n") == 1


@pytest.mark.soak
def test_a_model_is_served_to_some_clients(
    pretrained: Pretrained,
    data: Data,
    model_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch.manual_seed(0)
    model = Classifier.new(pretrained.build(), Head(pooling="mean"), data.labels)
    model.save(tmp_path, load_tokenizer(str(model_folder)))
    assert serve.main([str(tmp_path), "--clients", "1", "3", "--seconds", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "3"]
