"""No package that Regimen needs has a known vulnerability."""

import re
import tomllib
from importlib import metadata

from packaging.requirements import Requirement
from packaging.version import Version

from tests.processes import ROOT

FIXED_IN = {
    "aiohttp": ("3.9.2", "CVE-2024-23334"),
    "certifi": ("2023.7.22", "CVE-2023-37920"),
    "cryptography": ("44.0.1", "CVE-2024-12797"),
    "flask": ("2.3.2", "CVE-2023-30861"),
    "flask-cors": ("6.0.0", "CVE-2024-6839"),
    "fonttools": ("4.60.2", "CVE-2025-66034"),
    "gitpython": ("3.1.41", "CVE-2024-22190"),
    "gunicorn": ("23.0.0", "CVE-2024-6827"),
    "h11": ("0.16.0", "CVE-2025-43859"),
    "idna": ("3.7", "CVE-2024-3651"),
    "jinja2": ("3.1.6", "CVE-2025-27516"),
    "joblib": ("1.2.0", "CVE-2022-21797"),
    "mako": ("1.2.2", "CVE-2022-40023"),
    "mlflow": ("3.5.0", "CVE-2025-14279"),
    "pillow": ("11.3.0", "CVE-2025-48379"),
    "protobuf": ("6.31.1", "CVE-2025-4565"),
    "pyarrow": ("14.0.1", "CVE-2023-47248"),
    "pyyaml": ("5.4", "CVE-2020-14343"),
    "ray": ("2.52.0", "CVE-2025-62593"),
    "requests": ("2.32.4", "CVE-2024-47081"),
    "scikit-learn": ("1.5.0", "CVE-2024-5206"),
    "skops": ("0.12.0", "CVE-2025-54412"),
    "sqlparse": ("0.5.0", "CVE-2024-4340"),
    "starlette": ("0.49.1", "CVE-2025-62727"),
    "torch": ("2.6.0", "CVE-2025-32434"),
    "tqdm": ("4.66.3", "CVE-2024-34062"),
    "transformers": ("4.53.0", "CVE-2025-5197"),
    "urllib3": ("2.6.0", "CVE-2025-66418"),
    "werkzeug": ("3.1.4", "CVE-2025-66221"),
}
"""The first version without a vulnerability, and the vulnerability.

Of each package the newest one that was known when this was written.
"""


def normalized(name: str) -> str:
    """The name of a package as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(root: str, extras: frozenset[str]) -> dict[str, str]:
    """The versions of a package and of all that it requires, by name."""
    versions: dict[str, str] = {}
    waiting, seen = [(root, extras)], set()
    while waiting:
        package = waiting.pop()
        if package in seen:
            continue
        seen.add(package)
        name, extras = package
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # it is for another platform
            continue
        for requirement in map(Requirement, metadata.requires(name) or []):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                required = normalized(requirement.name), frozenset(requirement.extras)
                waiting.append(required)
    return versions


def test_no_installed_package_has_a_listed_vulnerability() -> None:
    """Of the table above only: neither later advisories nor other packages are looked up."""
    versions = installed("regimen", frozenset({"embedded"}))
    expected = {"torch", "ray", "mlflow", "transformers", "pyyaml", "urllib3", "pyarrow"}
    assert expected <= set(versions)
    vulnerable = {
        name: vulnerability
        for name, (fixed, vulnerability) in FIXED_IN.items()
        if name in versions and Version(versions[name]) < Version(fixed)
    }
    assert vulnerable == {}


def test_pyproject_requires_fixed_versions_from_the_index() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = list(project["dependencies"])
    texts += [text for extra in project["optional-dependencies"].values() for text in extra]
    for requirement in map(Requirement, texts):
        assert requirement.url is None
        fixed, vulnerability = FIXED_IN.get(normalized(requirement.name), ("0", ""))
        minima = [
            Version(specifier.version)
            for specifier in requirement.specifier
            if specifier.operator in (">=", "==", "~=")
        ]
        lowest = max(minima, default=Version("0"))
        assert lowest >= Version(fixed), f"{requirement} allows {vulnerability}"
