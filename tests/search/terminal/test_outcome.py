"""What a finished command prints about its searches."""

import io
import re
from dataclasses import replace
from typing import Any

import pandas
import pytest
from rich.console import Console

from analysis.evidence import Evidence
from analysis.read.folder import read_summary as read_summary_of
from analysis.read.summary import Summary
from search.driver.outcome import Outcome
from search.driver.print_result import print_result
from search.spec import SearchSpec
from search.terminal import outcome
from search.terminal.console import SafeConsole
from search.trials.ending import Ending
from tests.analysis.folders import REGIMES, write_searches
from tests.analysis.searches import read_summary

FLOORS = [
    {
        "regime": regime,
        "chosen": "",
        "validation_accuracy": accuracy,
        "validation_loss": 1.0,
        "seconds": 1.0,
    }
    for regime, accuracy in (("tfidf", 0.65), ("probe", 0.87))
]
USERS = {
    "comparable": False,
    "why_not": "the data has no test split",
    "test": [],
    "test_size": None,
    "floors": FLOORS,
}


def users(regime: str, accuracy: float, **changes: Any) -> Summary:
    """A search on a user's data: chosen by `accuracy`, with three fresh seeds around it."""
    fresh = [accuracy - 0.01, accuracy, accuracy + 0.01]
    own = {"choice_accuracy": accuracy, "confirmed_accuracy": fresh, "confirmed_seeds": [1, 2, 3]}
    return read_summary(regime, **{**USERS, **own, **changes})


def leaderboard(summaries: list[Summary]) -> pandas.DataFrame:
    return outcome.leaderboard(summaries, Evidence(summaries))


def winner(summaries: list[Summary]) -> list[str]:
    return outcome.winner(summaries, Evidence(summaries))


def printed(summaries: list[Summary], *, quiet: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, soft_wrap=True)
    outcome.print_outcome(console, summaries, Evidence(summaries), quiet=quiet)
    return out.getvalue()


def test_the_table_is_sorted_by_score_with_the_floors_among_the_searches() -> None:
    frame = leaderboard([users("baseline", 0.86), users("llrd", 0.91), users("supcon", 0.90)])
    assert list(frame["regime"]) == [
        "llrd",
        "supcon",
        "probe (floor)",
        "baseline",
        "tfidf (floor)",
    ]
    assert list(frame["score"]) == ["91.0", "90.0", "87.0", "86.0", "65.0"]
    assert list(frame.columns) == [
        "regime",
        "score",
        "best in search",
        "confirmed val",
        "over floor",
    ]


def test_a_search_without_a_trial_has_no_row_beside_others(eight: list[Outcome]) -> None:
    """Of a list of regimes that was stopped in its first search."""
    waiting = replace(
        eight[1].summary, states=dict.fromkeys(eight[1].summary.states, 0), best_trial=None
    )
    lines = on_a_terminal([eight[0], replace(eight[1], summary=waiting)], 120)
    header = next(at for at, line in enumerate(lines) if line.split()[:2] == ["regime", "score"])
    names = [line.split()[0] for line in lines[header + 1 : header + 3]]
    assert eight[0].summary.regime in names and waiting.regime not in names


def test_the_papers_columns_are_shown_for_its_data_and_its_encoder_only() -> None:
    for changes, shown in (
        ({}, True),
        ({"encoder_is_papers": False}, False),
        ({"comparable": False}, False),
    ):
        columns = leaderboard([read_summary("llrd", **changes)]).columns
        for name in ("paper test", "difference to paper", "loss (paper's definition)"):
            assert (name in columns) == shown


def test_the_winner_is_compared_with_the_floor_and_the_runner_up() -> None:
    searches = [users("baseline", 0.90), users("llrd", 0.91), users("supcon", 0.70)]
    (sentence,) = winner(searches)
    assert sentence.startswith("llrd leads with trial 2: 91.0 ± ") and "3 fresh seeds" in sentence
    assert re.search(
        r"\+4\.0 ± \S+ points on validation \(up to ± \S+ on new sentences\)", sentence
    )
    assert "over probe, the best floor;" in sentence
    close = Evidence(searches).difference(searches[1], searches[0], "validation")
    assert f"{close} points on validation over the runner-up, baseline, which may be" in sentence
    (clear,) = winner([searches[1], searches[2]])
    assert "runner-up, supcon." in clear and "chance" not in clear


