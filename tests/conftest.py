"""Settings and fixtures of all tests: one thread, no network, one tiny model and corpus."""

import fcntl
import gc
import json
import os
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")

from pathlib import Path

import hypothesis
import pytest
import torch

from tests import tiny
from tests.processes import Inputs, Searched, search_tiny, write_inputs
from trainables.parts.data.tokens import Data
from trainables.parts.model import loading
from trainables.parts.model.pretrained import Pretrained

torch.set_num_threads(1)
# A busy machine is no failure.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")
# The default is 700. Most objects belong to torch, Ray and MLflow and live to the end.
gc.set_threshold(100_000)


LONG_FILES = (
    "test_resilience.py",
    "test_search.py",
    "test_chaos.py",
    "test_joined.py",
    "test_auto.py",
    "test_records.py",
    "test_server.py",
    "test_reality.py",
    "test_final_model.py",
    "test_resources.py",
    "test_same_curve.py",
    "test_lost_requests.py",
)
"""The files that take longest. They begin first, so that parallel workers end together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run LONG_FILES first and files without slow tests last."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    ranks = {name: rank for rank, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks) + (item.path not in slow)))


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with a tokenizer, saved as a Hugging Face folder."""
    return tiny.write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def pretrained(model_folder: Path) -> Pretrained:
    """The tiny BERT, loaded."""
    return loading.load(str(model_folder))


@pytest.fixture(scope="session")
def data(model_folder: Path) -> Data:
    """The toy corpus, tokenised for the tiny BERT."""
    return tiny.tokenised(loading.load_tokenizer(str(model_folder)))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data beside the checkout; without it, the test is skipped."""
    folder = Path(__file__).parent.parent.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the development data in {folder}, which is not part of a checkout")
    return folder


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Inputs:
    """The toy corpus and the tiny BERT as files, and a folder for the results of a file's tests."""
    return write_inputs(tmp_path_factory.mktemp("inputs"), model_folder)


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """A finished search, to look at: tests write other searches elsewhere.

    Parallel workers share it. The first that needs it runs it, while the others wait.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder, record = folder / "searched", folder / "searched" / "record.json"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not record.exists():
            inputs = write_inputs(folder, tiny.write_model(folder / "model"))
            started = time.time()
            out = search_tiny(inputs)
            record.write_text(json.dumps([out, started, time.time()]))
    out, started, ended = json.loads(record.read_text())
    return Searched(folder / "results", folder / "corpus", folder / "model", out, started, ended)
