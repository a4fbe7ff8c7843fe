"""Published searches: their files, the tables made of them, and the page in the docs."""

import json
import shlex
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import results
from analysis.evidence import SCORED_SPLITS, Evidence
from analysis.published import page
from analysis.published.extract import (
    LEAST_REPORT_RUNS,
    LEFT_OUT,
    WRITTEN_APART,
    command,
    publish,
)
from analysis.published.record import read_published, write_published
from analysis.published.tables import goals, scores, to_paper, to_papers_best
from analysis.read.correct import COLUMNS, to_hex
from analysis.read.folder import read_search
from analysis.read.summary import Summary
from search.driver.arguments import parser
from search.seeds import report_counts
from search.spec import SearchSpec
from tests.analysis.searches import summary, write_csv, write_search
from tests.processes import ROOT

FLOOR = {
    "regime": "probe",
    "chosen": "",
    "validation_accuracy": 0.7,
    "validation_loss": 1.0,
    "seconds": 3.0,
}
DATA = "/home/somebody/intents"
SPEC: dict[str, Any] = {
    "data": DATA,
    "model": "minilm",
    "shots": 5,
    "shots_seed": 0,
    "report_seeds": 2,
}


def few(regime: str, *reported: float, **changes: Any) -> dict[str, Any]:
    """A finished search on five examples of each intent; the choice runs have the same mean."""
    return summary(
        regime,
        name=f"few-{regime}",
        data=f"{DATA} (--shots 5)",
        model="minilm",
        comparable=False,
        confirmed_accuracy=list(reported),
        confirmed_seeds=[1000 + n for n in range(len(reported))],
        choice_accuracy=sum(reported) / len(reported),
        choice_runs={"2": list(reported[:2])},
        floors=[FLOOR],
        rows={"train": 750, "validation": 3000, "test": 4500},
        **changes,
    )


def published(folder: Path, *outcomes: dict[str, Any]) -> str:
    """Publish searches with these outcomes beside a page; returns the page."""
    folders = [
        write_search(
            folder / "found" / one["name"], outcome=one, **SPEC | {"regime": one["regime"]}
        )
        for one in outcomes
    ]
    out = folder / "numbers"
    out.with_name("numbers.md").write_text(f"# Ours\n\n{page.BEGIN}\n{page.END}\n\nMore.\n")
    assert results.main([str(out), "--add", *map(str, folders)]) == 0
    return out.with_name("numbers.md").read_text()


def test_the_committed_page_is_what_the_committed_files_make() -> None:
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert page.rewritten(text, read_published(ROOT / "docs" / "results")) == text


def test_a_search_is_published_without_folders_and_its_command_parses(tmp_path: Path) -> None:
    text = published(tmp_path, few("supcon", 0.80, 0.82), few("baseline", 0.70, 0.72))
    assert text.startswith("# Ours\n") and text.endswith("\n\nMore.\n")
    assert "### intents (--shots 5), minilm\n" in text and "somebody" not in text
    files = sorted((tmp_path / "numbers").glob("*.json"))
    assert [path.stem for path in files] == ["few-baseline", "few-supcon"]
    content = json.loads(files[1].read_text())
    assert "somebody" not in files[1].read_text()
    assert content["summary"]["confirmed_accuracy"] == [0.80, 0.82]
    assert content["summary"]["data"] == "intents (--shots 5)"
    assert content["configuration"] == {"batch_size": "16", "head_width": ""}
    words = shlex.split(content["command"])
    asked = parser().parse_args(words[3:])
    assert (asked.data, asked.shots, asked.trials, asked.model) == ("intents", 5, 4, "minilm")
    # The same files make the same page, however often.
    assert results.main([str(tmp_path / "numbers")]) == 0
    assert (tmp_path / "numbers.md").read_text() == text


def test_fixed_values_and_choice_runs_are_in_the_command() -> None:
    spec = {"regime": "llrd", "data": "hub:owner/name", "model": "owner/name", "confirm_top": 2}
    spec |= {"confirm_seeds": 3, "fix": {"head_width": None, "dropout": 0.1}, "time_budget": 90.0}
    assert command(spec) == (
        "python -m search.run --regime llrd --data hub:owner/name --model owner/name"
        " --time-budget 90 --confirm 2x3 --fix head_width=none dropout=0.1"
    )


@dataclass(frozen=True, kw_only=True)
class LargerSpec(SearchSpec):
    """A search's spec of a later version."""

    patient: bool = False
    loud: bool = True
    strength: float = 0.5
    colour: str | None = None


def test_a_new_field_of_a_search_is_in_the_command_that_repeats_it() -> None:
    """Or the published command repeats another search."""
    spec = LargerSpec(regime="llrd", data="embedded", model="minilm")
    written = json.loads(spec.to_json())
    words = shlex.split(command(written))
    assert words[-6:] == ["--no-patient", "--loud", "--strength", "0.5", "--confirm", "auto"]
    assert "--colour" not in words
    assert "--colour red --confirm" in command(written | {"colour": "red"})
    parser(LargerSpec).parse_args(words[3:])


