"""What a user named by a relative path is found from any other working directory."""

import io
import json
import shlex
from pathlib import Path

import pytest
from rich.console import Console

from analysis import commands
from search.driver import arguments, session
from search.driver.request import read_request
from search.final import training
from search.final.transfer import transfer
from search.outputs.recipe import read_recipe
from search.places import absolute_store, located
from search.spec import SearchSpec
from search.terminal import next_commands
from search.tracking.store import tracking_uri
from tests import tiny
from tests.processes import Searched

RELATIVE = [
    *["--regime", "baseline", "--name", "s", "--data", "corpus", "--model", "encoder"],
    *["--results", "runs", "--tracking-uri", "sqlite:///here.db", "--runtime-env", "env.yaml"],
]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SearchSpec:
    """A search that was asked for in one folder by relative paths, read in another one, which has
    other data under the same name."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    tiny.write_corpus(tmp_path / "one" / "corpus")
    tiny.write_model(tmp_path / "one" / "encoder")
    (tmp_path / "one" / "env.yaml").write_text("{}")
    (tmp_path / "other" / "corpus").mkdir()
    monkeypatch.chdir(tmp_path / "one")
    (spec,) = read_request(arguments.parse(RELATIVE)).specs
    spec.folder.mkdir(parents=True)
    (spec.folder / "spec.json").write_text(spec.to_json())
    monkeypatch.chdir(tmp_path / "other")
    return SearchSpec.read(spec.folder)


def test_printed_commands_lead_to_the_search_from_another_folder(
    asked: SearchSpec, tmp_path: Path
) -> None:
    one = tmp_path / "one"
    flag = commands.results_flag(asked.folder, vars(asked))
    for command in (
        next_commands.export(asked),
        next_commands.train(asked),
        next_commands.resume(asked),
        next_commands.sync(asked),
        commands.export(vars(asked), flag),
    ):
        words = shlex.split(command)
        assert words[words.index("--results") + 1] == str(one / "runs"), command
    words = shlex.split(next_commands.train(asked))
    assert words[words.index("--tracking-uri") + 1] == f"sqlite:///{one / 'here.db'}"
    assert words[words.index("--runtime-env") + 1] == str(one / "env.yaml")
    assert commands.compare(asked.folder, vars(asked)).endswith(f"analysis.report {one / 'runs'}")


def test_a_resumed_search_reads_its_own_data_and_model_in_another_folder(
    asked: SearchSpec, tmp_path: Path
) -> None:
    flags = ["--resume", "s", "--results", str(tmp_path / "one" / "runs")]
    (spec,) = read_request(arguments.parse(flags)).specs
    assert (spec.data, spec.model, spec.directory) == ("corpus", "encoder", asked.directory)
    assert len(session.load_inputs(spec).corpus.train) == len(tiny.split_rows()["train"])
    assert tracking_uri(spec.tracking_uri, spec.results) == f"sqlite:///{tmp_path}/one/here.db"


def test_the_default_results_folder_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    argv = ["--regime", "baseline", "--data", "embedded", "--model", "minilm"]
    (spec,) = read_request(arguments.parse(argv)).specs
    assert spec.results_flag == commands.results_flag(spec.folder, vars(spec)) == ""
    assert commands.compare(spec.folder, vars(spec)).endswith("analysis.report")
    monkeypatch.chdir(tmp_path.parent)
    assert commands.results_flag(spec.folder, vars(spec)) == ""
    folder = tmp_path / "results" / "s"
    assert commands.results_flag(folder, vars(spec)) == f" --results {tmp_path / 'results'}"


def test_sources_are_looked_up_where_the_search_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "embedded").mkdir()
    (tmp_path / "corpus").mkdir()
    monkeypatch.chdir(tmp_path)
    assert located("corpus", str(tmp_path)) == located("corpus", None) == "corpus"
    monkeypatch.chdir("/")
    assert located("corpus", str(tmp_path)) == str(tmp_path / "corpus")
    for kept in ("embedded", "hub:a/b", "massive", "bert-base-uncased", "/corpus", "~nobody/x", ""):
        assert located(kept, str(tmp_path)) == kept
    assert located("corpus", str(tmp_path / "moved")) == "corpus"


def test_the_recipe_says_from_where_its_paths_are(
    searched: Searched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.write_corpus(tmp_path / "one" / "corpus")
    tiny.write_model(tmp_path / "one" / "encoder")
    recipe = read_recipe(searched.folder / "best.yaml")
    data = {**recipe["data"], "source": "corpus"}
    model = {**recipe["model"], "source": "encoder"}
    recipe = {**recipe, "data": data, "model": model, "directory": str(tmp_path / "one")}
    monkeypatch.chdir(tmp_path)
    assert training.load_inputs(recipe, Console(file=io.StringIO())).corpus.source == str(
        tmp_path / "one" / "corpus"
    )
    tiny.write_model(tmp_path / "larger", layers=3)
    carried, _ = transfer({**recipe, "regime": "llrd", "config": {}}, "larger")
    assert carried["model"]["source"] == str(tmp_path / "larger")


@pytest.mark.parametrize(
    ("uri", "from_anywhere"),
    [
        ("sqlite:///a.db", "sqlite:///{}/a.db"),
        ("sqlite:///a.db?timeout=9", "sqlite:///{}/a.db?timeout=9"),
        ("sqlite:////tmp/a.db", "sqlite:////tmp/a.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite://", "sqlite://"),
        ("file:runs", "file://{}/runs"),
        ("runs", "{}/runs"),
        ("databricks", "databricks"),
        ("http://a:5000", "http://a:5000"),
        ("postgresql://a/b", "postgresql://a/b"),
    ],
)
def test_a_store_is_the_same_from_any_folder(
    uri: str, from_anywhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    assert absolute_store(uri) == from_anywhere.format(tmp_path)
    assert absolute_store(absolute_store(uri)) == absolute_store(uri)


def test_a_spec_of_an_earlier_version_has_no_directory(asked: SearchSpec) -> None:
    values = {name: value for name, value in vars(asked).items() if name != "directory"}
    assert SearchSpec.from_json(json.dumps(values)).directory is None
