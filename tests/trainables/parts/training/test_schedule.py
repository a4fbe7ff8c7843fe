"""The learning-rate schedule against transformers, torch and hand-made numbers."""

from typing import get_args

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR
from transformers import (
    get_cosine_schedule_with_warmup,
    get_cosine_with_hard_restarts_schedule_with_warmup,
    get_inverse_sqrt_schedule,
    get_linear_schedule_with_warmup,
)

from trainables.parts.training.schedule import CYCLES, Schedule, Shape, build, learning_rate

PEAK, STEPS = 1e-4, 100
SHAPES = get_args(Shape)


def sgd(peak: float = PEAK) -> torch.optim.SGD:
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)


def rates_of(
    optimizer: torch.optim.Optimizer, scheduler: LRScheduler, steps: int = STEPS
) -> list[float]:
    """The learning rates of `steps` steps, and the one after the last."""
    rates = [optimizer.param_groups[0]["lr"]]
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def ours(config: Schedule, peak: float = PEAK) -> list[float]:
    optimizer = sgd(peak)
    return rates_of(optimizer, build(config, optimizer, STEPS))


@pytest.mark.parametrize("shape", SHAPES)
def test_without_warmup_the_first_step_has_the_peak(shape: Shape) -> None:
    assert ours(Schedule(schedule=shape))[0] == PEAK


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "one_cycle"])
def test_warmup_rises_in_a_straight_line_from_zero_to_the_peak(shape: Shape) -> None:
    rates = ours(Schedule(schedule=shape, warmup_ratio=0.2))
    assert rates[:21] == pytest.approx([PEAK * step / 20 for step in range(21)])
    assert max(rates) == pytest.approx(PEAK)


@pytest.mark.parametrize("warmup", [0.0, 0.2])
@pytest.mark.parametrize(("shape", "end"), [("constant", PEAK), ("linear", 1e-6), ("cosine", 1e-6)])
def test_the_schedule_ends_at_its_final_rate(shape: Shape, end: float, warmup: float) -> None:
    rates = ours(Schedule(schedule=shape, warmup_ratio=warmup, min_learning_rate=1e-6))
    assert rates[-1] == pytest.approx(end)


@pytest.mark.parametrize(("shape", "middle"), [("constant", 1.0), ("linear", 0.5), ("cosine", 0.5)])
def test_halfway_between_warmup_and_end_is_half_the_peak(shape: Shape, middle: float) -> None:
    assert ours(Schedule(schedule=shape, warmup_ratio=0.2))[60] == pytest.approx(middle * PEAK)


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.2, 0.5])
def test_linear_is_that_of_transformers(warmup: float) -> None:
    optimizer = sgd()
    reference = rates_of(
        optimizer, get_linear_schedule_with_warmup(optimizer, round(warmup * STEPS), STEPS)
    )
    assert ours(Schedule(schedule="linear", warmup_ratio=warmup)) == pytest.approx(
        reference, abs=1e-15
    )


@pytest.mark.parametrize("warmup", [0.0, 0.2])
def test_cosine_after_warmup_is_that_of_transformers(warmup: float) -> None:
    optimizer = sgd()
    reference = rates_of(
        optimizer, get_cosine_schedule_with_warmup(optimizer, round(warmup * STEPS), STEPS)
    )
    assert ours(Schedule(schedule="cosine", warmup_ratio=warmup)) == pytest.approx(
        reference, abs=1e-15
    )


@pytest.mark.parametrize("warmup", [0.0, 0.2])
def test_restarts_are_those_of_transformers(warmup: float) -> None:
    optimizer = sgd()
    reference = get_cosine_with_hard_restarts_schedule_with_warmup(
        optimizer, round(warmup * STEPS), STEPS, num_cycles=CYCLES
    )
    assert ours(Schedule(schedule="restarts", warmup_ratio=warmup)) == pytest.approx(
        rates_of(optimizer, reference), abs=1e-12
    )


@pytest.mark.parametrize("warmup", [0.1, 0.5])
def test_the_inverse_square_root_is_that_of_transformers(warmup: float) -> None:
    optimizer = sgd()
    reference = rates_of(optimizer, get_inverse_sqrt_schedule(optimizer, round(warmup * STEPS)))
    assert ours(Schedule(schedule="inverse_sqrt", warmup_ratio=warmup)) == pytest.approx(
        reference, abs=1e-15
    )


def test_the_inverse_square_root_without_warmup_falls_from_the_first_step_on() -> None:
    rates = ours(Schedule(schedule="inverse_sqrt"))
    assert rates == pytest.approx([PEAK / (step + 1) ** 0.5 for step in range(STEPS + 1)])


@pytest.mark.parametrize("peak_at", [20, 50])
def test_one_cycle_is_torchs(peak_at: int) -> None:
    """torch counts the step after the last too, and has its peak one step before the fraction."""
    optimizer = sgd()
    reference = OneCycleLR(
        optimizer,
        PEAK,
        total_steps=STEPS + 1,
        pct_start=(peak_at + 1) / (STEPS + 1),
        cycle_momentum=False,
        final_div_factor=1e12,
    )
    config = Schedule(schedule="one_cycle", warmup_ratio=peak_at / STEPS)
    assert ours(config) == pytest.approx(rates_of(optimizer, reference), abs=1e-12)


def test_cosine_is_torchs_annealing() -> None:
    optimizer = sgd()
    reference = rates_of(optimizer, CosineAnnealingLR(optimizer, T_max=STEPS, eta_min=1e-6))
    assert ours(Schedule(schedule="cosine", min_learning_rate=1e-6)) == pytest.approx(
        reference, rel=1e-9
    )


def test_each_group_moves_by_its_own_peak() -> None:
    groups = [
        {"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in (1e-2, 1e-4, 0.0)
    ]
    optimizer = torch.optim.SGD(groups)
    scheduler = build(Schedule(schedule="linear", warmup_ratio=0.5), optimizer, STEPS)
    for step in range(1, STEPS + 1):
        optimizer.step()
        scheduler.step()
        factor = step / 50 if step <= 50 else 2 - step / 50
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(
            [factor * 1e-2, factor * 1e-4, 0.0], abs=1e-15
        )


@pytest.mark.parametrize("shape", SHAPES)
def test_a_peak_below_the_floor_is_never_raised_to_it(shape: Shape) -> None:
    config = Schedule(schedule=shape, min_learning_rate=1e-3)
    assert max(learning_rate(config, 1e-5, step, STEPS) for step in range(STEPS + 1)) <= 1e-5


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("warmup", "steps"), [(1.0, 10), (0.0, 1), (1.0, 1), (0.5, 1)])
def test_extreme_horizons_stay_between_zero_and_peak(
    shape: Shape, warmup: float, steps: int
) -> None:
    rates = [
        learning_rate(Schedule(schedule=shape, warmup_ratio=warmup), PEAK, step, steps)
        for step in range(steps + 1)
    ]
    assert all(0 <= rate <= PEAK for rate in rates)
