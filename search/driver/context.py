"""What the searches of one command share: data and model in the object store, and the resources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import ray

from analysis import paper
from analysis.metric import WORDS
from analysis.spread import effective_sentences
from search.cluster.preflight import preflight
from search.cluster.resources import Resources, connected, resources
from search.cluster.watchdog import is_ours
from search.inputs import Prepared, resolve_precision
from search.outputs.provenance import commit, hardware, versions
from search.spec import SearchSpec
from search.study.records import VERSION
from search.trials import worker
from search.trials.floors import Floors
from search.trials.gpu_memory import measure_gpu_fraction
from search.trials.tuner import Workers
from search.trials.worker import Job


@dataclass(frozen=True)
class Context:
    """Data and weights in the object store, and the resources of a trial."""

    prepared: Prepared
    job: Job
    resources: Resources
    workers: Workers
    floors: Floors
    facts: Mapping[str, Any]
    tags: Mapping[str, str]

    @cached_property
    def exam(self) -> ray.ObjectRef | None:
        """What a worker needs to test a model, in the object store from the first access on.

        None where there is no test split. Only report runs get it.
        """
        prepared = self.prepared
        if prepared.test is None:
            return None
        labels, vocabulary = prepared.corpus.labels, prepared.vocabulary
        return ray.put((prepared.pretrained, vocabulary, labels, prepared.test))


def set_up(specs: Sequence[SearchSpec], prepared: Prepared) -> Context:
    """Put data and weights into the object store; measure what a trial needs."""
    spec, machine, ours = specs[0], connected(), is_ours()
    gpu = machine.gpus > 0 and spec.gpus_per_trial != 0
    fraction = spec.gpus_per_trial if spec.gpus_per_trial is not None else float(gpu)
    fits = resources(machine, spec.cpus_per_trial, fraction, spec.max_concurrent, ours=ours)
    reports = preflight(worker.__name__, spec.cpus_per_trial, fraction)
    cards = [report.card for report in reports if report.card is not None]
    native = [report.bf16 if report.card is None else report.card.bf16 for report in reports]
    unmeasured = spec.precision == "auto" or (gpu and spec.gpus_per_trial is None)
    if not (ours or reports) and unmeasured:
        raise ValueError(
            "no node has room for a trial yet, so none can be measured: give --precision fp32 or"
            " bf16, and with GPUs --gpus-per-trial"
        )
    precision = resolve_precision(spec.precision, gpu=gpu, native=all(native) if native else None)
    data, pretrained = ray.put(prepared.data), ray.put(prepared.small)
    job = Job(spec.regime, data, pretrained, spec.epochs, precision, fits.device, fits.threads)
    if gpu and spec.gpus_per_trial is None:
        free = min(card.free for card in cards)
        fraction = max(
            measure_gpu_fraction(each, prepared.data, replace(job, regime=each.regime), free)
            for each in specs
        )
        fits = resources(machine, spec.cpus_per_trial, fraction, spec.max_concurrent, ours=ours)
    tags = {
        "data": spec.data_name,
        "data_fingerprint": prepared.corpus.fingerprint,
        "data_rows": ", ".join(
            f"{len(split)} {name}" for name, split in prepared.corpus.splits.items()
        ),
        "model": spec.model,
        "model_fingerprint": prepared.model_fingerprint,
        "precision": precision,
        "git_commit": commit() or "unknown",
        **{f"{VERSION}{name}": number for name, number in versions().items()},
    }
    floors = Floors(job, fits, prepared, spec.seed)
    cpus = sum(node.cpus for node in machine.nodes)
    names = [card.name for card in cards]
    kind = hardware(len(machine.nodes), cpus, machine.gpus, names, here=ours)
    known = facts(spec, prepared) | {"machine": kind}
    return Context(prepared, job, fits, Workers(fits), floors, known, tags)


def facts(spec: SearchSpec, prepared: Prepared) -> dict[str, Any]:
    """What the comparison table needs to know about data and model."""
    why_not = prepared.why_not_comparable
    if why_not is None and spec.metric != "accuracy":
        why_not = f"its metric is {WORDS[spec.metric]}, and the paper has the accuracy only"
    return {
        "encoder_is_papers": spec.model == paper.ENCODER,
        "comparable": why_not is None,
        "why_not": why_not,
        "test_size": None if prepared.test is None else len(prepared.test),
        "validation_size": len(prepared.data.validation),
        "macro_f1_sentences": {
            name: effective_sentences(split.labels, "macro_f1")
            for name, split in (("validation", prepared.data.validation), ("test", prepared.test))
            if split is not None
        },
        "rows": {name: len(split) for name, split in prepared.corpus.splits.items()},
        "versions": versions(),
        "commit": commit(),
    }
