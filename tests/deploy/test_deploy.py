"""The files in deploy/: fields that exist, a command that parses, and parts that fit together."""

import copy
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from search.driver import arguments
from search.flag import seconds
from tests.deploy.schema import RAY_JOB, problems

ROOT = Path(__file__).parent.parent.parent
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.fixture
def job() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "rayjob.yaml").read_text("utf-8"))
    return loaded


def test_every_field_exists_and_has_its_type(job: dict[str, Any]) -> None:
    assert list(problems(job, RAY_JOB)) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("spec.backoffLimits", 3, "spec.backoffLimits: no such field"),
        ("spec.backoffLimit", "3", "spec.backoffLimit: int, got '3'"),
        ("spec.submissionMode", "HTTP", "spec.submissionMode: one of "),
        ("spec.rayClusterSpec.headGroupSpec.rayStartParams.num-cpus", 0, "num-cpus: str, got 0"),
        ("spec.rayClusterSpec.headGroupSpec.template", {}, "template: spec is missing"),
        ("spec.rayClusterSpec.workerGroupSpecs", {}, "workerGroupSpecs: a list, got {}"),
    ],
)
def test_the_check_finds_what_kubernetes_would_refuse(
    job: dict[str, Any], path: str, value: Any, said: str
) -> None:
    wrong = copy.deepcopy(job)
    *parents, last = path.split(".")
    place = wrong
    for name in parents:
        place = place[name]
    place[last] = value
    (problem,) = problems(wrong, RAY_JOB)
    assert said in problem


def test_the_command_parses_and_may_run_again(job: dict[str, Any]) -> None:
    words = shlex.split(job["spec"]["entrypoint"])
    assert words[:2] == ["regimen", "run"]
    args = arguments.parse(words[2:])
    assert args.start_or_resume and args.name and Path(args.results).is_absolute()
    assert args.tracking_uri.startswith("http://")
    assert job["spec"]["backoffLimit"] > 0


def test_the_driver_has_the_disk_and_no_trial(job: dict[str, Any]) -> None:
    cluster = job["spec"]["rayClusterSpec"]
    head, (workers,) = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    assert head["rayStartParams"]["num-cpus"] == "0"
    assert workers["minReplicas"] == 0
    words = shlex.split(job["spec"]["entrypoint"])
    mounts = {
        mount["mountPath"]: mount["name"]
        for mount in head["template"]["spec"]["containers"][0]["volumeMounts"]
    }
    volumes = {volume["name"]: volume for volume in head["template"]["spec"]["volumes"]}
    results = words[words.index("--results") + 1]
    claim = volumes[mounts[results]]["persistentVolumeClaim"]["claimName"]
    assert words[words.index("--name") + 1] in claim
    assert words[words.index("--data") + 1].startswith(tuple(mounts))
    on_workers = workers["template"]["spec"]["volumes"]
    assert not any("persistentVolumeClaim" in volume for volume in on_workers)


def test_a_stop_has_time_to_end_in_good_order(job: dict[str, Any]) -> None:
    head = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    words = shlex.split(job["spec"]["entrypoint"])
    within = seconds(words[words.index("--stop-within") + 1])
    environment = {each["name"]: each for each in head["containers"][0]["env"]}
    waits = float(environment["RAY_JOB_STOP_WAIT_TIME_S"]["value"])
    assert within < waits < head["terminationGracePeriodSeconds"]
    token = environment["MLFLOW_TRACKING_TOKEN"]
    assert "value" not in token and token["valueFrom"]["secretKeyRef"]


def test_image_and_job_have_one_version_of_ray_and_what_pyproject_allows(
    job: dict[str, Any],
) -> None:
    (ray,) = re.findall(r"^ARG RAY=(.+)$", DOCKERFILE, re.M)
    assert job["spec"]["rayClusterSpec"]["rayVersion"] == ray
    (torch,) = re.findall(r'"(torch[^"]+)"', PROJECT)
    assert f'"{torch}"' in DOCKERFILE
    assert re.search(r"^cluster = \[\"ray\[default\]", PROJECT, re.M)


def test_the_image_runs_as_a_user_without_a_network_and_copies_what_exists() -> None:
    lines = re.sub(r"\\\n", " ", DOCKERFILE).splitlines()
    user = next(number for number, line in enumerate(lines) if line.startswith("USER "))
    assert lines[user] != "USER root" and not any(line.startswith("RUN") for line in lines[user:])
    assert re.search(r"^ENV HF_HUB_OFFLINE=1", DOCKERFILE, re.M)
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    assert copied and all((ROOT / word).exists() for word in copied)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert not set(copied) & set(ignored)
