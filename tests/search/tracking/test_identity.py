"""What the study records about how its search ended."""

import optuna
import pytest

from search.spec import SearchSpec
from search.tracking.identity import conclude, identify, was_interrupted
from search.trials.ending import Ending

SPEC = SearchSpec(regime="baseline", data="embedded", model="minilm", name="ended", trials=3)
EARLIER = "HOPELESS"
"""What earlier versions recorded for COMMON_FAILURE."""


@pytest.mark.parametrize("ending", [*(ending.name for ending in Ending), EARLIER])
def test_only_an_interrupted_search_counts_as_interrupted(ending: str) -> None:
    study = optuna.create_study()
    identify(study, {})
    assert was_interrupted(study, SPEC)  # It runs, or was killed.
    conclude(study, ending)
    assert was_interrupted(study, SPEC) is (ending == "INTERRUPTED")
