"""The two files that are handed in, word2vec.py and sgd.py, whoever wrote them.

word2vec = load("word2vec")         # UserError: word2vec.py, line 12: SyntaxError: ...
with reported("word2vec.py"):       # the same for what its functions raise
    word2vec.sigmoid(0)
x = call_seven_arguments(load("sgd"), f, x0, 0.3, 40000, folder, progress)
"""

import contextlib
import functools
import hashlib
import importlib
import inspect
import io
import os
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from common.checkpoints import advice, newest
from common.stopping import UserError

FOLDER = Path(__file__).resolve().parents[1]
# The sha256 of this package's sgd.py; a test compares it with the file.
OUR_SGD = "fe0b9ee4aa6631953ea095e5611152e0ecfe7b59c2f401a262d304136c680493"
PRINT_EVERY = 10
SMOOTHING = 0.95  # weight of the old loss in the smoothed one, as in sgd.py


def load(name, afresh=False):
    """Import `name`.py, perhaps once more; whatever it raises becomes a UserError."""
    arguments, sys.argv = sys.argv, [f"{name}.py"]  # a parser in there is to see none of ours
    if afresh:
        del sys.modules[name]
    try:
        with reported(f"{name}.py"):
            return importlib.import_module(name)
    finally:
        sys.argv = arguments


@contextlib.contextmanager
def reported(file):
    """Turn what the code in a file raises, and its end, into a UserError: file, line and reason."""
    try:
        yield
    except (UserError, MemoryError, BrokenPipeError):
        raise
    except (Exception, SystemExit) as error:
        raise UserError(describe(error, file)) from error


def describe(error, file):
    """An error in a line: where in the file it was raised, and what it is."""
    reason = " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        line = f", line {error.lineno}" if error.lineno else ""
        return f"{Path(error.filename or file).name}{line}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    within = [frame for frame in frames if Path(frame.filename).name == file]
    where = f"{file}, line {within[-1].lineno}, in {within[-1].name}" if within else file
    if isinstance(error, NotImplementedError):
        return f"{where}: not written yet"
    if isinstance(error, SystemExit):
        return f"{where}: it ends the process"
    return f"{where}: {type(error).__name__}{reason and ': '}{reason}"


@functools.cache
def digest(name):
    """The sha256 of `name`.py, at the first call, with line ends as they are on Unix."""
    text = (FOLDER / f"{name}.py").read_bytes().replace(b"\r\n", b"\n")
    return hashlib.sha256(text).hexdigest()


def fingerprint():
    """A short text that tells these two files from others."""
    both = digest("word2vec") + digest("sgd")
    return hashlib.sha256(both.encode()).hexdigest()[:16]


# ------------------------------------------------------------------------------------- sgd.py
def check_sgd(sgd):
    """Raise UserError unless one step of `sgd.sgd` moves x."""
    start = np.array([1.0, -2.0])
    with reported("sgd.py"), contextlib.redirect_stdout(io.StringIO()):
        x = sgd.sgd(lambda x: (np.sum(x**2), 2 * x), start.copy(), 0.1, 1, None, False, PRINT_EVERY)
    if x is None or np.array_equal(x, start):
        raise UserError("sgd.py: the step of sgd is not written yet, x stays where it is")


def takes_settings(sgd):
    """Whether `sgd.sgd` has this package's arguments, and not just the course's seven."""
    return "settings" in inspect.signature(sgd.sgd).parameters


def call_seven_arguments(sgd, f, x0, step, iterations, folder, progress):
    """Train by somebody's `sgd.sgd`, called as the course calls it, in a folder; returns x.

    It does its own printing and saving. `progress` is told the loss as this package's sgd would.
    """
    start = newest(folder) or 0
    if start > iterations:
        raise UserError(
            f"sgd.py goes on from the newest save, which is beyond iteration {iterations}; "
            f"{advice(folder)}"
        )
    if start:
        # As in this package's sgd: the first call may draw the subsample, and has to before the
        # state of `random` is that of the save.
        f(x0)
    objective = DenseObjective(f, start, progress)
    before = os.getcwd()
    os.chdir(folder)
    try:
        with reported("sgd.py"):
            x = sgd.sgd(objective, x0, step, iterations, None, True, PRINT_EVERY=PRINT_EVERY)
    finally:
        os.chdir(before)
    if np.shape(x) != x0.shape:
        raise UserError(f"sgd.py: sgd returned an array of shape {np.shape(x)}, not {x0.shape}")
    return np.asarray(x, dtype=np.float64)


class DenseObjective:
    """A function for somebody's sgd: whole gradients, `random` where the textbook leaves it."""

    def __init__(self, f, start, progress):
        self._f = f
        self._sync_random = getattr(f, "sync_random", lambda: None)
        self._iteration = start
        self._progress = progress
        self._smoothed = None

    def __call__(self, x):
        loss, gradient = self._f(x)
        self._iteration += 1
        self._sync_random()
        if not np.all(np.isfinite(gradient[1] if isinstance(gradient, tuple) else gradient)):
            raise UserError(f"the gradient is no longer finite at iteration {self._iteration}")
        if isinstance(gradient, tuple):
            rows, values = gradient
            gradient = np.zeros_like(x)
            gradient[rows] = values
        self._tell(loss, x)
        return loss, gradient

    def _tell(self, loss, x):
        if self._iteration % PRINT_EVERY:
            return
        old = loss if self._smoothed is None else self._smoothed
        self._smoothed = SMOOTHING * old + (1 - SMOOTHING) * loss
        self._progress(
            SimpleNamespace(
                iteration=self._iteration,
                loss=loss,
                smoothed_loss=self._smoothed,
                resumed=False,
                params=x,
            )
        )
