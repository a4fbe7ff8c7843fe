"""What others hand over (a results folder, labels, names) runs nothing and breaks out of nothing;
what is recorded tells no secret."""

import ast
import base64
import csv
import hashlib
import json
import os
import pickle
import pickletools
import re
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import optuna
import pandas
import psutil
import pytest
import yaml
from markdown_it import MarkdownIt
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from packaging.requirements import Requirement
from packaging.version import Version

from analysis import report, rungs
from analysis.comparison import numbers as comparison
from analysis.page.html import POLICY, SCRIPT
from analysis.text import cell, visible
from search import export, run
from search.final.model_card import model_card
from search.spec import SearchSpec
from search.study import samplers as sampler
from search.study.cmaes import CmaEs
from search.terminal.console import SafeConsole
from search.trials import worker
from tests import processes as commands
from tests import tiny
from tests.analysis.test_analysis import TRIALS, Page, summary, write_search

SOURCES = sorted(
    path
    for package in ("search", "trainables", "spaces", "analysis")
    for path in (commands.ROOT / package).rglob("*.py")
)

# What runs code


MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "pty",
    "commands",
}
"""Modules that run what they read, or hand it to a shell."""
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "yaml.load",
    "yaml.load_all",
    "yaml.unsafe_load",
}
CALLS |= {
    "yaml.full_load",
    "yaml.unsafe_load_all",
    "yaml.full_load_all",
    "pandas.read_pickle",
    "subprocess.getoutput",
}
CALLS |= {"torch.jit.load", "torch.hub.load", "subprocess.getstatusoutput"}
REQUIRED = {
    "torch.load": ("weights_only", True),
    "AutoModel.from_pretrained": ("trust_remote_code", False),
}
REQUIRED |= {
    f"{name}.from_pretrained": ("trust_remote_code", False)
    for name in ("AutoConfig", "AutoTokenizer")
}
"""Calls and a keyword that each has to have."""
FORBIDDEN = {"shell": True, "trust_remote_code": True, "allow_pickle": True, "weights_only": False}
"""Keywords that no call has with this value, nor with one that is not written out."""


def dangers(source: str) -> Iterator[str]:
    """What in a file's source would run what somebody hands over."""
    tree = ast.parse(source)
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    safe = {
        node.name
        for node in classes
        if [ast.unparse(base) for base in node.bases] == ["yaml.SafeLoader"]
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
            )
            yield from (f"imports {name}" for name in names if name.split(".")[0] in MODULES)
        elif isinstance(node, ast.Call):
            name, given = ast.unparse(node.func), {word.arg: word.value for word in node.keywords}
            if name in CALLS and not (
                name == "yaml.load_all" and ast.unparse(node.args[1]) in safe
            ):
                yield f"calls {name}"
            for word, value in FORBIDDEN.items():
                if word in given and not (
                    isinstance(given[word], ast.Constant) and given[word].value is not value
                ):
                    yield f"calls {name} with {word}={ast.unparse(given[word])}"
            word, value = REQUIRED.get(name, ("", None))
            if word and not (
                isinstance(given.get(word), ast.Constant) and given[word].value is value
            ):
                yield f"calls {name} without {word}={value}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(commands.ROOT)))
def test_no_file_unpickles_evaluates_or_asks_a_shell(source: Path) -> None:
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
def test_what_runs_code_is_found(source: str) -> None:
    """Guards the test above: it would pass on anything that it does not see."""
    assert list(dangers(source))


# Optuna's CMA-ES


class Bomb:
    """Makes a file where it is unpickled."""

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
    """Optuna's own sampler loads it, which shows that it lies where one looks."""
    marker, journal = tmp_path / "owned", tmp_path / "journal"
    study = evolve(journal, 2, CmaEs(0))
    trial = study.ask()
    study._storage.set_trial_system_attr(
        trial._trial_id, "cma:optimizer:0", pickle.dumps(Bomb(marker)).hex()
    )
    study.tell(trial, quadratic(trial))
    evolve(journal, 3, optuna.samplers.CmaEsSampler(seed=1) if optunas_own else CmaEs(1))
    assert marker.exists() is runs