@pytest.mark.parametrize(
    ("on_test", "lead", "ending"),
    [
        (0.80, "+9.0", "probe, the best floor."),
        (
            0.871,
            "+1.9",
            "chance on new sentences: it takes at least 7,700 test sentences; more",
        ),
        (0.88, "+1.0", "which may be chance: about 11 report seeds would settle it."),
    ],
)
def test_a_lead_over_the_floor_is_that_on_test_with_what_would_settle_it(
    on_test: float, lead: str, ending: str
) -> None:
    """The winner has 89.0 % there; validation chose it, and does not compare it with a floor."""
    scores = {"test_accuracy": on_test, "test_loss": 1.0, "test_loss_paper": 1.0}
    probe = {**FLOORS[1], "validation_accuracy": 0.86, **scores}
    (sentence,) = winner([read_summary("llrd", floors=[probe])])
    assert f"; {lead} ± 1.7 points on test (up to ± " in sentence
    assert " on new sentences) over probe, the best floor" in sentence
    assert ending in sentence


@pytest.mark.parametrize(
    ("on_test", "verdict"),
    [
        (0.89, "no better than the floor probe on test;"),
        (0.90, "1.0 ± 1.7 points below the floor probe on test, which may be chance;"),
        (0.93, "4.0 ± 1.7 points below the floor probe on test;"),
    ],
)
def test_a_winner_that_is_no_better_on_test_than_a_floor_was_only_chosen(
    on_test: float, verdict: str
) -> None:
    scores = {"test_accuracy": on_test, "test_loss": 1.0, "test_loss_paper": 1.0}
    probe = {**FLOORS[1], "validation_accuracy": 0.86, **scores}
    (sentence,) = winner([read_summary("llrd", floors=[probe])])
    assert sentence.startswith("llrd was chosen with trial 2")
    assert f"; {verdict} --floor probe exports the floor" in sentence


def test_a_winner_whose_fresh_seeds_are_below_the_floor_does_not_win() -> None:
    """It was chosen by a lucky run, and the floor is named with the flag that exports it."""
    lucky = users("llrd", 0.86, choice_accuracy=0.9)
    (sentence,) = winner([lucky])
    assert sentence.startswith("llrd was chosen with trial 2: 86.0 ±")
    assert re.search(
        r"; 1\.0 ± \d\.\d points below the floor probe on validation[;,].* --floor probe", sentence
    )


def test_a_winner_without_fresh_seeds_is_called_a_maximum() -> None:
    alone = users("llrd", 0.91, choice_accuracy=None, confirmed_accuracy=[], confirmed_seeds=[])
    (sentence,) = winner([alone])
    assert "90.0 % on validation, a maximum over 4 trials" in sentence and "±" not in sentence
    assert winner([users("llrd", 0.9, best_trial=None, best_validation_accuracy=None)]) == []


def test_the_result_is_the_end_and_a_floor_that_wins_is_named_first() -> None:
    *_, first, second = printed([users("llrd", 0.80)], quiet=False).splitlines()
    assert first.startswith("result   No recipe beats the floor: probe")
    assert (
        second.startswith("result   llrd is the best search with trial 2: 80.0")
        and "over the" not in second
    )
    quiet = printed([users("llrd", 0.80)], quiet=True)
    assert quiet.split()[0] == "regime" and "result" not in quiet


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    """Searches of eight regimes that have ended."""
    results = write_searches(tmp_path_factory.mktemp("eight"), trials=4, epochs=2)
    return [
        Outcome(
            SearchSpec(
                regime="swa", name=name, data="embedded", model="minilm", results=f"{results}"
            ),
            read_summary_of(results / name),
            Ending.DONE,
        )
        for name in REGIMES
    ]


def on_a_terminal(outcomes: list[Outcome], width: int) -> list[str]:
    """The lines that the end of a command takes on a terminal."""
    out = io.StringIO()
    options: Any = {"force_terminal": True, "width": width, "color_system": None, "soft_wrap": True}
    print_result(SafeConsole(file=out, highlight=False, markup=False, **options), outcomes)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    return [line[at : at + width] for line in lines for at in range(0, max(1, len(line)), width)]


