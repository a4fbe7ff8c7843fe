"""MLflow's store."""

from pathlib import Path

import pytest

from search.tracking import store


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://me:s3cret%21word@127.0.0.1:1/mlflow",
        "http://me:s3cret%21word@127.0.0.1:1",
        "unknown://me:s3cret%21word@host",
    ],
)
def test_a_store_that_does_not_answer_is_named_without_its_password(
    uri: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="MLflow cannot record at") as refused:
        store.connect(uri, str(tmp_path))
    assert "s3cret" not in str(refused.value) and "me:***@" in str(refused.value)