def test_a_search_by_cmaes_uses_it(tmp_path: Path) -> None:
    found = sampler.sampler(
        SearchSpec(regime="baseline", data="embedded", model="minilm", sampler="cmaes")
    )
    assert isinstance(getattr(found, "inner", found), CmaEs)


# Names and texts that are markup, formulas, paths or commands


HOSTILE = [
    "<script>alert(1)</script>",
    "</script></style></svg></title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload=alert(1) x='",
    "[x](javascript:alert(1)) ![i](http://e.example/p.png) <http://e.example>",
    "a | b `code` ``` *b* \\| \\",
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "\x1b]0;title\x07\x1b[31mred \u202e \x9b2J \x00",
    "$\\frac${7*7}{{7*7}}",
    "two\n\n# lines\n---\n```\n<b>",
    "half \ud800",
]


def hostile_search(folder: Path, text: str) -> Path:
    """A search's folder whose every text is `text`."""
    written = text.encode("utf-8", "replace").decode()
    also = {f"config.{written}": "1", written: "1"}
    trials = [
        row | also | {"reason": written, "config.head_width": f"{written}{row['number']}"}
        for row in TRIALS
    ]
    texts: dict[str, Any] = dict.fromkeys(("name", "data", "model"), text)
    found = summary(text, **texts, why_not=text, encoder_is_papers=False, comparable=False)
    write_search(folder, trials, found, **texts, regime=text)
    rows = list(csv.reader((folder / "epochs.csv").open(newline="")))
    for row in rows[1:]:
        row[rows[0].index("stage")] = written
    with (folder / "epochs.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    (folder / "space.json").write_text(json.dumps({text: {"choices": [text, "1"]}}))
    (folder / "importances.csv").write_text(
        pandas.DataFrame({"name": [written], "importance": [1.0], "trials": [10]}).to_csv(
            index=False
        )
    )
    wrong = {
        "seed": 1,
        "row": range(3),
        "text": written,
        "label": [written, "a", "b"],
        "predicted": ["a", written, "b"],
        "confidence": 0.5,
    }
    (folder / "predictions.csv").write_text(pandas.DataFrame(wrong).to_csv(index=False))
    return folder


def rendered(markdown: str) -> str:
    """HTML, as a reader of Markdown that lets HTML through would show it."""
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)


