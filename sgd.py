"""Stochastic gradient descent that can be stopped and goes on as if it had not been.

    python sgd.py       # minimise x**2 from three points
    x = sgd(f, x0, step=0.3, iterations=40000, useSaved=True)

It knows nothing of what it minimises: `f(x)` returns the loss and its gradient. Names in camelCase
or capitals among the arguments are the assignment's. This file works alone in its scaffold.
"""

import contextlib
import hashlib
import io
import math
import os
import pickle
import random
import re
import signal
import sys
from typing import NamedTuple

import numpy as np

SAVE_PARAMS_EVERY = 5000  # iterations
ANNEAL_EVERY = 20000  # iterations after which the step is halved
SMOOTHING = 0.95  # weight of the old loss in the smoothed one
PORTION = 2**18  # bytes of x that are moved at once, few enough for the processor's cache
PROTOCOL = 2  # of our pickles; those of the assignment's scaffold have a later one


class CheckpointError(RuntimeError):
    """A save that cannot be written or resumed from; the message says which and what to do."""


class DivergenceError(ArithmeticError):
    """The loss or the parameters are no longer finite; the message says since when."""


class Progress(NamedTuple):
    """What `sgd` tells its caller now and then."""

    iteration: int
    loss: float  # of this iteration
    smoothed_loss: float  # s = 0.95 s + 0.05 loss, updated every PRINT_EVERY iterations
    step: float
    resumed: bool = False  # these are the figures of the save that `sgd` goes on from
    params: np.ndarray = None  # x itself, for as long as the call lasts


class Checkpoint(NamedTuple):
    """One save as read back. Saves of the assignment's own scaffold end with the state."""

    iteration: int
    params: np.ndarray
    state: tuple  # of `random`
    smoothed_loss: float = None
    settings: dict = None


