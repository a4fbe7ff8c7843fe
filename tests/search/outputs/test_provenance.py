"""What a result was made with."""

import platform

from search.outputs.provenance import hardware


def test_the_hardware_of_this_machine_and_of_a_cluster() -> None:
    here = hardware(1, 2.0, 0, [], here=True)
    assert here.startswith("2 CPU cores") and here.endswith(" GiB") and "GPU" not in here
    assert platform.node() not in here
    cluster = hardware(3, 24.0, 2.0, ["NVIDIA H100", "NVIDIA H100"], here=False)
    assert cluster == "3 nodes, 24 CPU cores, 2 GPUs (NVIDIA H100)"
    assert hardware(1, 1.0, 1.0, [], here=False) == "1 node, 1 CPU core, 1 GPU"
