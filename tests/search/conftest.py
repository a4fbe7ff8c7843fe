"""The tiny corpus and model as a search loads them."""

from pathlib import Path

import pytest

from search.inputs import Prepared, prepare
from tests import tiny


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Prepared:
    return prepare(str(tiny.write_corpus(tmp_path_factory.mktemp("corpus"))), str(model_folder))
