"""The numbers behind the figures of a search's trials."""

import pandas


def best_so_far(trials: pandas.DataFrame) -> pandas.DataFrame:
    """`number`, `best_validation_score` and `best_so_far` of the completed trials, in order.

    `best_so_far` is the highest score up to and including that trial.
    """
    complete = trials[trials["state"] == "COMPLETE"].sort_values("number")
    score = complete["best_validation_score"]
    return pandas.DataFrame(
        {
            "number": complete["number"].astype(int),
            "best_validation_score": score,
            "best_so_far": score.cummax(),
        }
    ).reset_index(drop=True)


def pruned_trials(trials: pandas.DataFrame) -> pandas.DataFrame:
    """`number` and `final_stage_score` of the pruned trials that reported an epoch."""
    reported = trials["best_validation_score"].notna()
    return trials[(trials["state"] == "PRUNED") & reported][["number", "final_stage_score"]]


def learning_curves(trials: pandas.DataFrame, epochs: pandas.DataFrame) -> pandas.DataFrame:
    """`trial`, `state`, `epoch` and `validation_score` of every epoch of the search's trials.

    Choice and report runs are left out: they repeat some of these trials on other seeds.
    """
    states = trials.set_index("number")["state"]
    own = epochs[(epochs["kind"] == "search") & epochs["trial"].isin(states.index)].sort_values(
        ["trial", "epoch"]
    )
    return pandas.DataFrame(
        {
            "trial": own["trial"].astype(int),
            "state": own["trial"].map(states),
            "epoch": own["epoch"].astype(int),
            "validation_score": own["validation_score"],
        }
    ).reset_index(drop=True)


def trial_curve(epochs: pandas.DataFrame, trial: int | None) -> pandas.DataFrame:
    """One trial's epochs in the search: losses and scores on training and validation."""
    own = epochs[(epochs["kind"] == "search") & (epochs["trial"] == trial)].sort_values("epoch")
    columns = [
        "epoch",
        "stage",
        "train_loss",
        "validation_loss",
        "train_score",
        "validation_score",
        "learning_rate",
    ]
    return own[columns].astype({"epoch": int}).reset_index(drop=True)


def report_curves(epochs: pandas.DataFrame, trial: int | None) -> pandas.DataFrame:
    """`seed`, `epoch` and `validation_score` of one trial's runs on the report seeds.

    Earlier versions had no report seeds; for them, the runs on the seeds that chose the winner.
    """
    kind = "report" if (epochs["kind"] == "report").any() else "choice"
    own = epochs[(epochs["kind"] == kind) & (epochs["trial"] == trial)]
    return own.sort_values(["seed", "epoch"])[["seed", "epoch", "validation_score"]]
