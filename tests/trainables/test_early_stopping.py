"""Early stopping, for every regime that trains: the same curve, cut after the patience."""

import pytest
import torch

from tests.trainables.runs import SENSIBLE, TRAINING, curve, few, run
from trainables.parts.data.tokens import Data
from trainables.parts.model.pretrained import Pretrained
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.scores import scores

EPOCHS = 6
"""Of each stage. None of the tiny runs is better after each of them."""


def until_not_better(stage: list[Epoch]) -> list[Epoch]:
    """A stage up to its first epoch that is not better than all before it."""
    for number in range(1, len(stage)):
        before = max(epoch.validation_accuracy for epoch in stage[:number])
        if stage[number].validation_accuracy <= before:
            return stage[: number + 1]
    return stage


@pytest.mark.parametrize("regime", TRAINING)
def test_a_stage_is_cut_after_its_first_epoch_that_is_not_better_and_keeps_its_best(
    regime: str, pretrained: Pretrained, data: Data
) -> None:
    part = few(data)
    options = {"epochs": EPOCHS, **SENSIBLE, "head_epochs": EPOCHS}
    whole, _ = run(regime, pretrained, part, **options)
    cut, model = run(regime, pretrained, part, **options, early_stopping_patience=1)

    of_whole = [epoch for epoch in whole if epoch.stage == whole[0].stage]
    first = [epoch for epoch in cut if epoch.stage == cut[0].stage]
    assert curve(first) == curve(until_not_better(of_whole)) and len(first) < len(of_whole)

    # The second stage has its budget to itself, on the best epoch's encoder of the first.
    last = [epoch for epoch in cut if epoch.stage == cut[-1].stage]
    assert {epoch.stage for epoch in cut} == {epoch.stage for epoch in whole}
    start = 1 if last == first else EPOCHS + 1
    assert [epoch.epoch for epoch in last] == list(range(start, start + len(last)))
    assert last == until_not_better(last)

    measured = scores(model.logits(part.validation), torch.from_numpy(part.validation.labels))
    best = max(epoch.validation_accuracy for epoch in last)
    assert measured.accuracy == last[-1].best_validation_accuracy == best
    kept = [epoch for epoch in last if epoch.validation_accuracy == best][-1]
    assert measured.loss == pytest.approx(kept.validation_loss, rel=1e-6)
