"""Before a search: can every node that would host a trial run one, with the same result?"""

import re
from collections.abc import Sequence
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.cluster.node_report import NodeReport, report_node, software
from search.cluster.resources import Node, Resources
from search.cluster.watchdog import is_ours
from trainables.parts.quote import error_text

QUERY_GPU_FRACTION = 0.01
"""Fraction of a GPU that the query itself reserves."""
NODE_ANSWER_SECONDS = 120.0
"""How long the nodes may take, side by side. A busy one took more than 60 to start a worker."""
INSTALLING_SECONDS = 600.0
"""The same where each node first installs an environment."""
INSTALLS = {"pip", "uv", "conda", "image_uri", "container"}
"""The fields of a runtime environment that make a node install something."""


def preflight(module: str, trial: Resources) -> list[NodeReport]:
    """A report from each node that could run such a trial; `module` is what trials run.

    Of a local cluster of our own, only GPUs are checked. A node whose GPUs are all taken does not
    report: trials wait for it. Raises ValueError with a node and its problem.
    """
    ours, gpus = is_ours(), trial.gpus
    nodes = [
        node
        for node in ray.nodes()
        if node["Alive"]
        and (gpus or not ours)
        and Node.of(node, trial.accelerator).slots(trial.cpus, gpus)
    ]
    plain, with_gpu = ray.remote(num_cpus=0)(report_node), _with_gpu(report_node)
    queries = {
        (with_gpu if gpus else plain)
        .options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False))
        .remote(None if ours else module, gpu=gpus > 0): node
        for node in nodes
    }
    if not queries:
        return []
    installs = INSTALLS & set(ray.get_runtime_context().runtime_env)
    limit = INSTALLING_SECONDS if installs else NODE_ANSWER_SECONDS
    ready, late = ray.wait(list(queries), num_returns=len(queries), timeout=limit)
    reports, wrong = [], []
    for query in ready:
        try:
            reports.append(ray.get(query))
            problem = _problem(reports[-1], compared=not ours)
        except ray.exceptions.RayError as error:
            problem = import_failure(error) or error_text(error)
        if problem:
            wrong.append((queries[query], problem))
    for query in late:
        ray.cancel(query, force=True)
        if not gpus:
            wrong.append((queries[query], f"it did not answer within {limit:g} s"))
    _require_none(wrong)
    return reports


def _with_gpu(function: Any) -> Any:
    return ray.remote(num_cpus=0, num_gpus=QUERY_GPU_FRACTION, max_calls=1)(function)


def _problem(report: NodeReport, *, compared: bool) -> str | None:
    """In what a node differs from this machine, or what it lacks; None if nothing."""
    if report.no_card:
        return (
            f"torch cannot use Ray's GPUs ({report.no_card}); install a torch that can, or use"
            " --gpus-per-trial 0"
        )
    if not compared:
        return None
    on_node, on_driver = report.software, software()
    if on_node.python != on_driver.python:
        return f"it has Python {on_node.python}; this machine has {on_driver.python}"
    for name, number in on_driver.libraries.items():
        other = on_node.libraries.get(name)
        if other != number:
            has = f"has {name} {other}" if other else f"lacks {name}"
            return f"it {has}; this machine has {name} {number}"
    if on_node.code != on_driver.code:
        return "its code of Regimen differs from this machine's; remove it there, or update it"
    return None


def import_failure(error: BaseException) -> str | None:
    """The line of a worker's error that says which import failed."""
    failures = re.findall(r"(?:ModuleNotFoundError|ImportError): [^\n]+", str(error))
    return failures[-1].strip() if failures else None


def _require_none(wrong: Sequence[tuple[dict[str, Any], str]]) -> None:
    """Raise ValueError where a node that is still there has a problem."""
    alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]} if wrong else set()
    wrong = [(node, problem) for node, problem in wrong if node["NodeID"] in alive]
    if not wrong:
        return
    (node, problem), more = wrong[0], len(wrong) - 1
    others = f" (and {more} more node{'s' if more > 1 else ''})" if more else ""
    where = f"node {node['NodeManagerAddress']} ({node['NodeManagerHostname']}){others}: "
    raise ValueError(f"{'' if is_ours() else where}{problem}")
