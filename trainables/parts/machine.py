"""Which errors are the machine's fault, and not that of what was read."""

import errno

FAULTS = {
    errno.EIO,
    errno.ENOMEM,
    errno.EMFILE,
    errno.ENFILE,
    errno.ESTALE,
    errno.ENOSPC,
    errno.EDQUOT,
}


def raise_if_machine_fault(error: BaseException) -> None:
    """Raise OSError where one with such a number is behind an error, whatever another library has
    made of it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in FAULTS:
            raise OSError(cause.errno, cause.strerror, cause.filename) from error
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
