"""An sgd.py, whoever wrote it: try one step, and train with the course's seven arguments."""

import contextlib
import inspect
import io
import math
import os

import numpy as np

from common.assignment import PRINT_EVERY, SMOOTHING
from common.checkpoints import CheckpointsInTheWay, newest
from common.progress import Progress
from common.stopping import UserError
from training.files import reported


class Diverged(UserError):
    """The loss or the vectors are no longer finite."""


def check_sgd(sgd):
    """Try one step of `sgd.sgd`: return what is wrong with it, or ""; UserError if there is none."""
    if not callable(getattr(sgd, "sgd", None)):
        raise UserError("sgd.py has no function sgd")
    start = np.array([[1.0, -2.0]])
    with reported("sgd.py"), contextlib.redirect_stdout(io.StringIO()):
        x = sgd.sgd(lambda x: (np.sum(x**2), 2 * x), start.copy(), 0.1, 1, None, False, PRINT_EVERY)
    if x is None or np.array_equal(x, start):
        raise UserError("sgd.py: sgd does not move x; is the step written yet?")
    if not isinstance(x, np.ndarray) or x.shape != start.shape:
        what = f"an array of shape {x.shape}" if hasattr(x, "shape") else f"a {type(x).__name__}"
        raise UserError(f"sgd.py: sgd should return x in the shape of x0, but returns {what}")
    if np.allclose(x, 0.8 * start):
        return ""
    return f"a step of 0.1 against the gradient [2, -4] goes from [1, -2] to {x[0]}, not [0.8, -1.6]"


def has_our_arguments(sgd):
    """Return whether `sgd.sgd` has this package's arguments, and not just the course's seven."""
    return {"progress", "folder", "settings"} <= inspect.signature(sgd.sgd).parameters.keys()


def train_as_the_course_does(sgd, f, x0, settings, folder, progress):
    """Return x trained by `sgd.sgd` with the course's arguments, which saves and prints by itself.

    `progress` is told what this package's sgd would tell it.
    """
    start = newest(folder) or 0
    if start > settings.iterations:
        raise CheckpointsInTheWay(
            "sgd.py resumes from the newest checkpoint, which is beyond iteration "
            f"{settings.iterations:,}"
        )
    if start:
        f(x0)  # it may draw the subsample, which comes before the checkpoint's state of `random`
    objective = DenseObjective(f, start, progress)
    before = os.getcwd()
    os.chdir(folder)
    try:
        with reported("sgd.py"):
            x = sgd.sgd(
                objective, x0, settings.step, settings.iterations, None, True, PRINT_EVERY=PRINT_EVERY
            )
    finally:
        os.chdir(before)
    if np.shape(x) != x0.shape:
        raise UserError(f"sgd.py: sgd returned an array of shape {np.shape(x)}, not {x0.shape}")
    if not np.all(np.isfinite(x)):
        raise Diverged("the vectors are no longer finite")
    objective.tell(x, is_last=True)
    return np.asarray(x, dtype=np.float64)


class DenseObjective:
    """A function for such an sgd: dense gradients, and `random` as drawing one by one leaves it."""

    def __init__(self, f, start, progress):
        self._f, self._progress, self._iteration = f, progress, start
        self._loss = self._smoothed = None

    def __call__(self, x):
        self.tell(x)
        loss, gradient = self._f(x)
        getattr(self._f, "sync_random", lambda: None)()
        self._iteration, self._loss = self._iteration + 1, loss
        if not math.isfinite(loss):
            raise Diverged(f"the loss is {loss} at iteration {self._iteration}")
        if self._iteration % PRINT_EVERY == 0:
            old = loss if self._smoothed is None else self._smoothed
            self._smoothed = SMOOTHING * old + (1 - SMOOTHING) * loss
        if isinstance(gradient, tuple):
            rows, values = gradient
            gradient = np.zeros_like(x)
            gradient[rows] = values
        return loss, gradient

    def tell(self, x, is_last=False):
        """Tell `progress` of the iteration that x is the result of, if there was one."""
        if self._loss is not None and (is_last or self._iteration % PRINT_EVERY == 0):
            smoothed = self._loss if self._smoothed is None else self._smoothed
            self._progress(Progress(self._iteration, self._loss, smoothed, params=x))
