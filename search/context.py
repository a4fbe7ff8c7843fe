"""What searches on the same data and model share: loaded, sent to the workers and measured once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import trainables
from search.cluster.gpus import cards
from search.cluster.resources import Resources, connected, resources
from search.inputs import PAPERS_MODEL, Prepared, resolve_precision
from search.outputs.provenance import commit, versions
from search.spec import SearchSpec
from search.trials import worker
from search.trials.gpu_memory import measure_share
from search.trials.tuner import share
from search.trials.worker import Job


@dataclass(frozen=True)
class Bench:
    """Data and weights in the object store, what a trial takes of the machine, and what every
    record says of all that."""

    prepared: Prepared
    job: Job
    resources: Resources
    facts: Mapping[str, Any]
    tags: Mapping[str, str]


def set_up(specs: Sequence[SearchSpec], prepared: Prepared) -> Bench:
    """Send data and weights to the object store, and settle what a trial of these searches
    takes."""
    spec, have = specs[0], connected()
    gpu = have.gpus > 0 and spec.gpus_per_trial != 0
    wanted = spec.gpus_per_trial if spec.gpus_per_trial is not None else (1.0 if gpu else 0.0)
    fits = resources(have, spec.cpus_per_trial, wanted, spec.max_concurrent)
    found = cards() if gpu else []
    precision = resolve_precision(spec.precision, gpu=gpu, native=all(card.bf16 for card in found))
    data, pretrained = share(prepared.data, prepared.small)
    job = Job(spec.regime, data, pretrained, spec.epochs, precision, fits.device, fits.threads)
    if gpu and spec.gpus_per_trial is None:
        free = min(card.free for card in found)
        needed = max(
            measure_share(one, prepared.data, replace(job, regime=one.regime), free)
            for one in specs
        )
        fits = resources(have, spec.cpus_per_trial, needed, spec.max_concurrent)
    if any(getattr(trainables.load(one.regime), "FROZEN", False) for one in specs):
        job = replace(job, encoded=worker.task(worker.encode, fits.cpus, fits.gpus).remote(job))
    tags = {
        "data": spec.data,
        "data_fingerprint": prepared.corpus.fingerprint,
        "data_rows": ", ".join(
            f"{len(split)} {name}" for name, split in prepared.corpus.splits.items()
        ),
        "model": spec.model,
        "model_fingerprint": prepared.model_fingerprint,
        "precision": precision,
        "git_commit": commit() or "unknown",
        **{f"version.{name}": number for name, number in versions().items()},
    }
    return Bench(prepared, job, fits, facts(spec, prepared), tags)


def facts(spec: SearchSpec, prepared: Prepared) -> dict[str, Any]:
    """What the comparison table has to know of data and model."""
    return {
        "data": spec.data,
        "model": spec.model,
        "encoder_is_papers": spec.model == PAPERS_MODEL,
        "comparable": prepared.why_not_comparable is None,
        "why_not": prepared.why_not_comparable,
        "test_size": None if prepared.test is None else len(prepared.test),
        "validation_size": len(prepared.data.validation),
    }
