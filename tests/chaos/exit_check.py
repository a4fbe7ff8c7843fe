"""Whether a process of a search ended as the kills that hit it allow."""

from tests.chaos.kills import EXIT_CODES, SIGNALS, Kill
from tests.chaos.outcome import Outcome
from tests.chaos.session import Session


def check_exit(session: Session, kills: list[Kill], outcome: Outcome) -> bool:
    """Check exit code and output of a process after these kills; return whether it is in order."""
    last = kills[-1] if kills else None
    if last and _only_python_ran(session, last):
        outcome.signals_outside_our_code += 1
        return True
    if last and _ray_ended_it(session, last):
        outcome.ended_by_ray += 1
        return True
    if _refused_for_lack_of_server(session, kills):
        return True
    problems = list(_problems(session, EXIT_CODES.get(last.kind, {0}) if last else {0}))
    for kind, detail in problems:
        outcome.add_problem(kind, detail)
    return not problems


def _problems(session: Session, allowed: set[int]) -> list[tuple[str, str]]:
    problems, code = [], session.exit_code
    if code not in allowed or (code == 1 and "error: " not in session.output):
        line = (session.output.strip().splitlines() or [""])[-1][:200]
        expected = f"allowed {sorted(allowed)}"
        problems.append(("exit codes", f"{code}, {expected}, {session.log}: {line}"))
    if "Traceback" in session.output:
        problems.append(("tracebacks", str(session.log)))
    return problems


def _only_python_ran(session: Session, kill: Kill) -> bool:
    """The signal came while Python was importing, or after our code had ended.

    Nothing of ours can handle it then, and nothing is lost.
    """
    if kill.kind not in SIGNALS or session.exit_code != -SIGNALS[kill.kind]:
        return False
    importing = not session.output.startswith("data ")
    return importing or "-m search.train best.yaml" in session.output


def _ray_ended_it(session: Session, kill: Kill) -> bool:
    """The raylet was killed while Ray's C++ code registered the driver with it.

    Ray then ends the process itself, by `_exit(1)`.
    """
    silent = "error: " not in session.output and "Traceback" not in session.output
    return (kill.kind, kill.phase) == ("raylet", "start") and session.exit_code == 1 and silent


def _refused_for_lack_of_server(session: Session, kills: list[Kill]) -> bool:
    """The MLflow server was killed before the search connected to it."""
    return (
        any(kill.kind == "server" for kill in kills)
        and session.exit_code == 2
        and "MLflow cannot record" in session.output
    )
