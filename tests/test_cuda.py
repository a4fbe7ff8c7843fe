"""What only a card can show: the same curve beside neighbours, fractions, real limits of memory.

The models have random weights in real shapes, so nothing is downloaded. `python -m tests.cuda_day`
runs these tests and more, and writes a table.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import ray
import torch

import trainables
from search.cluster.preflight import preflight
from search.cluster.resources import Resources
from search.cluster.start import cluster
from search.spec import SearchSpec
from search.trials import worker
from search.trials.gpu_memory import measure_gpu_fraction, most_expensive
from search.trials.job import Job
from tests import tiny
from tests.benchmarks.gpu.sentences import INTENTS, bert, pretrained, sentences
from tests.processes import wait_for
from tests.trainables.runs import without_dropout
from trainables.parts.data.tokens import Data
from trainables.parts.model.pretrained import Pretrained

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card; torch finds none"),
]

DEVICE = "cuda"
EPOCHS, CPUS, QUARTER = 2, 0.1, 0.25
MEETING_SECONDS = 300.0
"""How long trials that shall train at the same time wait for each other."""


@dataclass(frozen=True)
class Ran:
    """A run in a worker."""

    epochs: list[dict[str, Any]]
    began: float
    ended: float
    card: str
    memory: int
    """Bytes of the card."""
    peak: int
    """The most that the run reserved of them."""

    @property
    def curve(self) -> list[dict[str, Any]]:
        """Its epochs without their times."""
        return tiny.curve(self.epochs)


def train(
    job: Job,
    config: dict[str, Any],
    seed: int,
    limit: float | None = None,
    meeting: Path | None = None,
    guests: int = 0,
) -> Ran:
    """Train in a worker, as a trial does.

    `limit`: the fraction of the card's memory that the process may use. `meeting`: a folder in
    which `guests` runs wait for each other before they train.
    """
    if limit is not None:
        torch.cuda.set_per_process_memory_fraction(limit)
    if meeting is not None:
        (meeting / str(seed)).touch()
        wait_for(lambda: len(list(meeting.iterdir())) == guests, MEETING_SECONDS)
    began = time.time()
    epochs, _ = worker.train(job, config, seed)
    card = torch.cuda.get_device_properties(0)
    return Ran(
        epochs,
        began,
        time.time(),
        str(card.uuid),
        card.total_memory,
        torch.cuda.max_memory_reserved(),
    )


def share(fraction: float) -> Any:
    """`train` as a Ray task on a fraction of a card."""
    return worker.task(train, Resources(CPUS, fraction, 1))


def together(
    job: Job, config: dict[str, Any], fraction: float, count: int, meeting: Path
) -> list[Ran]:
    """So many runs at the same time, on seeds from 0."""
    meeting.mkdir()
    refs = [
        share(fraction).remote(job, config, seed, None, meeting, count) for seed in range(count)
    ]
    ran: list[Ran] = ray.get(refs)
    return ran


@pytest.fixture(scope="module", autouse=True)
def local_cluster() -> Iterator[None]:
    """Ray on this machine, with its cards."""
    with cluster(None):
        yield


def made_job(model: Pretrained, regime: str, rows: int = 512, **values: Any) -> Job:
    data = Data(sentences(rows, 0), sentences(128, 1), tuple(map(str, range(INTENTS))))
    made = Job(regime, ray.put(data), ray.put(model), EPOCHS, "bf16", DEVICE, 1)
    return replace(made, **values)


def config_of(regime: str, **values: Any) -> dict[str, Any]:
    """The regime's defaults with other values."""
    kind = trainables.load(regime).Config
    config: dict[str, Any] = kind.from_dict({**kind().to_dict(), **values}).to_dict()
    return config


@pytest.mark.parametrize("regime", ["llrd_warmup", "supcon"])
def test_a_curve_is_the_same_twice_alone_and_beside_neighbours(regime: str, tmp_path: Path) -> None:
    job = made_job(pretrained(bert(4, 256)), regime)
    config = config_of(regime, batch_size=32)
    alone, again = (ray.get(share(1.0).remote(job, config, 0)) for _ in range(2))
    assert again.curve == alone.curve
    beside, *neighbours = together(job, config, QUARTER, 4, tmp_path / "meeting")
    assert beside.curve == alone.curve
    assert all(neighbour.curve != alone.curve for neighbour in neighbours)


def test_four_trials_at_a_quarter_train_at_the_same_time_on_one_card(tmp_path: Path) -> None:
    job = made_job(pretrained(bert(4, 256)), "llrd_warmup", rows=4096)
    ran = together(job, config_of("llrd_warmup", batch_size=32), QUARTER, 4, tmp_path / "meeting")
    assert max(each.began for each in ran) < min(each.ended for each in ran)
    if torch.cuda.device_count() == 1:
        assert len({each.card for each in ran}) == 1


@pytest.mark.parametrize("regime", ["llrd_warmup", "supcon"])
def test_a_limit_of_memory_halves_the_micro_batch_and_keeps_the_curve(regime: str) -> None:
    """Without dropout, which draws its masks by the pass, and in float32."""
    model = without_dropout(pretrained(bert(4, 256)))
    job = made_job(model, regime, rows=2048, precision="fp32")
    config = config_of(regime, batch_size=512, dropout=0.0)
    whole = ray.get(share(1.0).remote(job, config, 0))
    limit = 0.6 * whole.peak / whole.memory
    divided = ray.get(share(1.0).remote(job, config, 0, limit))
    first = whole.epochs[0]["stage"]  # A later stage trains a classifier, which takes little.
    sizes = [
        [epoch["micro_batch"] for epoch in each.epochs if epoch["stage"] == first]
        for each in (whole, divided)
    ]
    assert set(sizes[0]) == {512} and max(sizes[1]) <= 256
    assert divided.peak <= limit * divided.memory
    for before, after in zip(whole.curve, divided.curve, strict=True):
        assert after["steps"] == before["steps"]
        if before["train_loss"] is not None:
            assert after["train_loss"] == pytest.approx(before["train_loss"], rel=1e-3)
        assert after["validation_accuracy"] == pytest.approx(
            before["validation_accuracy"], abs=0.02
        )


@pytest.mark.parametrize("regime", ["llrd_warmup", "supcon"])
def test_as_many_trials_fit_as_the_measurement_promises(regime: str, tmp_path: Path) -> None:
    """The most expensive configuration on a BERT-base, at most eight at the same time."""
    spec = SearchSpec(regime=regime, data="embedded", model="minilm", cpus_per_trial=CPUS)
    job, config = made_job(pretrained(bert(12, 768)), regime), most_expensive(spec)
    seen = preflight(worker.__name__, Resources(CPUS, 1.0, 1))
    free = min(report.card.free for report in seen if report.card is not None)
    fraction = measure_gpu_fraction(spec, ray.get(job.data), job, free)
    count = min(8, round(1 / fraction))
    ran = together(replace(job, epochs=1), config, fraction, count, tmp_path / "meeting")
    for each in ran:
        assert each.peak <= fraction * each.memory
        passes = {epoch["micro_batch"] for epoch in each.epochs} - {None}
        assert passes <= {config["batch_size"], config.get("head_batch_size")}
