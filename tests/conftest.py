"""Every test runs on one thread and without a network; a tiny model and a tiny corpus are made
once."""

import gc
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")

from pathlib import Path

import pytest
import torch

from tests import processes as commands
from tests import tiny
from trainables.parts.data.tokens import Data
from trainables.parts.model import loading
from trainables.parts.model.pretrained import Pretrained

torch.set_num_threads(1)
gc.set_threshold(
    100_000
)  # instead of 700: most objects are what torch, Ray and MLflow are made of, which is never garbage


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
    """The development data beside the checkout; a user's checkout has none, and the test is
    skipped."""
    folder = Path(__file__).parent.parent.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the development data in {folder}, which is not part of a checkout")
    return folder


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> commands.Searched:
    """A finished search in a folder of its own."""
    return commands.search_tiny(tmp_path_factory.mktemp("searched"), model_folder)