def test_the_last_screen_has_the_winner_of_eight_regimes(eight: list[Outcome]) -> None:
    lines = on_a_terminal(eight, 80)
    last = " ".join(line.strip() for line in lines[-24:])
    assert "was chosen with trial " in last and "fresh seeds" in last and "next:" in last
    assert "Errs most: 'intent_" in last
    (sentence,) = (at for at, line in enumerate(lines) if line.startswith("result"))
    (ended,) = (at for at, line in enumerate(lines) if line.startswith("swa: "))
    (header,) = (at for at, line in enumerate(lines) if line.split()[:2] == ["regime", "score"])
    assert ended < header < sentence < lines.index("next:")


@pytest.mark.parametrize("width", [50, 60, 80, 120])
def test_a_terminals_table_has_a_line_per_search_with_whole_words(
    eight: list[Outcome], width: int
) -> None:
    summaries = [outcome.summary for outcome in eight]
    whole = leaderboard(summaries)
    shown = outcome.fitted(whole, width)
    assert {*shown.columns} <= {*whole.columns}
    assert list(shown.columns[:2]) == ["regime", "score"] and "test" in shown
    lines = on_a_terminal(eight, width)
    header = next(at for at, line in enumerate(lines) if line.split()[:2] == ["regime", "score"])
    rows = [line.split()[0] for line in lines[header + 1 : header + 1 + len(shown)]]
    assert rows == [name.split()[0] for name in shown["regime"]]


def test_a_damaged_file_of_predictions_names_no_errors(eight: list[Outcome]) -> None:
    summaries, results = [eight[0].summary], eight[0].spec.folder.parent
    (line,) = outcome.errors(summaries, results)
    assert line.startswith("Errs most: 'intent_") and "of its 8 validation sentences (mean" in line
    path = results / eight[0].summary.name / "predictions.csv"
    whole = path.read_text()
    path.write_text("seed\n")
    assert outcome.errors(summaries, results) == []
    path.write_text(whole)


def test_a_winner_that_fresh_seeds_do_not_bear_out_was_chosen() -> None:
    """Its scores on the seeds that chose were lucky; the sentence says which search is better."""
    lucky = read_summary("supcon", choice_accuracy=0.95, confirmed_accuracy=[0.80, 0.801], test=[])
    other = read_summary("llrd", choice_accuracy=0.90, confirmed_accuracy=[0.90, 0.901], test=[])
    (said,) = outcome.winner([lucky, other], Evidence([lucky, other]))
    assert said.startswith("supcon was chosen with trial 2: 80.0")
    assert said.endswith("; on validation, llrd is significantly better.")
    (said,) = outcome.winner([other], Evidence([other]))
    assert said.startswith("llrd was chosen with trial 2")  # There is nothing to win against.
    floors = [{**FLOORS[1], "validation_accuracy": 0.5}]
    (said,) = outcome.winner(
        [replace(other, floors=read_summary(floors=floors).floors)], Evidence([other])
    )
    assert said.startswith("llrd wins with trial 2")


def test_a_search_alone_leads_until_fresh_seeds_have_confirmed_it() -> None:
    floors = [{**FLOORS[1], "validation_accuracy": 0.5}]
    one = read_summary("llrd", confirmed_accuracy=[], confirmed_seeds=[], test=[], floors=floors)
    (said,) = outcome.winner([one], Evidence([one]))
    assert said.startswith("llrd leads with trial 2")


def test_a_winner_below_its_own_defaults_was_chosen() -> None:
    """By more than the noise; one that is level with them may win."""
    floors = [{**FLOORS[1], "validation_accuracy": 0.5}]
    for defaults, word in ((0.95, "was chosen"), (0.901, "wins")):
        scores = {"paper_config_validation_accuracy": defaults, "confirmed_accuracy": [0.90, 0.901]}
        one = read_summary("llrd", choice_accuracy=0.90, test=[], floors=floors, **scores)
        (said,) = outcome.winner([one], Evidence([one]))
        assert said.startswith(f"llrd {word} with trial 2"), said
        assert ("points below its defaults, trial 0, on validation" in said) == (word != "wins")
