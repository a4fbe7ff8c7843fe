"""Tables of a search's trials."""

import pandas

from analysis.trials import ranking


def test_top_trials_show_what_differs_and_trial_0_last() -> None:
    trials = pandas.DataFrame(
        {
            "number": [0.0, 1.0, 2.0, 3.0],
            "state": ["COMPLETE"] * 3 + ["PRUNED"],
            "best_validation_score": [0.5, 0.8, 0.8, None],
            "seconds": [1.0] * 4,
            "config.rate": ["0.0001", "0.000123456", "0.0001", "7"],
            "config.width": ["10", None, "10", "10"],
            "config.same": ["relu"] * 4,
        }
    )
    result = ranking.top_trials(trials, n=1)
    assert result.to_dict("list") == {
        "trial": ["1", "0"],
        "validation": ["80.00", "50.00"],
        "time": ["1s", "1s"],
        "rate": ["0.000123", "0.0001"],
        "width": ["none", "10"],
    }
    assert list(ranking.top_trials(trials)["trial"]) == ["1", "2", "0"]


def test_the_candidates_table_has_choice_and_report_seeds() -> None:
    """A run counts with the best epoch of its final stage.

    A failed run leaves an empty cell and no mean; other trials are left out.
    """
    runs = {
        (2, "search", 0): [("a", 0.9), ("b", 0.7)],
        (2, "choice", 1): [("a", 0.9), ("b", 0.6), ("b", 0.5)],
    }
    runs |= {
        (2, "choice", 2): [("a", 0.1), ("b", 0.8)],
        (0, "choice", 1): [("a", 0.1), ("b", 0.9)],
    }
    runs |= {
        (2, "report", 1000): [("a", 0.9), ("b", 0.62)],
        (2, "report", 1001): [("a", 0.9), ("b", 0.66)],
    }
    epochs = pandas.DataFrame(
        [
            {
                "trial": trial,
                "kind": kind,
                "seed": seed,
                "stage": stage,
                "validation_score": accuracy,
            }
            for (trial, kind, seed), epochs in runs.items()
            for stage, accuracy in epochs
        ]
    )
    trials, none = (
        pandas.DataFrame({"number": [0, 1, 2], "best_validation_score": [0.85, 0.95, 0.7]}),
        "\N{EN DASH}",
    )
    chosen = [
        {
            "trial": "2",
            "in the search": "70.00",
            "choice seed 1": "60.00",
            "choice seed 2": "80.00",
            "choice mean": "70.00",
        },
        {
            "trial": "0",
            "in the search": "85.00",
            "choice seed 1": "90.00",
            "choice seed 2": none,
            "choice mean": none,
        },
    ]
    reported = [
        {"report seed 1000": "62.00", "report seed 1001": "66.00", "report mean": "64.00"},
        {"report seed 1000": none, "report seed 1001": none, "report mean": none},
    ]
    assert ranking.candidates(trials, epochs).to_dict("records") == [
        one | other for one, other in zip(chosen, reported)
    ]
    assert (
        ranking.candidates(trials, epochs[epochs["kind"] != "report"]).to_dict("records") == chosen
    )  # of an earlier version
    assert ranking.candidates(trials, epochs[epochs["kind"] == "search"]).empty
