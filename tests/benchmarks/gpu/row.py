"""From timed steps to a row: step time, throughput over the common window, efficiency."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tests.benchmarks.gpu.job import Failed
from tests.benchmarks.gpu.profiled import Profile
from tests.benchmarks.gpu.timer import Run, Step


@dataclass
class Row:
    """The measurements of one cell; throughputs are sums over the trials."""

    what: str
    """The loss, or "HF Trainer"."""
    batch_size: int
    packed: int
    """Trials at a time on the card."""
    mps: bool
    failed: str | None = None
    steps: int = 0
    """Timed, of all trials together."""
    step_ms: float | None = None
    """Median of a trial's step."""
    step_ms_p10: float | None = None
    step_ms_p90: float | None = None
    step_ms_mean: float | None = None
    tokens_per_s: float | None = None
    """Real ones: padding is not counted."""
    sentences_per_s: float | None = None
    efficiency: float | None = None
    """Time that the matrix products of the real tokens would take at the card's measured bf16 rate,
    divided by the time taken."""
    peak_bytes: int | None = None
    """Of the trial with the most, its tensors only."""
    card_bytes: int | None = None
    """In use on the card, by all processes together, those that wait included."""
    divided: int = 0
    times_alone: float | None = None
    """Sentences a second over those of one trial alone: trials an hour, compared."""
    times_hf: float | None = None
    """The same over Hugging Face's Trainer at this batch size, one training at a time."""
    profile: Profile | None = None
    """Of a few steps after the window."""

    def to_dict(self) -> dict[str, Any]:
        """Every field with its value, ready for JSON."""
        return asdict(self)


def fill(row: Row, answers: Sequence[Run | Failed], rate: float) -> Row:
    """Fill in a row from its trials' results; `rate` is the card's FLOP a second."""
    failures = [answer.reason for answer in answers if isinstance(answer, Failed)]
    runs = [answer for answer in answers if isinstance(answer, Run)]
    if failures:
        row.failed = f"{len(failures)} of {len(answers)} trials: {failures[0]}"
        return row
    if any(len(run.steps) < 2 for run in runs):
        row.failed = "fewer than two whole steps in the window; use more --seconds"
        return row
    milliseconds = 1000 * np.array([step.ended - step.began for run in runs for step in run.steps])
    low, middle, high = np.percentile(milliseconds, [10, 50, 90])
    row.steps, row.step_ms, row.step_ms_p10, row.step_ms_p90 = (
        len(milliseconds),
        float(middle),
        float(low),
        float(high),
    )
    row.step_ms_mean = float(milliseconds.mean())
    row.tokens_per_s = sum(speed(run.steps, "tokens") for run in runs)
    row.sentences_per_s = sum(speed(run.steps, "sentences") for run in runs)
    row.efficiency = sum(speed(run.steps, "flop") for run in runs) / rate
    row.peak_bytes, row.card_bytes = max(run.peak for run in runs), max(run.card for run in runs)
    row.divided = sum(run.divided for run in runs)
    row.profile = runs[0].profile
    return row


def speed(steps: Sequence[Step], what: str) -> float:
    """A trial's `what` per second, from the start of its first to the end of its last step."""
    done: int = sum(getattr(step, what) for step in steps)
    return done / (steps[-1].ended - steps[0].began)


HEADER = (
    f"{'':<14}{'batch':>6}{'packed':>7} {'MPS':<4}{'step ms':>8}"
    f" {'(p10-p90)':<14}{'steps':>6}{'tokens/s':>10}{'sent./s':>9}"
    f"{'effic.':>8}{'peak GiB':>9}{'card GiB':>9}{'x alone':>8}{'x HF':>7}"
)


def line(row: Row) -> str:
    """The row as text under `HEADER`."""
    begin = f"{row.what:<14}{row.batch_size:>6}{row.packed:>7} {'yes' if row.mps else 'no':<4}"
    if row.failed:
        return f"{begin}FAILED: {row.failed}"
    spread = f"({row.step_ms_p10:.2f}-{row.step_ms_p90:.2f})"
    text = (
        f"{begin}{row.step_ms:>8.2f}"
        f" {spread:<14}{row.steps:>6}{row.tokens_per_s:>10.0f}{row.sentences_per_s:>9.0f}"
    )
    gib = [f"{(number or 0) / 2**30:.2f}" for number in (row.peak_bytes, row.card_bytes)]
    times = [
        "-" if number is None else f"{number:.2f}" for number in (row.times_alone, row.times_hf)
    ]
    text += f"{row.efficiency:>8.2%}{gib[0]:>9}{gib[1]:>9}{times[0]:>8}{times[1]:>7}"
    if row.divided:
        text += f"  memory was short {row.divided} times, mini-batches divided"
    return text


def profile_line(row: Row) -> str:
    """The profile as a line below the row."""
    profile = row.profile
    assert profile is not None and row.step_ms_mean is not None
    share = profile.kernel_ms / row.step_ms_mean
    busy = (
        f"{profile.kernels:.0f} kernels a step, {profile.kernel_ms:.2f} of"
        f" {row.step_ms_mean:.2f} ms:"
        f" the card is busy {share:.0%}"
    )
    return (
        f"{'':<14}{busy}; the program waits for it {profile.waits:.1f} times a step,"
        f" {profile.wait_ms:.2f} ms while profiled"
    )
