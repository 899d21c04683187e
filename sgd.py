"""Stochastic gradient descent that can be stopped and goes on as if it had not been.

    python sgd.py       # minimise x**2 from three points
    x = sgd(f, x0, step=0.3, iterations=40000, useSaved=True)

It knows nothing of what it minimises: `f(x)` returns the loss and its gradient.
"""

import contextlib
import glob
import hashlib
import io
import math
import os
import pickle
import random
import re
import sys
import time
from typing import NamedTuple

import numpy as np

SAVE_PARAMS_EVERY = 5000  # iterations
ANNEAL_EVERY = 20000  # iterations after which the step is halved
SMOOTHING = 0.95  # weight of the old loss in the smoothed one


class SaveError(RuntimeError):
    """A save that cannot be written or resumed from; the message says which and what to do."""


class DivergenceError(ArithmeticError):
    """The loss or the parameters are no longer finite; the message says since when."""


class Progress(NamedTuple):
    """What `sgd` tells its caller now and then."""

    iteration: int
    loss: float  # of this iteration
    smoothed_loss: float  # s = 0.95 s + 0.05 loss, updated every PRINT_EVERY iterations
    speed: float  # iterations a second since `sgd` began; 0 when it resumes from a save
    step: float


class Save(NamedTuple):
    """One save as read back. Saves of the assignment's own scaffold end with the state."""

    iteration: int
    params: np.ndarray
    state: tuple  # of `random`
    smoothed_loss: float = None
    settings: dict = None


def print_progress(progress):
    """Print an iteration as the assignment does: `iter 10: 19.061546`."""
    print(f"iter {progress.iteration}: {progress.smoothed_loss:f}")


