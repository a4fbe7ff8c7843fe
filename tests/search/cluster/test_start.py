"""From where Ray's workers import."""

from pathlib import Path

from search.cluster.code import CODE
from search.cluster.start import import_folder


def test_workers_import_our_code_where_a_folder_has_modules_of_its_names(tmp_path: Path) -> None:
    assert (CODE / "search" / "cluster" / "start.py").is_file()
    assert import_folder(tmp_path) == tmp_path
    assert import_folder(CODE) == CODE
    (tmp_path / "search.py").write_text("")
    assert import_folder(tmp_path) == CODE
    (tmp_path / "search.py").unlink()
    (tmp_path / "analysis").mkdir()
    assert import_folder(tmp_path) == CODE
