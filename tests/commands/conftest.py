"""Fixtures of the commands' tests."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tiny


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files with folders of a user's in it, which must not change.

    Its path is short because Ray's sockets, whose paths are limited to 107 characters, lie in it.
    """
    folder = Path(f"/tmp/r{os.getpid()}-{time.monotonic_ns() % 10**6}")
    folder.mkdir()
    tiny.write_strangers(folder)
    yield folder
    assert tiny.harmed(folder) == []
    shutil.rmtree(folder)
