"""The running average of weights against the mean written by hand, and against torch's."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from trainables.parts.data.batches import MiniBatches
from trainables.parts.data.tokens import Features
from trainables.parts.training.averaging import NO_AVERAGE, Averaging
from trainables.parts.training.loop import Training, fit
from trainables.parts.training.scores import Scores
from trainables.parts.training.step import Objective

EPOCHS, BATCHES = 6, 2


def trained(averaging: Averaging, **options: Any) -> tuple[list[Tensor], list[float], Tensor]:
    """The weights that are judged after each epoch, its losses, and the weights at the end."""
    torch.manual_seed(0)
    model = nn.Linear(2, 2)
    x = torch.randn(8, 2)
    judged: list[Tensor] = []

    def validate() -> Scores:
        judged.append(model.weight.detach().clone())
        return Scores(len(judged) / EPOCHS, 0.0, None)

    training = fit(
        model,
        Training(schedule="linear"),
        [{"params": list(model.parameters()), "lr": 0.1}],
        MiniBatches(Features(x, (x[:, 0] > 0).long()), 8 // BATCHES, 0),
        Objective(lambda batch: model(batch.inputs), nn.functional.cross_entropy),
        validate,
        stage="x",
        epochs=EPOCHS,
        averaging=averaging,
    )
    losses = [epoch.train_loss or 0.0 for epoch in training]
    return judged, losses, model.weight.detach().clone()


@pytest.fixture(scope="module")
def steps() -> list[Tensor]:
    """The weights after each step without an average."""
    torch.manual_seed(0)
    model = nn.Linear(2, 2)
    x = torch.randn(8, 2)
    labels = (x[:, 0] > 0).long()
    batches = MiniBatches(Features(x, labels), 8 // BATCHES, 0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.01, fused=True)
    after: list[Tensor] = []
    for epoch in range(1, EPOCHS + 1):
        for batch in batches.epoch(epoch):
            optimizer.param_groups[0]["lr"] = 0.1 * (1 - len(after) / (EPOCHS * BATCHES))
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(batch.inputs), batch.labels).backward()
            optimizer.step()
            after.append(model.weight.detach().clone())
    return after


@pytest.mark.parametrize(("start", "skipped"), [(0.0, 0), (0.5, 6), (0.7, 8), (0.99, 11)])
def test_what_is_judged_and_kept_is_the_mean_of_the_weights_after_each_step(
    start: float, skipped: int, steps: list[Tensor]
) -> None:
    judged, _, kept = trained(Averaging(start))
    for epoch, mean in enumerate(judged, start=1):
        done = epoch * BATCHES
        counted = steps[skipped:done] or steps[done - 1 : done]
        torch.testing.assert_close(mean, torch.stack(counted).mean(dim=0))
    assert torch.equal(kept, judged[-1])


def test_an_exponential_average_begins_as_the_mean(steps: list[Tensor]) -> None:
    judged, _, _ = trained(Averaging(0.0, decay=0.75))
    mean = torch.stack(steps[:4]).mean(dim=0)
    torch.testing.assert_close(judged[1], mean)
    for number, average in enumerate(judged[2:], start=2):
        for weights in steps[2 * number : 2 * number + 2]:
            mean = 0.75 * mean + 0.25 * weights
        torch.testing.assert_close(average, mean)


def test_an_exponential_average_of_one_step_at_first_is_torchs(steps: list[Tensor]) -> None:
    """torch's begins with the first weights; ours does where the first step alone is averaged."""
    model = nn.Linear(2, 2)
    average = Averaging(0.0, decay=0.5).begin(model, len(steps))
    reference = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    for weights in steps:
        with torch.no_grad():
            model.weight.copy_(weights)
        average.update()
        reference.update_parameters(model)
    with average.applied():
        torch.testing.assert_close(model.weight, reference.module.weight)
    assert torch.equal(model.weight, steps[-1])


def test_averaging_does_not_change_the_training(steps: list[Tensor]) -> None:
    judged, losses, _ = trained(NO_AVERAGE)
    assert trained(Averaging(0.0))[1] == losses
    for weights, expected in zip(judged, steps[1::BATCHES], strict=True):
        torch.testing.assert_close(weights, expected)


def test_an_error_while_the_average_is_judged_leaves_the_model_its_own_weights() -> None:
    model = nn.Linear(2, 2)
    average = Averaging(0.0).begin(model, 2)
    average.update()
    with torch.no_grad():
        model.weight.add_(1)
    average.update()
    before = model.weight.detach().clone()
    with pytest.raises(RuntimeError), average.applied():
        torch.testing.assert_close(model.weight, before - 0.5)
        raise RuntimeError
    assert torch.equal(model.weight, before)


@pytest.mark.parametrize(("start", "copies"), [(1.0, 0), (0.99, 1), (0.0, 1)])
def test_it_takes_the_memory_of_the_weights_from_the_beginning(start: float, copies: int) -> None:
    """So the measurement of a trial's memory, which takes a few steps, counts it."""
    model = nn.Linear(2, 2)
    average = Averaging(start).begin(model, 3)
    weights = sum(parameter.numel() for parameter in model.parameters())
    assert sum(tensor.numel() for tensor in average.mean) == copies * weights
    assert {tensor.data_ptr() for tensor in average.mean}.isdisjoint(
        parameter.data_ptr() for parameter in model.parameters()
    )
