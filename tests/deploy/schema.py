"""The part of Kubernetes' and KubeRay's schemas that deploy/rayjob.yaml uses, and a check by it.

Field names and types as in KubeRay's `ray-operator/apis/ray/v1` (rayjob_types.go and
raycluster_types.go, https://github.com/ray-project/kuberay, Apache-2.0) and in Kubernetes'
`core/v1` (https://github.com/kubernetes/api, Apache-2.0). A field that is missing here may exist
there: look it up before you add it.
"""

import re
from collections.abc import Iterator
from typing import Any

Schema = Any
"""A type; a set of values; a pattern; `[item]`; `{"*": value}` for a map; or a dict of fields, in
which a name that ends in `!` is required."""

QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
STRINGS = {"*": str}

SECURITY = {"runAsNonRoot": bool, "runAsUser": int, "runAsGroup": int, "fsGroup": int}
CONTAINER = {
    "name!": NAME,
    "image!": str,
    "env": [
        {
            "name!": str,
            "value": str,
            "valueFrom": {"secretKeyRef": {"name!": NAME, "key!": str, "optional": bool}},
        }
    ],
    "ports": [{"containerPort!": int, "name": NAME, "protocol": {"TCP", "UDP"}}],
    "resources": {"limits": {"*": QUANTITY}, "requests": {"*": QUANTITY}},
    "volumeMounts": [{"name!": NAME, "mountPath!": str, "readOnly": bool, "subPath": str}],
}
VOLUME = {
    "name!": NAME,
    "persistentVolumeClaim": {"claimName!": NAME, "readOnly": bool},
    "emptyDir": {"medium": {"", "Memory"}, "sizeLimit": QUANTITY},
}
TOLERATION = {
    "key": str,
    "operator": {"Exists", "Equal"},
    "value": str,
    "effect": {"NoSchedule", "PreferNoSchedule", "NoExecute"},
}
TEMPLATE = {
    "metadata": {"labels": STRINGS, "annotations": STRINGS},
    "spec!": {
        "terminationGracePeriodSeconds": int,
        "securityContext": SECURITY,
        "nodeSelector": STRINGS,
        "tolerations": [TOLERATION],
        "containers!": [CONTAINER],
        "volumes": [VOLUME],
        "serviceAccountName": NAME,
        "imagePullSecrets": [{"name!": NAME}],
    },
}
CLUSTER = {
    "rayVersion": re.compile(r"\d+\.\d+\.\d+"),
    "authOptions": {"mode": {"disabled", "token"}},
    "enableInTreeAutoscaling": bool,
    "autoscalerOptions": {
        "idleTimeoutSeconds": int,
        "upscalingMode": {"Default", "Aggressive", "Conservative"},
    },
    "headGroupSpec!": {"rayStartParams": STRINGS, "template!": TEMPLATE},
    "workerGroupSpecs": [
        {
            "groupName!": NAME,
            "replicas": int,
            "minReplicas!": int,
            "maxReplicas!": int,
            "rayStartParams": STRINGS,
            "template!": TEMPLATE,
        }
    ],
}
RAY_JOB = {
    "apiVersion!": {"ray.io/v1"},
    "kind!": {"RayJob"},
    "metadata!": {"name!": NAME, "namespace": NAME, "labels": STRINGS, "annotations": STRINGS},
    "spec!": {
        "entrypoint": str,
        "runtimeEnvYAML": str,
        "backoffLimit": int,
        "activeDeadlineSeconds": int,
        "submissionMode": {"K8sJobMode", "HTTPMode", "InteractiveMode"},
        "shutdownAfterJobFinishes": bool,
        "ttlSecondsAfterFinished": int,
        "suspend": bool,
        "rayClusterSpec": CLUSTER,
    },
}


def problems(value: Any, schema: Schema, path: str = "") -> Iterator[str]:
    """What is wrong with a value, a line each."""
    if isinstance(schema, dict):
        yield from _problems_of_fields(value, schema, path)
    elif isinstance(schema, list):
        if not isinstance(value, list):
            yield f"{path}: a list, got {value!r}"
            return
        for number, item in enumerate(value):
            yield from problems(item, schema[0], f"{path}[{number}]")
    elif isinstance(schema, re.Pattern):
        if not isinstance(value, str) or not schema.fullmatch(value):
            yield f"{path}: like {schema.pattern}, got {value!r}"
    elif isinstance(schema, set | frozenset):
        if value not in schema:
            yield f"{path}: one of {sorted(schema)}, got {value!r}"
    elif type(value) is not schema:
        yield f"{path}: {schema.__name__}, got {value!r}"


def _problems_of_fields(value: Any, schema: dict[str, Schema], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: fields, got {value!r}"
        return
    known = {name.removesuffix("!"): each for name, each in schema.items()}
    for name in schema:
        if name.endswith("!") and name[:-1] not in value:
            yield f"{path}: {name[:-1]} is missing"
    for name, item in value.items():
        if name not in known and "*" not in known:
            yield f"{path}.{name}: no such field"
        else:
            yield from problems(item, known.get(name, known.get("*")), f"{path}.{name}")
