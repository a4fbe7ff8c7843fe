"""Nothing that was handed over is unpickled, evaluated or passed to a shell."""

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from search.spec import SearchSpec
from search.study import samplers as sampler
from search.study.cmaes import CmaEs
from tests.processes import PACKAGES, ROOT

SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

MODULES = {
    *("pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"),
    *("pty", "commands"),
}
"""Modules that run what they read, or pass it to a shell."""
CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen"),
    *("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.unsafe_load_all"),
    *("yaml.full_load", "yaml.full_load_all", "pandas.read_pickle"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "torch.jit.load", "torch.hub.load"),
}
"""Functions that do so."""
REQUIRED = {
    "torch.load": ("weights_only", True),
    "AutoModel.from_pretrained": ("trust_remote_code", False),
    "AutoConfig.from_pretrained": ("trust_remote_code", False),
    "AutoTokenizer.from_pretrained": ("trust_remote_code", False),
}
"""Functions, with a keyword argument that each call must have."""
FORBIDDEN = {"shell": True, "trust_remote_code": True, "allow_pickle": True, "weights_only": False}
"""Keyword arguments that may have neither this value nor one that is not a literal."""


def dangers(source: str) -> Iterator[str]:
    """Yield what in a file's source would run what somebody hands over."""
    module = ast.parse(source)
    safe_loaders = {
        node.name
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
        and [ast.unparse(base) for base in node.bases] == ["yaml.SafeLoader"]
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
            )
            yield from (f"imports {name}" for name in names if name.split(".")[0] in MODULES)
        elif isinstance(node, ast.Call):
            yield from dangers_of_call(node, safe_loaders)


def dangers_of_call(node: ast.Call, safe_loaders: set[str]) -> Iterator[str]:
    name = ast.unparse(node.func)
    given = {word.arg: word.value for word in node.keywords}
    safe = name == "yaml.load_all" and ast.unparse(node.args[1]) in safe_loaders
    if name in CALLS and not safe:
        yield f"calls {name}"
    for word, value in FORBIDDEN.items():
        argument = given.get(word)
        if argument and not (isinstance(argument, ast.Constant) and argument.value is not value):
            yield f"calls {name} with {word}={ast.unparse(argument)}"
    if name in REQUIRED:
        word, value = REQUIRED[name]
        argument = given.get(word)
        if not (isinstance(argument, ast.Constant) and argument.value is value):
            yield f"calls {name} without {word}={value}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_unpickles_evaluates_or_uses_a_shell(source: Path) -> None:
    assert list(dangers(source.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import torch\ntorch.load(path)",
        "torch.load(path, weights_only=flag)",
        "AutoModel.from_pretrained(folder)",
        "AutoConfig.from_pretrained(folder, trust_remote_code=trusted)",
        "datasets.load_dataset(name, trust_remote_code=True)",
        "yaml.load(text, yaml.Loader)",
        "eval(text)",
        "subprocess.run(text, shell=True)",
        "os.system(text)",
        "np.load(path, allow_pickle=True)",
    ],
)
def test_dangers_are_detected(source: str) -> None:
    """Guards the test above, which passes on anything that it does not detect."""
    assert list(dangers(source))


class Bomb:
    """Unpickling it creates a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def quadratic(trial: optuna.Trial) -> float:
    """Best, 0, at x = 2 and y = 0.001; the choice does not matter."""
    trial.suggest_categorical("choice", ["one", "other"])
    return -((trial.suggest_float("x", -5, 5) - 2) ** 2) - 1000 * abs(
        trial.suggest_float("y", 1e-5, 1, log=True) - 1e-3
    )


def evolve(journal: Path, trials: int, sampled_by: Any, number: int = 0) -> optuna.Study:
    storage = JournalStorage(JournalFileBackend(str(journal)))
    study = optuna.create_study(
        study_name="s",
        storage=storage,
        sampler=sampled_by,
        direction="maximize",
        load_if_exists=True,
    )
    study.optimize(quadratic, n_trials=trials)
    return study


@pytest.mark.parametrize(("optunas_own", "runs"), [(False, False), (True, True)])
def test_a_pickle_in_a_journal_is_never_loaded(
    tmp_path: Path, optunas_own: bool, runs: bool
) -> None:
    """Optuna's own sampler loads it, which shows that the pickle is in the right place."""
    marker, journal = tmp_path / "owned", tmp_path / "journal"
    study = evolve(journal, 2, CmaEs(0))
    trial = study.ask()
    study._storage.set_trial_system_attr(
        trial._trial_id, "cma:optimizer:0", pickle.dumps(Bomb(marker)).hex()
    )
    study.tell(trial, quadratic(trial))
    evolve(journal, 3, optuna.samplers.CmaEsSampler(seed=1) if optunas_own else CmaEs(1))
    assert marker.exists() is runs


def test_a_search_by_cmaes_uses_our_sampler(tmp_path: Path) -> None:
    spec = SearchSpec(regime="baseline", data="embedded", model="minilm", sampler="cmaes")
    made = sampler.sampler(spec)
    assert isinstance(getattr(made, "inner", made), CmaEs)
