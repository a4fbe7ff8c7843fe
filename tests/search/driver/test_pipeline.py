"""A search that cannot begin leaves nothing that its error says one could continue."""

from pathlib import Path
from typing import Any

import pytest

from search.cluster import watchdog
from search.driver.pipeline import run_search
from search.signals import Stop
from search.terminal.console import SafeConsole
from tests.specs import spec as make_spec

UNUSED: Any = None


@pytest.mark.parametrize("blocked", [".", ".lock"])
def test_an_error_before_the_journal_is_open_names_no_search_to_continue(
    blocked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "_hint", [watchdog.NOT_BEGUN])
    spec = make_spec(name="new", results=str(tmp_path))
    if blocked == ".":
        spec.folder.touch()
    else:
        (spec.folder / blocked).mkdir(parents=True)
    with pytest.raises(OSError):
        run_search(spec, UNUSED, UNUSED, SafeConsole(quiet=True), Stop())
    assert watchdog.hint() == watchdog.NOT_BEGUN
