"""A lock as a file, which the system drops when its holder dies.

Where a file system has no such locks, the file itself is the lock, and says who holds it; that of a process of this
machine that is not there any more is taken.
"""

from __future__ import annotations

import errno
import warnings
from typing import Any

import filelock

from shgae.errors import DiskError

_NONE = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)


class Lock(filelock.FileLock):
    """A lock file."""

    fix = "--output on another one"
    """What helps where its file system has no locks."""

    def acquire(self, *args: Any, **options: Any) -> filelock.AcquireReturnProxy[Lock]:
        """See filelock; raises :class:`DiskError` where the file system has no locks."""
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "flock not supported")  # see above
                return super().acquire(*args, **options)
        except OSError as error:
            if error.errno not in _NONE:
                raise
            raise DiskError("lock", self.lock_file, "this file system has no locks", self.fix) from error


def is_native(lock: filelock.BaseFileLock) -> bool:
    """Whether the system knows of a lock that is held; else what its file says is part of it."""
    return not isinstance(lock, filelock.SoftFileLock)
