"""A search and an empty store for each test."""

import shutil
from pathlib import Path

import pytest

from search.tracking.store import open_client
from tests.search.tracking.logged_study import Search


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return Search(tmp_path / "results")


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store in a file: MLflow takes seconds to make one."""
    path = tmp_path_factory.mktemp("fresh") / "mlflow.db"
    open_client(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite(fresh: Path, search: Search) -> str:
    path = Path(search.spec.results) / "mlflow.db"
    shutil.copyfile(fresh, path)
    return f"sqlite:///{path}"