def skeleton(page: str) -> list[tuple[str, list[str]]]:
    """The page's tags with the names of their attributes."""
    return [(tag, sorted(attributes)) for tag, attributes in Page(page).tags]


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report whose texts are letters."""
    return report.report(
        hostile_search(tmp_path_factory.mktemp("harmless") / "one", "harmless")
    ).parent


MARKUP_FORMULA_AND_CONTROL = (HOSTILE[0], HOSTILE[6], HOSTILE[8])
"""One of each kind for the quick tests; a report takes half a second to draw."""


@pytest.mark.parametrize(
    "text",
    [
        text if text in MARKUP_FORMULA_AND_CONTROL else pytest.param(text, marks=pytest.mark.slow)
        for text in HOSTILE
    ],
)
def test_no_text_breaks_out_of_the_report(tmp_path: Path, harmless: Path, text: str) -> None:
    """Page and Markdown have the tags that they have with letters in the place of the text, and CSV
    has its cells."""
    folder = report.report(hostile_search(tmp_path / "one", text)).parent
    found = {
        path.name: path.read_text(encoding="utf-8")
        for path in folder.glob("report*")
        if path.is_file()
    }
    letters = {
        path.name: path.read_text(encoding="utf-8")
        for path in harmless.glob("report*")
        if path.is_file()
    }
    tables = [name for name in found if name.endswith(".csv")]
    assert (
        sorted({*found} - {*tables}) == ["report.html", "report.md"]
        and tables
        and found.keys() == letters.keys()
    )
    assert not [name for name, content in found.items() if content != visible(content)]
    assert skeleton(found["report.html"]) == skeleton(letters["report.html"])
    assert skeleton(rendered(found["report.md"])) == skeleton(rendered(letters["report.md"]))
    for name in tables:
        rows = [list(csv.reader(content[name].splitlines())) for content in (found, letters)]
        assert list(map(len, rows[0])) == list(map(len, rows[1]))
        assert not [
            one
            for row in rows[0]
            for one in row
            if one.startswith(("=", "@", "+", "-", "\t", "\r"))
        ]


def test_the_report_is_shut_against_what_might_slip_through(harmless: Path) -> None:
    policy = Page((harmless / "report.html").read_text()).tags[3]
    assert (
        policy == ("meta", {"http-equiv": "Content-Security-Policy", "content": POLICY})
        and "default-src 'none'" in POLICY
    )
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert (
        f"script-src 'sha256-{digest}';" in POLICY
        and POLICY.count("script-src") == 1
        and "img-src" not in POLICY
    )


@pytest.mark.parametrize(
    ("text", "made"),
    [("=1+1", "'=1+1"), ("-0.5", "-0.5"), ("1e-05", "1e-05"), ("-x", "'-x"), ("\t=1", "'=1")],
)
def test_numbers_stay_numbers_and_formulas_become_text(text: str, made: str) -> None:
    assert cell(text) == made


def test_what_trials_csv_says_begins_with_our_words() -> None:
    """It is an exact record and has no apostrophes: no cell of it can begin as a formula."""
    assert worker.reason(ValueError("=cmd|' /C calc'!A0\n")) == "ValueError: =cmd|' /C calc'!A0"


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_breaks_out_of_the_note_in_mlflow_or_the_model_card(text: str) -> None:
    def texts(text: str) -> list[str]:
        found = summary(
            data=text, model=text, why_not=text, encoder_is_papers=False, comparable=False
        )
        configuration = {"search": text, "config": {"head_width": text}, "versions": {text: text}}
        record = {
            "summary": found,
            "configuration": configuration,
            "best_seed": found["confirmed_seeds"][0],
        }
        return [comparison.note([found]), model_card(record).split("---\n", 2)[2]]

    for hostile, letters in zip(texts(text), texts("harmless")):
        assert skeleton(rendered(hostile)) == skeleton(rendered(letters))


@pytest.mark.parametrize(
    ("model", "base"),
    [
        ("minilm", "sentence-transformers/all-MiniLM-L6-v2"),
        ("bert-base-uncased", "bert-base-uncased"),
        ("owner/name", "owner/name"),
        ("/home/somebody/model", None),
        ("~/model", None),
        ("tests", None),
        ("a: b\n---\n", None),
    ],
)
def test_the_model_cards_header_names_models_of_the_hub_and_no_folder(
    model: str, base: str | None
) -> None:
    found = summary(model=model)
    card = model_card(
        {"summary": found, "configuration": {}, "best_seed": found["confirmed_seeds"][0]}
    )
    assert yaml.safe_load(card.split("---\n")[1]).get("base_model") == base


def test_the_terminal_gets_no_control_characters_from_a_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    SafeConsole(highlight=False, soft_wrap=True, markup=False).print(
        f"  failed: {HOSTILE[8]}\n  [b]next[/b]"
    )
    said = capsys.readouterr().out
    assert (
        said == visible(said)
        and said.startswith("  failed: ")
        and said.endswith("\n  [b]next[/b]\n")
    )


NAMES = [
    "../outside",
    "..",
    ".",
    "a/b",
    "/etc",
    "a\nb",
    "name\n",
    "\x1b[31m",
    "a\0b",
    ".hidden",
    "a;b",
    "a'b",
    "x" * 81,
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command", ["export", "resume", "name"])
def test_a_name_that_is_no_name_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    """Also where a search lies at the end of the path that it makes."""
    spec = SearchSpec(
        regime="untuned",
        data=str(tmp_path / "none"),
        model="minilm",
        name="outside",
        results=str(tmp_path),
    )
    spec.folder.mkdir()
    (spec.folder / "spec.json").write_text(spec.to_json())
    results = ["--results", str(tmp_path / "results")]
    code = {
        "export": lambda: export.main([name, *results]),
        "resume": lambda: run.main(["--resume", name, *results]),
        "name": lambda: run.main(
            [
                "--regime",
                "untuned",
                "--data",
                spec.data,
                "--model",
                "minilm",
                "--name",
                name,
                *results,
            ]
        ),
    }[command]()
    said = capsys.readouterr()
    assert (code, said.out, said.err.count("\n")) == (2, "", 1) and said.err.startswith(
        "error: name is "
    )
    assert said.err == visible(said.err) and list(tmp_path.iterdir()) == [spec.folder]


# Commands that are mistyped, and files that are damaged


@pytest.mark.parametrize("main", [report.main, rungs.main])
@pytest.mark.parametrize("argv", [["--no-such-flag"], ["one", "two"], ["one", "--o\nut\x1b[31m"]])
def test_a_mistyped_command_is_one_line(
    main: Any, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    said = capsys.readouterr()
    assert (ended.value.code, said.out, said.err.count("\n")) == (2, "", 1) and said.err.startswith(
        "error: "
    )
    assert said.err == visible(said.err)


@pytest.mark.parametrize("main", [report.main, rungs.main])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("summary.json", '{"name": "on'),
        ("summary.json", json.dumps(summary()).replace("90.0", "9" * 400)),
        ("summary.json", "[" * 100_000),
        ("spec.json", '"\x1b[31m"'),
        (
            "trials.csv",
            "number,state,reason,validation_accuracy,best_validation_accuracy,epochs,seconds\n1e25,FAIL,,,,,\n",
        ),
        (
            "trials.csv",
            "number,state,reason,validation_accuracy,best_validation_accuracy,epochs,seconds\n-1,FAIL,,,,,\n",
        ),
        (
            "trials.csv",
            "number,state,reason,validation_accuracy,best_validation_accuracy,epochs,seconds\n0,\x1b[31m,,,,,\n",
        ),
        ("epochs.csv", "trial,epoch\n0,1\n"),
        ("epochs.csv", "\0\0\0\0"),
    ],
)
def test_a_damaged_file_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], main: Any, name: str, text: str
) -> None:
    folder = write_search(tmp_path / "one", found=summary())
    (folder / name).write_text(text)
    assert main([str(folder)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and len(said.err) < 500
    assert said.err.startswith("error: ") and name in said.err and said.err == visible(said.err)


# Packages


FLOORS = {
    "aiohttp": ("3.9.2", "CVE-2024-23334"),
    "certifi": ("2023.7.22", "CVE-2023-37920"),
    "cryptography": ("44.0.1", "CVE-2024-12797"),
    "flask": ("2.3.2", "CVE-2023-30861"),
    "flask-cors": ("6.0.0", "CVE-2024-6839"),
    "fonttools": ("4.60.2", "CVE-2025-66034"),
    "gitpython": ("3.1.41", "CVE-2024-22190"),
    "gunicorn": ("23.0.0", "CVE-2024-6827"),
    "h11": ("0.16.0", "CVE-2025-43859"),
    "idna": ("3.7", "CVE-2024-3651"),
    "jinja2": ("3.1.6", "CVE-2025-27516"),
    "joblib": ("1.2.0", "CVE-2022-21797"),
    "mako": ("1.2.2", "CVE-2022-40023"),
    "mlflow": ("3.5.0", "CVE-2025-14279"),
    "pillow": ("11.3.0", "CVE-2025-48379"),
    "protobuf": ("6.31.1", "CVE-2025-4565"),
    "pyarrow": ("14.0.1", "CVE-2023-47248"),
    "pyyaml": ("5.4", "CVE-2020-14343"),
    "ray": ("2.52.0", "CVE-2025-62593"),
    "requests": ("2.32.4", "CVE-2024-47081"),
    "scikit-learn": ("1.5.0", "CVE-2024-5206"),
    "skops": ("0.12.0", "CVE-2025-54412"),
    "sqlparse": ("0.5.0", "CVE-2024-4340"),
    "starlette": ("0.49.1", "CVE-2025-62727"),
    "torch": ("2.6.0", "CVE-2025-32434"),
    "tqdm": ("4.66.3", "CVE-2024-34062"),
    "transformers": ("4.53.0", "CVE-2025-5197"),
    "urllib3": ("2.6.0", "CVE-2025-66418"),
    "werkzeug": ("3.1.4", "CVE-2025-66221"),
}
"""The first version of a package that does not have a flaw, and the flaw: the newest known of each
when this was written."""


def named(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def tree(root: str, extras: frozenset[str]) -> dict[str, str]:
    """What is installed of a package and everything that it needs: names to versions."""
    found: dict[str, str] = {}
    waiting = [(root, extras)]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # for another platform
        for text in metadata.requires(name) or []:
            needed = Requirement(text)
            if needed.marker is None or any(
                needed.marker.evaluate({"extra": extra}) for extra in ("", *extras)
            ):
                waiting.append((named(needed.name), frozenset(needed.extras)))
    return found


def test_no_installed_package_has_a_flaw_that_is_known_here() -> None:
    """Knows the table above and no more: no advisory that came after it, nothing of packages that
    it does not name, no network."""
    found = tree("regimen", frozenset({"embedded"}))
    assert {"torch", "ray", "mlflow", "transformers", "pyyaml", "urllib3", "pyarrow"} <= set(found)
    behind = {
        name: flaw
        for name, (floor, flaw) in FLOORS.items()
        if name in found and Version(found[name]) < Version(floor)
    }
    assert behind == {}


def test_what_pyproject_asks_for_is_above_these_floors_and_from_the_index() -> None:
    project = tomllib.loads((commands.ROOT / "pyproject.toml").read_text())["project"]
    texts = [
        *project["dependencies"],
        *(text for extra in project["optional-dependencies"].values() for text in extra),
    ]
    for needed in map(Requirement, texts):
        assert needed.url is None
        floor, flaw = FLOORS.get(named(needed.name), ("0", ""))
        lowest = max(
            (
                Version(one.version)
                for one in needed.specifier
                if one.operator in (">=", "==", "~=")
            ),
            default=Version("0"),
        )
        assert lowest >= Version(floor), f"{needed} allows {flaw}"


# A real search


MARKERS = {
    "HF_TOKEN": "hf_marker0token0marker",
    "MLFLOW_TRACKING_USERNAME": "marker0mlflow0user",
    "MLFLOW_TRACKING_PASSWORD": "marker0mlflow0password",
    "AWS_SECRET_ACCESS_KEY": "marker0aws0secret",
    "USER": "marker0user",
    "LOGNAME": "marker0user",
}


@dataclass(frozen=True)
class Recorded:
    """A search and a final training that were watched: what they left, said and listened on."""

    results: Path
    home: Path
    said: list[str]
    addresses: list[set[str]]


def watched(argv: list[str], env: dict[str, str]) -> tuple[str, set[str]]:
    """A command to its end: what it printed, and the addresses on which it and what it started ever
    listened."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(
        [sys.executable, "-m", *argv], cwd=commands.ROOT, env={**os.environ, **env}, **pipes
    )
    heard: set[str] = set()
    deadline = time.monotonic() + 300
    while process.poll() is None:
        assert time.monotonic() < deadline
        heard |= listening(process.pid)
        time.sleep(0.2)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out + err, heard