def print_progress(progress):
    """Print an iteration as the assignment does: `iter 10: 19.061546`."""
    loss = progress.smoothed_loss
    print(f"iter {progress.iteration}: {loss:{'f' if abs(loss) < 1e15 else 'g'}}")


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
    """Minimise f by stochastic gradient descent: x after the last iteration.

    Parameters
    ----------
    f : callable
        `f(x)` returns the loss, a number, and the gradient: an array of the shape of x, or a pair
        `(rows, values)` for one that is zero but in these rows of x, each named once. An `f` that
        draws for many iterations at once has a method `sync_random()`, which puts `random` where
        drawing for one at a time would have left it.
    x0 : array_like
        The starting point; it is not modified. Float32 stays so, all else becomes float64.
    step, iterations : float, int
        The step size, halved after every 20,000 iterations, and the number of the last iteration.
    postprocessing : callable, optional
        Applied to x after every step.
    useSaved, folder : bool, str
        Start from the newest save in the folder that is not beyond `iterations`, and save there
        every 5000 iterations and at the end: to the same bits as a run that is never interrupted.
    PRINT_EVERY, progress : int, callable
        The smoothed loss is updated every PRINT_EVERY iterations. `progress` is called with a
        `Progress` then, when resuming, and after the last iteration.
    settings : dict, optional
        What else decides the result, numbers and texts by name. It is kept in every save, and a
        save with others is refused.

    Raises `DivergenceError` at the first loss that is not finite and instead of saving what is not,
    and `CheckpointError` if a save cannot be written, or none of those there can be used.
    """
    if not is_plain(settings):
        raise TypeError(f"settings must be a dict of numbers and texts, not {settings!r}")
    is_float32 = getattr(x0, "dtype", None) == np.float32
    x = np.array(x0, dtype=np.float32 if is_float32 else np.float64, order="C")
    sync_random = getattr(f, "sync_random", lambda: None)
    start, smoothed = 0, None
    save = newest_checkpoint(folder, iterations, x.shape, settings) if useSaved else None
    if save is not None:
        if save.iteration < iterations:
            # The first call of f may draw what it keeps for good (the assignment's subsample of
            # the corpus): let it do so from the state of `random` in which the saved run did.
            f(x)
            sync_random()
        start, x, smoothed = save.iteration, save.params.astype(x.dtype), save.smoothed_loss
        random.setstate(save.state)
        step *= 0.5 ** (start // ANNEAL_EVERY)
        if smoothed is not None:
            progress(Progress(start, smoothed, smoothed, step, resumed=True, params=x))

    saved = start
    try:
        for iteration in range(start + 1, iterations + 1):
            loss, gradient = f(x)
            if not math.isfinite(loss):
                raise diverged(f"the loss is {loss} at", iteration, step, folder, saved)
            if isinstance(gradient, tuple):
                x = descend_rows(x, *gradient, step)
            else:
                x = descend(x, gradient, step)
            if postprocessing is not None:
                x = postprocessing(x)

            if iteration % PRINT_EVERY == 0:
                if smoothed is None:
                    smoothed = loss
                else:
                    smoothed = SMOOTHING * smoothed + (1 - SMOOTHING) * loss
            if iteration % PRINT_EVERY == 0 or iteration == iterations:
                shown = loss if smoothed is None else smoothed
                progress(Progress(iteration, loss, shown, step, params=x))
            if useSaved and (iteration % SAVE_PARAMS_EVERY == 0 or iteration == iterations):
                if not np.all(np.isfinite(x)):
                    raise diverged("parameters not finite after", iteration, step, folder, saved)
                sync_random()
                save_params(iteration, x, folder=folder, smoothed_loss=smoothed, settings=settings)
                saved = iteration
            if iteration % ANNEAL_EVERY == 0:
                step *= 0.5
    finally:
        sync_random()
    return x


def descend(x, gradient, step):
    """One step down the gradient: x after it. x and its gradient are arrays of one shape."""
    return x - step * gradient


def descend_rows(x, rows, values, step):
    """`descend` for some rows of x alone, in place where x is in C order: x after it."""
    x = np.asarray(x, order="C")
    row = np.dtype(f"V{x.strides[0]}")  # a row as one item: that is put three times as fast
    items = x.reshape(len(x), -1).view(row)
    n = PORTION // x.strides[0] + 1
    for begin in range(0, len(rows), n):
        part = slice(begin, begin + n)
        moved = descend(x.take(rows[part], axis=0), values[part], step)
        np.put(items, rows[part], np.ascontiguousarray(moved, x.dtype).view(row))
    return x


def diverged(what, iteration, step, folder, saved):
    """The `DivergenceError` for an iteration, when the last good save is that of `saved`."""
    when = f"iteration {iteration} with step {step:g}"
    last = params_file(folder, saved) if saved else "none"
    return DivergenceError(f"{what} {when} (last good save: {last}); try a smaller step")


# ------------------------------------------------------------------------------------- saves
def save_params(iter, params, *, folder=".", smoothed_loss=None, settings=None):
    """Save the parameters after an iteration, and the state of `random`; CheckpointError if that fails.

    `saved_params_N.npy` has the array. `saved_state_N.pickle` has the state as in the assignment,
    and behind it what resuming needs besides and a checksum of it all. Both are written under other
    names first: so a save is whole or does not count, and those before it stay as they are.
    """
    file = io.BytesIO()
    np.save(file, np.asarray(params, dtype=np.float64, order="C"), allow_pickle=False)
    array = file.getvalue()
    smoothed_loss = None if smoothed_loss is None else float(smoothed_loss)
    more = {"smoothed_loss": smoothed_loss, "settings": settings}
    state = pickle.dumps(random.getstate(), PROTOCOL) + pickle.dumps(more, PROTOCOL)
    state += checksum(iter, array, state)
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
        raise CheckpointError(
            f"cannot save iteration {iter} in {folder}: {error.strerror}"
        ) from error
    finally:
        for path in contents:
            with contextlib.suppress(OSError):
                os.remove(path + ".tmp")


def checksum(iteration, *contents):
    """The sha256 of all there is to a save; it pairs the two files, and both with their names."""
    digest = hashlib.sha256(str(iteration).encode())
    for content in contents:
        digest.update(content)
    return digest.digest()


def load_saved_params():
    """The newest save in the working directory, `(0, None, None)` if there is none."""
    save = newest_checkpoint(".")
    return (0, None, None) if save is None else (save.iteration, save.params, save.state)


def newest_checkpoint(folder, iterations=math.inf, shape=None, settings=None):
    """The newest `Checkpoint` that can be used and is not beyond `iterations`, or None if there is none.

    Passes over what is broken, of another shape or of other settings, with a line on stderr. Raises
    `CheckpointError` if only such saves are there.
    """
    faults = []
    for iteration in sorted(saved_iterations(folder), reverse=True):
        if iteration > iterations:
            continue
        try:
            save = read_checkpoint(folder, iteration)
            check_save(save, folder, shape, settings)
        except CheckpointError as error:
            faults.append(str(error))
        else:
            for fault in faults:
                print(f"Passed over a save: {fault}", file=sys.stderr)
            return save
    if faults:
        raise CheckpointError(f"no save can be used: {faults[0]}")
    return None


def saved_iterations(folder):
    """The iterations that have a file with parameters; none if there is no such folder."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CheckpointError(f"cannot look for saves in {folder}: {error.strerror}") from error
    matches = [re.fullmatch(r"saved_params_([1-9][0-9]*)\.npy", name) for name in names]
    return [int(match[1]) for match in matches if match]


def read_checkpoint(folder, iteration):
    """The `Checkpoint` of an iteration; raises `CheckpointError` for anything that is not a whole one."""
    path = params_file(folder, iteration)
    try:
        array = read_file(path)
        params = parse_array(array)
        path = state_file(folder, iteration)
        return Checkpoint(iteration, params, *parse_state(read_file(path), iteration, array))
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # NumPy and pickle raise whatever broken bytes lead them to
        raise CheckpointError(f"{path} is broken: {str(error) or type(error).__name__}") from error


def read_file(path):
    """The bytes of a plain file; anything else might never end."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError("not a file")
    with open(path, "rb") as file:
        return file.read()


def parse_array(content):
    """The finite float64 array in the bytes of an .npy file; ValueError for any other bytes."""
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.dtype != np.float64:
        raise ValueError("it does not hold an array of float64")
    if not np.all(np.isfinite(array)):
        raise ValueError("not all numbers are finite")
    return np.asarray(array, order="C")


class PlainUnpickler(pickle.Unpickler):
    """Reads numbers, texts and containers of them; what could run code is refused."""

    def find_class(self, module, name):
        raise pickle.UnpicklingError(f"{module}.{name} in a pickle is refused")


def parse_state(content, iteration, array):
    """State of `random`, smoothed loss and settings in the bytes of a state file."""
    file = io.BytesIO(content)
    generator = random.Random()
    generator.setstate(PlainUnpickler(file).load())
    if file.tell() == len(content) and content[1] > PROTOCOL:  # the scaffold's, not ours cut short
        return generator.getstate(), None, None
    size = len(content) - hashlib.sha256().digest_size
    if content[size:] != checksum(iteration, array, content[:size]):
        raise ValueError("the checksum is wrong, or that of another save")
    more = PlainUnpickler(file).load()
    smoothed_loss, settings = more["smoothed_loss"], more["settings"]
    if not (is_plain(settings) and type(smoothed_loss) in (float, type(None))):
        raise ValueError("not what sgd saves")
    return generator.getstate(), smoothed_loss, settings


def is_plain(settings):
    """Whether settings are None, or a dict of numbers, texts and None by name."""
    plain = (str, int, float, bool, type(None))
    return settings is None or (
        type(settings) is dict
        and all(type(name) is str and type(settings[name]) in plain for name in settings)
    )


def check_save(save, folder, shape, settings):
    """Raise `CheckpointError` if a save has parameters or settings of another run."""
    path = params_file(folder, save.iteration)
    if settings is not None and save.settings is not None and save.settings != settings:
        names = sorted(settings.keys() | save.settings.keys())
        both = [(n, save.settings.get(n, "unknown"), settings.get(n, "unknown")) for n in names]
        differ = [f"{name} {before} (now {now})" for name, before, now in both if before != now]
        raise CheckpointError(f"{path} is of a run with {', '.join(differ)}")
    if shape is not None and save.params.shape != shape:
        raise CheckpointError(f"{path} has shape {save.params.shape}, this run needs {shape}")


def params_file(folder, iteration):
    """Where the parameters of an iteration are saved."""
    return os.path.join(folder, f"saved_params_{iteration}.npy")


def state_file(folder, iteration):
    """Where the state of `random` after an iteration is saved."""
    return os.path.join(folder, f"saved_state_{iteration}.pickle")


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
        if descend(np.ones(1), np.ones(1), 0.1) is None:
            raise NotImplementedError
        sanity_check()
    except NotImplementedError:
        sys.exit("sgd: the step is not written yet")
    except AssertionError as error:
        sys.exit(f"FAILED: {error}")


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head -1` ends it without a traceback
    main()
