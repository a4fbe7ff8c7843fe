"""search.sync refuses in one line."""

import contextlib
import fcntl
from pathlib import Path

import pytest

from search.driver.context import facts
from search.inputs import prepare
from search.outputs.tables import facts_of
from search.spec import SearchSpec
from search.sync import main
from tests import tiny
from tests.analysis.searches import summary, write_search
from tests.search.tracking.logged_study import Search


def test_sync_knows_what_the_search_knew_of_its_data(tmp_path: Path, model_folder: Path) -> None:
    """From the summary that the search wrote. Without it, an interval may be too narrow."""
    corpus = str(tiny.write_corpus(tmp_path / "corpus"))
    source = {"data": corpus, "model": str(model_folder), "metric": "macro_f1"}
    spec = SearchSpec(regime="baseline", results=str(tmp_path), name="mine", **source)  # type: ignore[arg-type]
    known = facts(spec, prepare(corpus, str(model_folder))) | {"machine": "two cores"}
    assert known.keys() == facts_of(tmp_path / "nothing").keys()
    write_search(tmp_path / "mine", outcome=summary("baseline", **known))
    assert facts_of(tmp_path / "mine") == known


@pytest.mark.parametrize("name", ["none", "empty", "held", "damaged", "unheard"])
def test_sync_refuses_in_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / name
    argv = [name, "--results", str(tmp_path), "--tracking-uri", "http://127.0.0.1:9"]
    if name != "none":
        folder.mkdir()
    if name in ("held", "unheard"):
        Search(tmp_path, name=name)
    if name == "damaged":
        (folder / "spec.json").write_text("{")
    with (folder / ".lock").open("w") if name == "held" else contextlib.nullcontext() as lock:
        if lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(argv) == 2
    out, err = capsys.readouterr()
    told = {
        "none": "no search 'none'",
        "empty": "it holds none",
        "held": "is running",
        "damaged": "damaged",
        "unheard": "127.0.0.1:9",
    }[name]
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1 and told in err