def listening(pid: int) -> set[str]:
    """Addresses on which a process or one below it takes connections now."""
    found = set()
    try:
        for one in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            found |= {
                socket.laddr.ip.removeprefix("::ffff:")
                for socket in one.net_connections("tcp")
                if socket.status == "LISTEN"
            }
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        pass  # ended while it was looked at
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Recorded:
    """By CMA-ES, with secrets around it, in a folder whose name is a command; the best is trained
    and registered."""
    home = tmp_path_factory.mktemp("home0marker")
    folder = tmp_path_factory.mktemp("recorded")
    results, corpus = folder / "a folder; $(touch owned)", tiny.write_corpus(folder / "corpus")
    env = {**MARKERS, "HOME": str(home)}
    budget = [
        "--regime",
        "baseline",
        "--trials",
        "6",
        "--epochs",
        "2",
        "--sampler",
        "cmaes",
        "--confirm",
        "1x1",
        "--name",
        "marked",
    ]
    where = ["--results", str(results)]
    searched = watched(
        ["search.run", *budget, "--data", str(corpus), "--model", str(model_folder), *where], env
    )
    final = [
        str(results / "marked" / "best.yaml"),
        "--seeds",
        "1",
        "--out",
        str(results / "model"),
        "--register",
        "marked",
    ]
    trained = watched(["search.train", *final, *where], env)
    return Recorded(results, home, [searched[0], trained[0]], [searched[1], trained[1]])


