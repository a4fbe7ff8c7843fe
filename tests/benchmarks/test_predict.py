"""The benchmark of answering runs on a small model, and its ratios are those of its times."""

from pathlib import Path

import pytest
import torch

from tests.benchmarks import predict
from tests.benchmarks.predict import Timed
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.head import Head
from trainables.parts.model.loading import load_tokenizer
from trainables.parts.model.pretrained import Pretrained


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    own = Timed("onnx", 10, (0.1, 0.2, 0.5), (0.1, 0.1, 0.2))
    row = own.row(Timed("pipeline", 10, (0.4, 0.4, 0.5), (0.3, 0.3, 0.3)))
    assert "20.00 ms a text (CPU 10.00)" in row and "2.0 x as fast (1.0 to 4.0)" in row


@pytest.mark.soak
def test_all_ways_answer(
    pretrained: Pretrained,
    data: Data,
    model_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch.manual_seed(0)
    model = Classifier.new(pretrained.build(), Head(pooling="mean"), data.labels)
    model.save(tmp_path, load_tokenizer(str(model_folder)))
    assert predict.main([str(tmp_path), "--texts", "1", "30", "--rounds", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["1"] * 4 + ["30"] * 4
