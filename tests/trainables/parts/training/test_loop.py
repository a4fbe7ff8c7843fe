"""The training loop: best weights, steps, learning rates, and losses that are not finite."""

from collections.abc import Callable
from dataclasses import replace
from statistics import fmean
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.trainables.parts.training.short_memory import points
from trainables.parts.data.batches import MiniBatches
from trainables.parts.data.tokens import Features, Metric
from trainables.parts.training import schedule
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.loop import Training, fit
from trainables.parts.training.schedule import Shape
from trainables.parts.training.scores import Scores, scores
from trainables.parts.training.step import Objective


def separable() -> MiniBatches:
    """Eight points of two intents in two mini-batches."""
    x = torch.tensor([[1.0, 0.2], [0.8, 0.1], [0.9, -0.3], [1.1, 0.0]])
    return MiniBatches(Features(torch.cat([x, -x]), torch.tensor([0] * 4 + [1] * 4)), 4, 0)


def linear() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(2, 2)


def cross_entropy(model: nn.Module) -> Objective:
    return Objective(lambda batch: model(batch.inputs), nn.functional.cross_entropy)


def groups(model: nn.Module, rate: float = 0.1) -> list[dict[str, object]]:
    return [{"params": list(model.parameters()), "lr": rate}]


@pytest.mark.parametrize(("metric", "best"), [("accuracy", 2), ("macro_f1", 0)])
def test_the_loop_leaves_the_weights_of_the_best_epoch_of_equals_the_later(
    metric: Metric, best: int
) -> None:
    model = linear()
    accuracies, macro_f1s = [0.2, 0.9, 0.9, 0.5], [0.4, 0.3, 0.2, 0.3]
    scores = map(Scores, accuracies, macro_f1s, [None] * 4)
    epochs, weights = [], []
    for epoch in fit(
        model,
        Training(),
        groups(model),
        separable(),
        cross_entropy(model),
        lambda: next(scores),
        stage="x",
        epochs=4,
        kept=metric,
    ):
        epochs.append(epoch)
        weights.append(model.weight.detach().clone())
    assert torch.equal(model.weight, weights[best])
    assert not torch.equal(weights[best], weights[3])
    # What is recorded as best are both scores of the epoch whose weights are kept.
    kept = epochs[-1].best_validation_accuracy, epochs[-1].best_validation_macro_f1
    assert kept == (accuracies[best], macro_f1s[best])
    assert [epoch.validation_macro_f1 for epoch in epochs] == macro_f1s


@pytest.mark.parametrize(
    ("metric", "patience", "last"),
    [
        ("accuracy", None, 7),
        ("accuracy", 1, 2),
        ("accuracy", 2, 3),  # an equal score is not better
        ("accuracy", 3, 7),
        ("macro_f1", 1, 4),
    ],
)
def test_a_stage_ends_after_so_many_epochs_without_a_better_score(
    metric: Metric, patience: int | None, last: int
) -> None:
    model, best = linear(), nn.Linear(2, 2)
    accuracies = [0.5, 0.5, 0.4, 0.6, 0.1, 0.7, 0.2]
    macro_f1s = [0.1, 0.2, 0.3, 0.2, 0.1, 0.0, 0.0]
    scores = map(Scores, accuracies, macro_f1s, [None] * 7)
    expected = accuracies if metric == "accuracy" else macro_f1s
    config = Training(schedule="linear", early_stopping_patience=patience)
    epochs = []
    for epoch in fit(
        model,
        config,
        groups(model),
        separable(),
        cross_entropy(model),
        lambda: next(scores),
        stage="x",
        epochs=7,
        done=3,
        kept=metric,
    ):
        epochs.append(epoch)
        if expected[len(epochs) - 1] == max(expected[: len(epochs)]):
            best.load_state_dict(model.state_dict())
    assert [epoch.epoch for epoch in epochs] == list(range(4, 4 + last))
    assert torch.equal(model.weight, best.weight)
    # The schedule spans the budget.
    rates = [schedule.learning_rate(config, 0.1, step, 14) for step in range(1, 2 * last, 2)]
    assert [epoch.learning_rate for epoch in epochs] == pytest.approx(rates)


def test_the_loop_steps_as_written_by_hand() -> None:
    model, by_hand = linear(), linear()
    config = Training(optimizer="sgd", weight_decay=0.0, schedule="linear")
    losses, hits = [], 0
    for number, batch in enumerate(separable().epoch(1)):
        logits = by_hand(batch.inputs)
        loss = nn.functional.cross_entropy(logits, batch.labels)
        by_hand.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in by_hand.parameters():
                assert parameter.grad is not None
                parameter.sub_(0.1 * (1 - number / 2) * parameter.grad)
        losses.append(loss.item())
        hits += int((logits.argmax(dim=1) == batch.labels).sum())
    (epoch,) = fit(
        model,
        config,
        groups(model),
        separable(),
        cross_entropy(model),
        lambda: Scores(0.5, 0.5, None),
        stage="x",
        epochs=1,
        done=3,
    )
    torch.testing.assert_close(model.weight, by_hand.weight)
    assert (
        epoch.train_loss == pytest.approx(sum(losses) / 2, rel=1e-6)
        and epoch.train_accuracy == hits / 8
    )
    assert (epoch.epoch, epoch.steps, epoch.stage) == (4, 2, "x")


