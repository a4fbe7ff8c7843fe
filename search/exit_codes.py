"""What a search's exit code says."""

OK, FAILED, USER_ERROR, NOTHING_FOUND, INTERRUPTED = 0, 1, 2, 3, 130
"""FAILED: the machine did, as one does whose disk is full. USER_ERROR: what was asked for is not there. NOTHING_FOUND: no trial came to
its end. INTERRUPTED: by ^C or SIGTERM."""
RECORDED = "everything up to here is recorded, and --resume goes on from it"
