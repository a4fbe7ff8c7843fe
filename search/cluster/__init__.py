"""The Ray cluster of a command: start, watch, shut down, and what it offers to trials."""

import os

SETTINGS = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Environment variables of this process and of workers. Ray reads some when it is imported."""

for name, value in {
    **SETTINGS,
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Otherwise Tune silently reruns trials of a preempted node, and the ledgers do not notice.
    "RAY_TRAIN_COUNT_PREEMPTION_AS_FAILURE": "1",
}.items():
    os.environ.setdefault(name, value)
