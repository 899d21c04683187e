"""Train with any sgd.py. The arguments of `sgd.sgd` show what it can do."""

import contextlib
import inspect
import io
import math
import os

import numpy as np

from common.assignment import PRINT_EVERY, SMOOTHING
from common.checkpoints import CheckpointsInTheWay, newest
from common.faults import reported
from common.progress import Progress
from common.stopping import UserError


class Diverged(UserError):
    """The loss or the vectors are no longer finite."""


def check_sgd(sgd):
    """Return what is wrong with one step of `sgd.sgd`, or ""; UserError if it takes no step."""
    if not callable(getattr(sgd, "sgd", None)):
        raise UserError("sgd.py has no function sgd")
    start = np.array([[1.0, -2.0]])
    with reported("sgd.py"), contextlib.redirect_stdout(io.StringIO()):
        x = sgd.sgd(lambda x: (np.sum(x**2), 2 * x), start.copy(), 0.1, 1, None, False, PRINT_EVERY)
    if x is None or np.array_equal(x, start):
        what = "returns nothing" if x is None else "does not move x"
        raise UserError(f"sgd.py: sgd {what}; is the step written yet?")
    if not isinstance(x, np.ndarray) or x.shape != start.shape:
        raise UserError("sgd.py: sgd should return x and nothing else, an array in the shape of x0")
    wrong = f"a step of 0.1 * [2, -4] leads from [1, -2] to {x[0].tolist()}, not [0.8, -1.6]"
    return "" if np.allclose(x, 0.8 * start) else wrong


def has_our_arguments(sgd):
    """Return whether `sgd.sgd` has this package's arguments, and not just the course's seven."""
    return {"progress", "folder", "settings"} <= inspect.signature(sgd.sgd).parameters.keys()


def train(sgd, f, x0, settings, folder, progress, in_checkpoints):
    """Minimise f from x0 with this package's arguments; returns x."""
    more = {"progress": progress, "folder": folder, "settings": in_checkpoints}
    try:
        return sgd.sgd(f, x0, settings.step, settings.iterations, None, True, PRINT_EVERY, **more)
    except getattr(sgd, "DivergenceError", ()) as error:
        raise Diverged(str(error)) from error
    except getattr(sgd, "CheckpointError", ()) as error:
        is_disk = isinstance(error.__cause__, OSError)
        raise (UserError if is_disk else CheckpointsInTheWay)(str(error)) from error


def train_as_the_course_does(sgd, f, x0, settings, folder, progress):
    """Minimise f from x0 with the course's arguments; returns x. It prints and saves by itself."""
    start = newest(folder) or 0
    if start > settings.iterations:
        raise CheckpointsInTheWay(f"sgd.py would resume from iteration {start:,}, after the last")
    objective, before = DenseObjective(f, start, progress), os.getcwd()
    if start:  # the first call may draw the subsample; it must do so before sgd restores `random`
        objective.evaluate(x0)
    os.chdir(folder)
    try:
        with reported("sgd.py"):
            x = sgd.sgd(objective, x0, settings.step, settings.iterations, None, True, PRINT_EVERY)
    finally:
        os.chdir(before)
    if np.shape(x) != x0.shape:
        raise UserError(f"sgd.py: sgd returned an array of shape {np.shape(x)}, not {x0.shape}")
    if not np.all(np.isfinite(x)):
        raise Diverged("the vectors are no longer finite")
    objective.tell(x, is_last=True)
    return np.asarray(x, dtype=np.float64)


class DenseObjective:
    """An objective for such an sgd, which reports to `progress` as this package's sgd would."""

    def __init__(self, f, start, progress):
        self._f, self._progress, self._iteration = f, progress, start
        self._loss = self._smoothed = None

    def __call__(self, x):
        self.tell(x)
        self._loss, gradient = self.evaluate(x)
        self._iteration += 1
        if not math.isfinite(self._loss):
            raise Diverged(f"the loss is {self._loss} at iteration {self._iteration}")
        return self._loss, gradient

    def evaluate(self, x):
        """Return loss and whole gradient at x, with `random` where drawing one by one leaves it."""
        loss, gradient = self._f(x)
        getattr(self._f, "sync_random", lambda: None)()
        if isinstance(gradient, tuple):
            rows, values = gradient
            gradient = np.zeros_like(x)
            gradient[rows] = values
        return loss, gradient

    def tell(self, x, is_last=False):
        """Report x, the result of the last iteration."""
        is_tenth = self._iteration % PRINT_EVERY == 0
        if self._loss is not None and (is_tenth or is_last):
            old = self._loss if self._smoothed is None else self._smoothed
            self._smoothed = SMOOTHING * old + (1 - SMOOTHING) * self._loss if is_tenth else old
            self._progress(Progress(self._iteration, self._loss, self._smoothed, params=x))
