"""The model that MLflow serves."""

from importlib.metadata import version

from packaging.version import Version

from search.final import mlflow_model


def test_a_served_models_requirements_exist_in_a_package_index() -> None:
    """Not a local build, as 2.13.0+cpu."""
    pinned = dict(line.split("==") for line in mlflow_model.requirements())
    assert pinned["torch"] == Version(version("torch")).public and all(
        Version(number).local is None for number in pinned.values()
    )
