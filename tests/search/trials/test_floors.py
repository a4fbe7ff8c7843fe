"""The floors' encoded sentences, which trials share and which their times include."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import tiny
from tests.processes import ROOT

SCRIPT = """
import sys

import ray
import torch

from search.cluster.start import cluster
from search.driver.context import set_up
from search.inputs import prepare
from search.spec import SearchSpec
from search.trials.floors import SharedJob
from trainables.parts.training.frozen import encode

corpus, model = sys.argv[1:]
prepared = prepare(corpus, model)
spec = SearchSpec(regime="baseline", data=corpus, model=model, precision="fp32").named()
with cluster(None):
    context = set_up([spec], prepared)
    shared = SharedJob(context.job, context.floors)
    before = shared()
    assert shared() is before and ray.get(before).encoded is None
    context.floors.encode()
    context.floors.encoded(wait=True)
    after = shared()
    assert shared() is after and after is not before
    shares = ray.get(ray.get(after).encoded)
    assert 0 < context.floors.encode_wall_seconds <= context.floors.encode_seconds
    context.floors.encode_wall_seconds = 1000.0
    context.floors.start()
    assert context.floors.collect(within=60)
    slow = [name for name, it in context.floors.found.items() if it["ended"] - it["began"] > 1000]
    assert slow == ["probe"], slow
    context.floors.close(wait=True)
alone = encode(prepared.small.build("fp32"), prepared.data)
assert shares.keys() == alone.keys()
for pooling, splits in alone.items():
    for ours, theirs in zip(shares[pooling], splits):
        assert torch.allclose(ours.vectors, theirs.vectors, atol=1e-5)
print("same")
"""


@pytest.mark.slow
def test_trials_get_the_encoded_sentences_as_soon_as_they_are_there(
    model_folder: Path, tmp_path: Path
) -> None:
    """Also where the search begins before that, as a resumed one does. Ray has its own process."""
    corpus = str(tiny.write_corpus(tmp_path / "corpus"))
    command = [sys.executable, "-c", SCRIPT, corpus, str(model_folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "same\n", done.stderr
