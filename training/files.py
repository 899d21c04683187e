"""Import word2vec.py and sgd.py, whoever wrote them; what is wrong with them is one line.

word2vec = load("word2vec")         # UserError: word2vec.py, line 12: SyntaxError: ...
with reported("word2vec.py"):       # the same for errors in its functions
    word2vec.sigmoid(0)
"""

import contextlib
import hashlib
import importlib
import sys
import traceback
from pathlib import Path

from common.stopping import UserError

FOLDER = Path(__file__).resolve().parents[1]


def load(name):
    """Import `name`.py; every error in there, and an end of the process, becomes a UserError."""
    arguments, sys.argv = sys.argv, [f"{name}.py"]  # a parser in there must not see run.py's
    try:
        with reported(f"{name}.py"):
            return importlib.import_module(name)
    finally:
        sys.argv = arguments


@contextlib.contextmanager
def reported(file):
    """Turn errors in a file's code, and sys.exit(), into a UserError with file, line and reason."""
    try:
        yield
    except (UserError, MemoryError, BrokenPipeError):
        raise
    except (Exception, SystemExit) as error:
        raise UserError(describe(error, file)) from error


def describe(error, file):
    """Say in one line where in the file an error was raised, and what it is."""
    if isinstance(error, SyntaxError):
        line = f", line {error.lineno}" if error.lineno else ""
        return f"{Path(error.filename or file).name}{line}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    within = [frame for frame in frames if Path(frame.filename).name == file]
    where = f"{file}, line {within[-1].lineno}, in {within[-1].name}" if within else file
    if isinstance(error, NotImplementedError):
        return f"{where}: not written yet"
    if isinstance(error, SystemExit):
        return f"{where}: it calls sys.exit()"
    reason = " ".join(str(error).split())
    return f"{where}: {type(error).__name__}{reason and ': '}{reason}"


def fingerprint():
    """Return a short text that tells these two files from others."""
    texts = [(FOLDER / name).read_bytes() for name in ("word2vec.py", "sgd.py")]
    digests = [hashlib.sha256(text.replace(b"\r\n", b"\n")).hexdigest() for text in texts]
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
