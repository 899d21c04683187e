"""Files that are there whole or not at all."""

import contextlib
import errno
import os
import tempfile
from pathlib import Path


@contextlib.contextmanager
def replacing(path, mode="wb", **options):
    """Open a temporary file that takes the place of `path` when the `with` block ends well.

    If the block raises, or the process is killed, whatever was at `path` stays as it was.
    """
    path = Path(path)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with open(descriptor, mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~current_umask())  # mkstemp lets nobody else read it
        os.replace(temporary, path)
    except BaseException:
        os.remove(temporary)
        raise


def current_umask():
    """The permissions that new files are not given; there is no way but to set it and back."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_writable(path):
    """Raise OSError unless `replacing(path)` can put a file there; leaves nothing behind."""
    path = Path(path)
    if path.exists() and not path.is_file():
        raise OSError(errno.EEXIST, "there is something else than a file", str(path))
    with tempfile.TemporaryFile(dir=path.parent):
        pass


def try_lock(file) -> bool:
    """Lock the open `file` until it is closed; False if another process holds it.

    The system frees the lock of a process that dies.
    """
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
