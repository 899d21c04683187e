"""Say in one line what is wrong: errors in a file that somebody else wrote, numbers that differ.

word2vec = load("word2vec")         # UserError: word2vec.py, line 12: invalid syntax
with reported("word2vec.py"):       # UserError: word2vec.py, line 12, in skipgram: KeyError: 'a'
    word2vec.skipgram(...)
differ("the loss", 1.5, 2.5)        # "the loss is 1.5, not 2.5"
"""

import contextlib
import importlib
import sys
import traceback
from pathlib import Path

from common.stopping import UserError

TOLERANCE = 1e-9  # relative; rounding alone stays below 1e-12
ALIKE = 1e-3  # for relative differences below this, the message gives the difference too
SINGLE_PRECISION = 1e-5  # relative differences below this look like single precision


def load(name):
    """Import `name`.py; UserError if it raises an error or calls sys.exit()."""
    arguments, sys.argv = sys.argv, [f"{name}.py"]  # hides our arguments from a parser in the file
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
    """Say where in the file an error was raised, and what it is."""
    if isinstance(error, SyntaxError):
        line = f", line {error.lineno}" if error.lineno else ""
        return f"{Path(error.filename or file).name}{line}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    within = [frame for frame in frames if Path(frame.filename).name == file]
    where = f"{file}, line {within[-1].lineno}, in {within[-1].name}" if within else file
    if isinstance(error, SystemExit):
        return f"{where}: it calls sys.exit()"
    kind = [] if isinstance(error, NotImplementedError) else [f"{type(error).__name__}:"]
    return f"{where}: " + " ".join([*kind, *str(error).split()]).rstrip(":")


def differ(what, actual, expected, scale=0):
    """Say that a number is not the expected one, with as many digits as it takes; "" if it is.

    The tolerance is relative to the expected number, to `scale` or to 1, whichever is largest.
    """
    distance = abs(actual - expected)
    relative = distance / max(1, abs(expected), scale)
    if relative <= TOLERANCE:  # False for NaN
        return ""
    both = [(f"{actual:.{digits}g}", f"{expected:.{digits}g}") for digits in range(4, 18)]
    texts = next((pair for pair in both if pair[0] != pair[1]), both[-1])
    single = "; single precision?" if relative < SINGLE_PRECISION else ""
    size = f" (a difference of {distance:.1g}{single})" if relative < ALIKE else ""
    return f"{what} is {texts[0]}, not {texts[1]}{size}"