def sgd(
    f,
    x0,
    step,
    iterations,
    postprocessing=None,
    useSaved=False,
    PRINT_EVERY=10,
    *,
    progress=print_progress,
    folder=".",
    settings=None,
):
    """Minimise f by stochastic gradient descent: x <- x - step * gradient.

    Parameters
    ----------
    f : callable
        `f(x)` returns the loss, a number, and the gradient: an array of the shape of x, or a pair
        `(rows, values)` for one that is zero but in these rows of x, each named once. An `f` that
        runs ahead of `random` (because it draws many iterations at once) has a method
        `sync_random()` that puts `random` where drawing one by one would have left it.
    x0 : array_like
        The starting point; it is not modified.
    step : float
        The step size, halved after every 20,000 iterations.
    iterations : int
        The number of the last iteration.
    postprocessing : callable, optional
        Applied to x after every step.
    useSaved : bool
        Start from the newest save in `folder` that is not beyond `iterations`, and save every 5000
        iterations and at the end. The result is that of a run never interrupted, bit for bit.
    PRINT_EVERY : int
        Iterations between two updates of the smoothed loss, each told to `progress`.
    progress : callable
        Called with a `Progress` when resuming, every PRINT_EVERY iterations, and after the last.
    folder : str
        Where the saves are.
    settings : dict of plain values, optional
        What else decides the result. It is kept in every save, and a save with others is refused.

    Returns
    -------
    ndarray of float64
        x after the last iteration.

    Raises
    ------
    DivergenceError
        At the first loss that is not finite, and instead of saving what is not finite.
    SaveError
        If a save cannot be written, or none of those there can be used.
    """
    x = np.array(x0, dtype=np.float64, order="C")
    sync_random = getattr(f, "sync_random", lambda: None)
    start, smoothed = 0, None
    save = newest_save(folder, iterations, x.shape, settings) if useSaved else None
    if save is not None:
        if save.iteration < iterations:
            # The first call of f may draw what it keeps for good (the assignment's subsample of
            # the corpus): let it do so from the state of `random` in which the saved run did.
            f(x)
            sync_random()
        start, x, smoothed = save.iteration, save.params, save.smoothed_loss
        random.setstate(save.state)
        step *= 0.5 ** (start // ANNEAL_EVERY)
        if smoothed is not None:
            progress(Progress(start, smoothed, smoothed, 0.0, step))

    began = time.perf_counter()
    try:
        for iteration in range(start + 1, iterations + 1):
            loss, gradient = f(x)
            if not math.isfinite(loss):
                raise DivergenceError(
                    f"the loss is {loss} at iteration {iteration} with step {step:g}; "
                    "try a smaller step"
                )
            x = descend(x, gradient, step)
            if postprocessing is not None:
                x = postprocessing(x)

            if iteration % PRINT_EVERY == 0:
                smoothed = loss if smoothed is None else SMOOTHING * smoothed + (1 - SMOOTHING) * loss
            if iteration % PRINT_EVERY == 0 or iteration == iterations:
                speed = (iteration - start) / (time.perf_counter() - began)
                shown = loss if smoothed is None else smoothed
                progress(Progress(iteration, loss, shown, speed, step))
            if useSaved and (iteration % SAVE_PARAMS_EVERY == 0 or iteration == iterations):
                if not np.all(np.isfinite(x)):
                    raise DivergenceError(
                        f"parameters are not finite after iteration {iteration} with step "
                        f"{step:g}; try a smaller step"
                    )
                sync_random()
                save_params(iteration, x, folder=folder, smoothed_loss=smoothed, settings=settings)
            if iteration % ANNEAL_EVERY == 0:
                step *= 0.5
    finally:
        sync_random()
    return x


def descend(x, gradient, step):
    """x - step * gradient; in place if the gradient is a pair `(rows, values)`.

    The pair stands for the gradient G with G[rows] = values and zeros elsewhere, no row twice.
    """
    if not isinstance(gradient, tuple):
        return x - step * gradient
    rows, values = gradient
    x = np.ascontiguousarray(x)
    values = step * values
    np.subtract(x.take(rows, axis=0), values, out=values)
    # x[rows] = values, but three times as fast: with each row seen as one item.
    row = np.dtype((np.void, x.strides[0]))
    np.put(x.reshape(len(x), -1).view(row), rows, values.reshape(len(values), -1).view(row))
    return x


# ------------------------------------------------------------------------------------- saves
def save_params(iter, params, *, folder=".", smoothed_loss=None, settings=None):
    """Save the parameters after an iteration, and the state of `random`.

    `saved_params_N.npy` holds the array, `saved_state_N.pickle` the state as the assignment has it
    and behind it what resuming needs besides. Both are written under temporary names first, so
    that whatever happens, a save is there whole or not at all. Raises `SaveError` if it fails.
    """
    params = np.asarray(params)
    array = io.BytesIO()
    np.save(array, params, allow_pickle=False)
    array = array.getvalue()
    more = {
        "sha256": hashlib.sha256(array).hexdigest(),  # pairs the two files
        "smoothed_loss": None if smoothed_loss is None else float(smoothed_loss),
        "settings": settings,
    }
    state = pickle.dumps(random.getstate(), protocol=4) + pickle.dumps(more, protocol=4)
    # The array comes last: without it a save does not count.
    contents = {state_file(folder, iter): state, params_file(folder, iter): array}
    try:
        for path, content in contents.items():
            with open(path + ".tmp", "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path in contents:
            os.replace(path + ".tmp", path)
    except OSError as error:
        raise SaveError(f"cannot save iteration {iter} in {folder}: {error}") from error
    finally:
        for path in contents:
            if os.path.exists(path + ".tmp"):
                os.remove(path + ".tmp")


def load_saved_params():
    """The newest save in the working directory: `(iteration, params, state of random)`.

    `(0, None, None)` if there is none.
    """
    save = newest_save(".")
    return (0, None, None) if save is None else save[:3]


def newest_save(folder, iterations=math.inf, shape=None, settings=None):
    """The newest `Save` that can be used, or None if there is no save.

    Passes over what is beyond `iterations`, and with a line on stderr over what is broken, of
    another shape or of other settings. Raises `SaveError` if only such saves are there.
    """
    faults = []
    for iteration in sorted(saved_iterations(folder), reverse=True):
        if iteration > iterations:
            continue
        try:
            save = read_save(folder, iteration)
            check_save(save, folder, shape, settings)
        except SaveError as error:
            faults.append(str(error))
        else:
            for fault in faults:
                print(f"Passed over a save: {fault}", file=sys.stderr)
            return save
    if faults:
        raise SaveError(f"no save can be used: {faults[0]}")
    return None


def remove_saves(folder):
    """Remove all saves in a folder."""
    for iteration in saved_iterations(folder):
        # The array first: without it, what is left is no save.
        os.remove(params_file(folder, iteration))
        with contextlib.suppress(FileNotFoundError):
            os.remove(state_file(folder, iteration))


def saved_iterations(folder):
    """The iterations that have a file with parameters."""
    names = map(os.path.basename, glob.glob(params_file(glob.escape(folder), "*")))
    matches = (re.fullmatch(r"saved_params_(\d+)\.npy", name) for name in names)
    return [int(match[1]) for match in matches if match]


def read_save(folder, iteration):
    """The `Save` of an iteration; raises `SaveError` for anything that is not one."""
    path = params_file(folder, iteration)
    try:
        with open(path, "rb") as file:
            array = file.read()
        params = np.lib.format.read_array(io.BytesIO(array), allow_pickle=False)
        path = state_file(folder, iteration)
        with open(path, "rb") as file:
            state = PlainUnpickler(file).load()
            more = PlainUnpickler(file).load() if file.peek(1) else {}
        random.Random().setstate(state)
    except OSError as error:
        raise SaveError(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # pickle and numpy raise whatever broken bytes lead them to
        raise SaveError(f"{path} is broken: {error}") from error
    if more and more.get("sha256") != hashlib.sha256(array).hexdigest():
        raise SaveError(f"{path} is not of the same save as {params_file(folder, iteration)}")
    return Save(iteration, params, state, more.get("smoothed_loss"), more.get("settings"))


def check_save(save, folder, shape, settings):
    """Raise `SaveError` if a save has parameters or settings of another run."""
    path = params_file(folder, save.iteration)
    if save.params.dtype != np.float64 or not np.all(np.isfinite(save.params)):
        raise SaveError(f"{path} does not hold finite float64 numbers")
    if shape is not None and save.params.shape != shape:
        raise SaveError(f"{path} has shape {save.params.shape}, this run needs {shape}")
    if settings is not None and save.settings is not None and save.settings != settings:
        names = sorted(settings.keys() | save.settings.keys())
        differ = [
            f"{name} {save.settings.get(name)} (now {settings.get(name)})"
            for name in names
            if save.settings.get(name) != settings.get(name)
        ]
        raise SaveError(f"{path} is of a run with {', '.join(differ)}")


def params_file(folder, iteration):
    """Where the parameters of an iteration are saved."""
    return os.path.join(folder, f"saved_params_{iteration}.npy")


def state_file(folder, iteration):
    """Where the state of `random` after an iteration is saved."""
    return os.path.join(folder, f"saved_state_{iteration}.pickle")


class PlainUnpickler(pickle.Unpickler):
    """Reads plain values only: a pickle that names a class or function is refused."""

    def find_class(self, module, name):
        raise pickle.UnpicklingError(f"it names {module}.{name}")


# ------------------------------------------------------------------------------------- check
def sanity_check():
    """Minimise x**2 from three points; raises AssertionError unless each ends within 1e-6 of 0."""
    for start in (0.5, 0.0, -1.5):
        x = sgd(lambda x: (np.sum(x**2), 2 * x), start, 0.01, 1000, PRINT_EVERY=100)
        print(f"sgd from {start}: x = {x:.3g}")
        if not abs(x) <= 1e-6:
            raise AssertionError(f"sgd from {start} ends at {x}, expected 0 to within 1e-6")
    print("sgd: sanity check passed")


def main():
    """Run the sanity check; exit status 1 if it fails."""
    try:
        sanity_check()
    except AssertionError as error:
        sys.exit(f"FAILED: {error}")


if __name__ == "__main__":
    main()