@pytest.mark.slow
def test_no_secret_no_home_and_no_user_is_in_any_record(recorded: Recorded) -> None:
    """Nor where the code lies, which is often somebody's home.

    (Data, model and results stand there as they were typed.)
    """
    files = [path for path in recorded.results.rglob("*") if path.is_file()]
    assert {"study.journal", "trials.csv", "best.yaml", "mlflow.db", "scores.json", "MLmodel"} <= {
        path.name for path in files
    }
    told = [
        f"{path.relative_to(recorded.results)} has {secret}"
        for path in files
        for secret in {*MARKERS.values(), recorded.home.name, str(commands.ROOT / "search")}
        if secret.encode() in path.read_bytes()
    ]
    assert told == [] and not [
        secret for said in recorded.said for secret in MARKERS.values() if secret in said
    ]


@pytest.mark.slow
def test_nothing_that_is_recorded_is_a_pickle(recorded: Recorded) -> None:
    files = [path for path in recorded.results.rglob("*") if path.is_file()]
    named_so = [
        path
        for path in files
        if path.suffix in (".pkl", ".pickle", ".joblib", ".bin", ".pt", ".pth", ".pyc")
    ]
    assert named_so == [] and not [path for path in files if is_pickle(path.read_bytes())]
    journal = (recorded.results / "marked" / "study.journal").read_text()
    assert "cma:" not in journal
    (description,) = recorded.results.rglob("MLmodel")
    flavor = yaml.safe_load(description.read_text())["flavors"]["python_function"]
    assert Path(flavor["model_code_path"]).name == "serving.py" and "python_model" not in flavor


def is_pickle(content: bytes) -> bool:
    try:
        return content[:1] == b"\x80" and bool(list(pickletools.genops(content)))
    except ValueError:
        return False


@pytest.mark.slow
def test_search_and_training_listen_on_loopback_only(recorded: Recorded) -> None:
    for addresses in recorded.addresses:
        assert addresses and addresses <= {"127.0.0.1", "::1"}


@pytest.mark.slow
def test_the_next_commands_are_what_a_shell_takes_them_for(recorded: Recorded) -> None:
    """Each is what it was, word for word, after a shell has read it."""
    lines = [
        line.strip()
        for said in recorded.said
        for line in said.partition("next:\n")[2].splitlines()
        if line.startswith("  ")
    ]
    words = [shlex.split(line) for line in lines]
    assert [
        "mlflow",
        "ui",
        "--backend-store-uri",
        f"sqlite:///{recorded.results / 'mlflow.db'}",
    ] in words
    assert [
        "python",
        "-m",
        "search.export",
        "marked",
        "--results",
        str(recorded.results),
        "--out",
        "best.yaml",
    ] in words
    assert [
        "python",
        "-m",
        "search.predict",
        str(recorded.results / "model"),
        "wake me at seven",
    ] in words