@pytest.mark.parametrize("shape", ["constant", "linear", "cosine"])
def test_an_epochs_learning_rate_is_that_of_its_last_step(shape: Shape) -> None:
    model = linear()
    config = Training(schedule=shape, warmup_ratio=0.25)
    epochs = list(
        fit(
            model,
            config,
            groups(model),
            separable(),
            cross_entropy(model),
            lambda: Scores(0.5, 0.5, None),
            stage="x",
            epochs=4,
        )
    )
    expected = [schedule.learning_rate(config, 0.1, step, 8) for step in (1, 3, 5, 7)]
    assert [epoch.learning_rate for epoch in epochs] == pytest.approx(expected)


def test_gradients_are_clipped_to_their_largest_norm() -> None:
    model = linear()
    before = torch.cat([parameter.detach().flatten().clone() for parameter in model.parameters()])
    config = Training(optimizer="sgd", weight_decay=0.0, max_grad_norm=1e-3)
    list(
        fit(
            model,
            config,
            groups(model),
            replace(separable(), batch_size=8),
            cross_entropy(model),
            lambda: Scores(0.5, 0.5, None),
            stage="x",
            epochs=1,
        )
    )
    after = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    assert (after - before).norm().item() == pytest.approx(0.1 * 1e-3, rel=1e-2)


def test_weights_that_break_in_an_epochs_last_step_stop_training_too() -> None:
    model = linear()
    features = separable().examples
    assert isinstance(features, Features)

    def slope(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return outputs.square().mean()

    def validate() -> Scores:
        with torch.no_grad():
            return scores(model(features.vectors), features.targets)

    config = Training(optimizer="sgd", weight_decay=0.0, schedule="constant")
    whole, objective = (
        replace(separable(), batch_size=8),
        Objective(lambda batch: model(batch.inputs), slope),
    )
    with pytest.raises(FloatingPointError, match="the validation loss became"):
        list(
            fit(model, config, groups(model, 1e38), whole, objective, validate, stage="x", epochs=1)
        )


def not_finite(
    forward: Callable[[Tensor], Tensor], loss: Callable[[Tensor], Tensor], **values: Any
) -> tuple[nn.Linear, str]:
    """The linear model and the error after a run that a number that is not finite has ended."""
    torch.manual_seed(0)
    model = nn.Linear(2, 2, bias=False)
    nn.init.zeros_(model.weight)
    x = points(4)
    training = fit(
        model,
        Training(optimizer="sgd", weight_decay=0.0, **values),
        [{"params": list(model.parameters()), "lr": 0.1}],
        MiniBatches(Features(x.inputs, x.labels), 4, 0),
        Objective(
            lambda batch: forward(model(batch.inputs)), lambda outputs, labels: loss(outputs)
        ),
        lambda: Scores(0.5, 0.5, None),
        stage="x",
        epochs=2,
        done=3,
    )
    with pytest.raises(FloatingPointError) as error:
        list(training)
    return model, str(error.value)


@pytest.mark.parametrize("max_grad_norm", [None, 1.0])
def test_a_gradient_that_is_not_finite_ends_the_run_before_it_reaches_the_weights(
    max_grad_norm: float | None,
) -> None:
    """The square root of 0 is 0, but its derivative is not finite."""
    model, message = not_finite(lambda z: z.abs().sqrt(), Tensor.sum, max_grad_norm=max_grad_norm)
    assert message == "the gradient's norm became nan in epoch 4"
    assert torch.equal(model.weight, torch.zeros(2, 2))


def test_a_gradient_whose_norm_overflows_float32_ends_the_run_too() -> None:
    """Each component is finite here, but not its square."""
    model, message = not_finite(lambda z: z * 1e30, lambda z: z[:, 0].sum())
    assert message == "the gradient's norm became inf in epoch 4"
    assert torch.equal(model.weight, torch.zeros(2, 2))


def test_a_loss_that_is_not_finite_ends_the_run_before_it_reaches_the_weights() -> None:
    model, message = not_finite(lambda z: z, lambda z: z.sum() - torch.inf)
    assert message == "the loss became -inf in epoch 4"
    assert torch.equal(model.weight, torch.zeros(2, 2))


def test_two_epochs_of_half_the_sentences_are_one_of_all() -> None:
    """The same steps, with one more look at validation."""

    def train(size: int | None, epochs: int) -> tuple[list[Epoch], list[Tensor]]:
        model, weights = linear(), list[Tensor]()

        def validate() -> Scores:
            weights.append(model.weight.detach().clone())
            return Scores(0.5, 0.5, None)

        config = Training(schedule="linear", warmup_ratio=0.25)
        batches, loss = replace(separable(), size=size), cross_entropy(model)
        curve = fit(model, config, groups(model), batches, loss, validate, stage="x", epochs=epochs)
        return list(curve), weights

    (halves, after_halves), (wholes, after_wholes) = train(4, 6), train(None, 3)
    assert [epoch.steps for epoch in halves] == [1] * 6
    for number, whole in enumerate(wholes):
        pair = halves[2 * number : 2 * number + 2]
        assert torch.equal(after_halves[2 * number + 1], after_wholes[number])
        assert pair[1].learning_rate == whole.learning_rate
        for name in ("train_loss", "train_accuracy"):
            mean = fmean(getattr(each, name) for each in pair)
            assert mean == pytest.approx(getattr(whole, name))
