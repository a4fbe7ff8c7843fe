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


def require_sound(error: BaseException) -> None:
    """Raise OSError where a disk, memory or the number of open files is behind an error, whatever
    another library has made of it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in FAULTS:
            raise OSError(cause.errno, cause.strerror, cause.filename) from error
        cause = cause.__cause__ or cause.__context__
