"""What is shipped to somebody else's cluster, and which files are refused."""

import json
from pathlib import Path

import pytest

from search.cluster import SETTINGS
from search.cluster.address import require_usable
from search.cluster.code import CODE, PACKAGES
from search.cluster.runtime_env import RAY_JOB, runtime_env
from tests.processes import free_port

OURS = [str(CODE / name) for name in PACKAGES]


@pytest.fixture(autouse=True)
def no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RAY_JOB, raising=False)


def write(folder: Path, text: str) -> str:
    path = folder / "env.yaml"
    path.write_text(text)
    return str(path)


def test_our_code_and_settings_are_shipped() -> None:
    made = runtime_env(None)
    assert made["py_modules"] == OURS and made["env_vars"] == SETTINGS
    assert "__pycache__/" in made["excludes"]


def test_a_file_is_merged_and_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "extra").mkdir()
    monkeypatch.chdir(tmp_path)
    text = "env_vars: {A: b, TOKENIZERS_PARALLELISM: 'true'}\npy_modules: [extra]\n"
    made = runtime_env(write(tmp_path, text))
    assert made["env_vars"] == {**SETTINGS, "A": "b", "TOKENIZERS_PARALLELISM": "true"}
    assert made["py_modules"] == [str(tmp_path / "extra"), *OURS]


def test_a_job_with_a_working_directory_brings_its_own_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = {"working_dir": "gcs://x.zip", "env_vars": {"TOKENIZERS_PARALLELISM": "true"}}
    monkeypatch.setenv(RAY_JOB, json.dumps({"runtime_env": job}))
    made = runtime_env(None)
    assert set(made) == {"env_vars"} and "TOKENIZERS_PARALLELISM" not in made["env_vars"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "must hold a mapping"),
        ("a: [", "must be YAML or JSON"),
        ("pips: [x]", "has the unknown field 'pips'; choose from: "),
        ("env_vars: {A: 1}", "env_vars must be a mapping of names to texts"),
        ("py_modules: x", "py_modules must be a list of texts"),
        ("working_dir: nowhere", "names 'nowhere', which does not exist"),
        ("{pip: [x], conda: y}", "is refused by Ray"),
        ("env_vars: {B: c}", "sets B, which the job's runtime environment sets too"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RAY_JOB, json.dumps({"runtime_env": {"env_vars": {"B": "d"}}}))
    with pytest.raises(ValueError) as refused:
        runtime_env(write(tmp_path, text))
    assert said in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("address", ["ray://head:10001", "http://head:8265"])
def test_an_address_of_another_kind_says_what_to_use(address: str) -> None:
    with pytest.raises(ValueError, match=r"must be HOST:PORT or auto; got .*ray\[default\]"):
        require_usable(address)


def test_an_address_where_nobody_listens_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"no Ray cluster answers at '127\.0\.0\.1:.*refused"):
        require_usable(f"127.0.0.1:{free_port()}")