def test_what_a_published_command_leaves_out_are_fields_that_a_search_has() -> None:
    assert {field.name for field in fields(SearchSpec)} >= WRITTEN_APART | LEFT_OUT


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"report_seeds": 3}, "lacks 1 report runs; finish it with --resume few-supcon"),
        ({"confirm_top": 0}, "has no report runs"),
        ({"warm_start": {"dropout": 0.1}}, "was warm-started from another search"),
    ],
)
def test_a_search_that_no_command_repeats_is_not_published(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    outcome = few("supcon", 0.80, 0.82)
    search = write_search(tmp_path / "few", outcome=outcome, **SPEC | change)
    with pytest.raises(ValueError, match=reason):
        publish(read_search(search))


def test_another_search_of_the_same_name_is_not_replaced(tmp_path: Path) -> None:
    made = publish(
        read_search(write_search(tmp_path / "few", outcome=few("supcon", 0.80, 0.82), **SPEC))
    )
    write_published(tmp_path, made)
    write_published(tmp_path, made)
    with pytest.raises(ValueError, match="holds another search of this name"):
        write_published(tmp_path, replace(made, command="python -m search.run --regime llrd"))
    first, *others = made.command.split(" --")
    write_published(tmp_path, replace(made, command=" --".join([first, *reversed(others)])))


def test_scores_have_floors_and_intervals() -> None:
    summaries = [Summary.from_dict(few(name, 0.8, 0.82)) for name in ("supcon", "baseline")]
    table = scores(summaries, Evidence(summaries)).set_index("regime")
    assert list(table.index) == ["baseline", "supcon", "probe (floor)"]
    assert table["choice"]["supcon"] == "81.0 (n=3)"
    assert table["report runs, validation"]["supcon"].startswith("81.0 ± ")
    assert table["report runs, validation"]["supcon"].endswith("(n=2, df=4)")
    assert table["test"]["supcon"].endswith("(n=2, df=2)")
    # Without choice runs both rest on the same runs, which then stand once.
    plain = [replace(summary, choice_runs={}) for summary in summaries]
    alone = scores(plain, Evidence(plain)).set_index("regime")
    assert alone["report runs, validation"]["supcon"].endswith("(n=2, df=2)")
    assert alone["test"]["supcon"].startswith("89.0 ± ") and "n=" not in alone["test"]["supcon"]
    assert table["report runs, validation"]["probe (floor)"] == "70.0"


def test_a_search_is_published_from_its_first_number_of_report_runs_on() -> None:
    assert report_counts(None)[0] == LEAST_REPORT_RUNS


@pytest.mark.parametrize(
    ("ours", "reached"),
    [(0.90, ["yes", "yes"]), (0.76, ["yes, not certain", "yes"]), (0.60, ["no", "no"])],
)
def test_goals_are_held_against_the_report_runs_and_never_the_test(
    ours: float, reached: list[str]
) -> None:
    """Ours minus `baseline`, which has 70.5 %, and minus the floor, which has 70 %."""
    pairs = {"supcon": (ours, ours + 0.002), "baseline": (0.704, 0.706)}
    summaries = [Summary.from_dict(few(name, *runs)) for name, runs in pairs.items()]
    table = goals(summaries, Evidence(summaries))
    assert list(table["difference"]) == ["supcon - baseline", "supcon - probe (floor)"]
    assert list(table["reached"]) == reached
    assert goals(summaries[1:], Evidence(summaries)).empty


def test_every_regime_is_compared_with_the_papers_best() -> None:
    """With the regime of the paper's best row, whichever of its regimes is the best here."""
    losses = {"test_loss": 0.5, "test_loss_paper": 0.1}
    accuracies = {
        "llrd_warmup": (0.80, (0.800, 0.802)),
        "baseline": (0.81, (0.808, 0.812)),
        "rdrop": (0.90, (0.899, 0.901)),
        "swa": (0.79, (0.800, 0.802)),
    }
    summaries = [
        Summary.from_dict(
            few(name, validation, validation)
            | {
                "test_size": 2974,
                "test": [
                    {"seed": 1000 + n, "test_accuracy": each, **losses, "test_loss": 0.5 + n}
                    for n, each in enumerate(test)
                ],
            }
        )
        for name, (validation, test) in accuracies.items()
    ]
    table = to_papers_best(summaries, Evidence(summaries))
    assert list(table["minus llrd_warmup"]) == ["rdrop", "baseline", "swa"]
    for split, head, leads in (
        ("validation", "", ["+10.0", "+1.0", "-1.0"]),
        ("test", "test, ", ["+9.9", "+0.9", "+0.0"]),
    ):
        column = table[split]
        assert [text.split(" ")[0] for text in column] == leads
        # Which sentences were right is not known.
        assert all(cell.startswith("up to ± ") for cell in table[f"{head}new sentences"])
    assert table["test, p"].iloc[0] == "under 0.001"
    assert float(table["test, p"].iloc[2]) > 0.5
    assert to_papers_best(summaries[:2], Evidence(summaries)).empty
    assert to_papers_best(summaries[1:], Evidence(summaries)).empty


def test_published_searches_are_compared_sentence_by_sentence(tmp_path: Path) -> None:
    """As the searches themselves: the bits that are published are those of the folder."""
    generator, sentences = np.random.default_rng(0), 400
    difficulty = generator.random(sentences)
    for regime, skill in (("supcon", 0.9), ("baseline", 0.8)):
        bits = {
            split: difficulty < skill + 0.02 * generator.standard_normal((2, sentences))
            for split in ("validation", "test")
        }
        means = {split: runs.mean(axis=1).tolist() for split, runs in bits.items()}
        tests = [
            {"seed": 1000 + n, "test_accuracy": mean, "test_loss": 0.5 + n, "test_loss_paper": 0.1}
            for n, mean in enumerate(means["test"])
        ]
        sizes = {"validation_size": sentences, "test_size": sentences}
        outcome = few(regime, *means["validation"], test=tests, **sizes)
        folder = write_search(
            tmp_path / "of" / f"few-{regime}", outcome=outcome, **SPEC, regime=regime
        )
        rows = [
            dict(zip(COLUMNS, ("report", 2, 1000 + n, split, sentences, to_hex(run))))
            for split, runs in bits.items()
            for n, run in enumerate(runs)
        ]
        other = dict(
            zip(COLUMNS, ("choice", 1, 1, "validation", sentences, to_hex(bits["test"][0])))
        )
        write_csv(folder / "correct.csv", list(COLUMNS), [*rows, other])
        write_published(tmp_path, publish(read_search(folder)))
    again = read_published(tmp_path)
    whole = Evidence.beside(tmp_path / "of", [])
    small = Evidence(
        [each.summary for each in again], {each.summary.name: each.right for each in again}
    )
    assert all(len(each.correct) == 4 for each in again)
    for split in SCORED_SPLITS:
        leads = []
        for evidence in (whole, small):
            supcon, plain = (evidence.summaries[f"few-{name}"] for name in ("supcon", "baseline"))
            leads.append(evidence.difference(supcon, plain, split))
        assert leads[0] == leads[1] and leads[0].paired


def test_searches_on_the_papers_data_stand_beside_its_table_7() -> None:
    """Also with another encoder; a regime that the paper lacks beside its best one; not on other
    data."""
    losses = {"test_loss": 0.5, "test_loss_paper": 0.1}
    tested = [
        {"seed": 1000 + n, "test_accuracy": accuracy, **losses}
        for n, accuracy in enumerate((0.96, 0.97))
    ]
    for name, comparable, score_of_paper, score in (
        ("supcon", True, "87.4", 0.874),
        ("supcon", False, None, None),
        ("rdrop", True, "88.2 by llrd_warmup", 0.882),
    ):
        outcome = few(name, 0.90, 0.91) | {"comparable": comparable, "test": tested}
        outcome |= {"test_size": 2974, "rows": {"train": 11514, "validation": 2033, "test": 2974}}
        summaries = [Summary.from_dict(outcome)]
        table = to_paper(summaries, Evidence(summaries))
        assert len(table) == (score is not None)
        for _, row in table.iterrows():
            assert row["regime"] == name and row["p"] in ("under 0.001", "0.001")
            assert row["paper (bert-base-uncased)"] == score_of_paper
            assert row["difference"].startswith(f"{100 * (0.965 - (score or 0)):+.1f} ± ")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"winner_trial": None, "best_trial": None}, "has no result yet"),
        ({"confirmed_accuracy": []}, "lacks 2 report runs"),
        ({"why_not": "because of /home/somebody/x"}, "names a path"),
    ],
)
def test_what_cannot_be_published_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], rule: str
) -> None:
    write_search(tmp_path / "one", outcome=few("supcon", 0.8, 0.82) | changes, **SPEC)
    assert results.main([str(tmp_path / "numbers"), "--add", str(tmp_path / "one")]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1 and rule in printed
    assert not (tmp_path / "numbers").exists()


def test_a_page_without_marks_and_a_missing_page_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text, rule in ((None, "no page"), ("# Ours\n", "must have the lines")):
        if text is not None:
            (tmp_path / "numbers.md").write_text(text)
        (tmp_path / "numbers").mkdir(exist_ok=True)
        assert results.main([str(tmp_path / "numbers")]) == 2
        printed = capsys.readouterr().err
        assert printed.count("\n") == 1 and rule in printed
