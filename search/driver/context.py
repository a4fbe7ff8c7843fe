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
from search.cluster.resources import (
    Machine,
    Resources,
    connected,
    require_accelerator,
    resources,
)
from search.cluster.watchdog import is_ours
from search.inputs import Prepared, resolve_precision
from search.outputs.provenance import commit, hardware, versions
from search.spec import SearchSpec
from search.study.records import VERSION
from search.trials import worker
from search.trials.floors import Floors
from search.trials.gpu_memory import measure_gpu_fraction
from search.trials.job import Job
from search.trials.tuner import Workers


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
    machine: Machine
    """The cluster as it was when the command began."""
    cards: Sequence[str]
    """The models of its GPUs, as far as they were there."""

    @property
    def hardware(self) -> str:
        """What the trials ran on: an autoscaled cluster has most of its nodes at the end."""
        now = connected(self.resources.accelerator)
        machine = max(self.machine, now, key=lambda each: each.cpus)
        cards = self.cards or [self.resources.accelerator or ""]
        return hardware(machine, [name for name in cards if name], here=is_ours())

    @cached_property
    def test_inputs(self) -> ray.ObjectRef | None:
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
    spec, ours = specs[0], is_ours()
    kind, machine = spec.accelerator_type, connected(spec.accelerator_type)
    if kind is not None and (ours or spec.max_concurrent is None):
        require_accelerator(kind)
    gpu = machine.gpus > 0 and spec.gpus_per_trial != 0
    fraction = spec.gpus_per_trial if spec.gpus_per_trial is not None else float(gpu)
    if kind is not None and not fraction:
        raise ValueError(
            f"no node with a GPU of --accelerator-type {kind} has started yet, so none can be"
            " measured: give --gpus-per-trial, and --precision fp32 or bf16"
        )
    fits = _fits(spec, machine, fraction, ours=ours)
    reports = preflight(worker.__name__, fits)
    cards = [report.card for report in reports if report.card is not None]
    native = [report.bf16 if report.card is None else report.card.bf16 for report in reports]
    unmeasured = spec.precision == "auto" or (gpu and spec.gpus_per_trial is None)
    if not (ours or reports) and unmeasured:
        raise ValueError(
            "no node with room for a trial has answered yet, so none can be measured: give"
            " --precision fp32 or bf16, and with GPUs --gpus-per-trial"
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
        fits = _fits(spec, machine, fraction, ours=ours)
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
    names, known = [card.name for card in cards], facts(spec, prepared)
    return Context(prepared, job, fits, Workers(fits), floors, known, tags, machine, names)


def _fits(spec: SearchSpec, machine: Machine, gpus: float, *, ours: bool) -> Resources:
    """The resources of a trial that takes so much of a GPU."""
    cpus, most, kind = spec.cpus_per_trial, spec.max_concurrent, spec.accelerator_type
    return resources(machine, cpus, gpus, most, ours=ours, accelerator=kind)


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
