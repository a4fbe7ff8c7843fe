"""A search whose nodes are killed ends as on one machine."""

import pytest

from tests.chaos import nodes

pytestmark = pytest.mark.soak


def test_a_search_that_loses_two_nodes_ends_as_the_undisturbed_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert nodes.main(["--kills", "2", "--trials", "6"]) == 0, capsys.readouterr().out
