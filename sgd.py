"""Stochastic gradient descent that can be stopped and goes on as if it had not been.

    python sgd.py       # minimise x**2 from three points
    x = sgd(f, x0, step=0.3, iterations=40000, useSaved=True)

It knows nothing of what it minimises: `f(x)` returns the loss and its gradient.
"""

import contextlib
import hashlib
import io
import math
import os
import pickle
import pickletools
import random
import re
import sys
import time
import warnings
from typing import NamedTuple

import numpy as np

SAVE_PARAMS_EVERY = 5000  # iterations
ANNEAL_EVERY = 20000  # iterations after which the step is halved
SMOOTHING = 0.95  # weight of the old loss in the smoothed one

PLAIN_TYPES = (str, int, float, bool, type(None))
PLAIN_OPCODES = frozenset(  # what pickles of tuples and dicts of such values are made of
    "PROTO FRAME MARK STOP NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT "
    "BINUNICODE SHORT_BINUNICODE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT SETITEM SETITEMS "
    "BINPUT BINGET MEMOIZE".split()
)
PROTOCOL = 2  # the assignment's scaffold has a later one; so its saves are told from our cut ones


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
        `(rows, values)` for one that is zero but in these rows of x, each named once; behind the
        pair may stand `x[rows]`, if f has taken it anyway. An `f` that
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
    settings : dict, optional
        What else decides the result, numbers and texts by name. It is kept in every save, and a
        save with others is refused.

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
    if not is_plain(settings):
        raise TypeError(f"settings must be a dict of numbers and texts, not {settings!r}")
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

    saved = start
    began = time.perf_counter()
    try:
        for iteration in range(start + 1, iterations + 1):
            loss, gradient = f(x)
            if not math.isfinite(loss):
                raise diverged(f"the loss is {loss} at", iteration, step, folder, saved)
            x = descend(x, gradient, step)
            if postprocessing is not None:
                x = postprocessing(x)

            if iteration % PRINT_EVERY == 0:
                if smoothed is None:
                    smoothed = loss
                else:
                    smoothed = SMOOTHING * smoothed + (1 - SMOOTHING) * loss
            if iteration % PRINT_EVERY == 0 or iteration == iterations:
                speed = (iteration - start) / max(time.perf_counter() - began, 1e-9)
                shown = loss if smoothed is None else smoothed
                progress(Progress(iteration, loss, shown, speed, step))
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
    """x - step * gradient; in place if the gradient is a pair `(rows, values)`.

    The pair stands for the gradient G with G[rows] = values and zeros elsewhere, no row twice.
    """
    if not isinstance(gradient, tuple):
        return x - step * gradient
    rows, values = gradient
    x = np.ascontiguousarray(x)
    moved = x.take(rows, axis=0)
    moved -= step * values
    # x[rows] = moved, but three times as fast: with each row seen as one item.
    row = np.dtype(f"V{x.strides[0]}")
    moved = moved.reshape(-1, x.strides[0] // x.itemsize)
    np.put(x.reshape(len(x), -1).view(row), rows, moved.view(row))
    return x


def diverged(what, iteration, step, folder, saved):
    """The `DivergenceError` for an iteration, when the last good save is that of `saved`."""
    last = params_file(folder, saved) if saved else "none"
    return DivergenceError(
        f"{what} iteration {iteration} with step {step:g} (last good save: {last}); "
        "try a smaller step"
    )


# ------------------------------------------------------------------------------------- saves
def save_params(iter, params, *, folder=".", smoothed_loss=None, settings=None):
    """Save the parameters after an iteration, and the state of `random`.

    `saved_params_N.npy` holds the array. `saved_state_N.pickle` holds the state, as the assignment
    has it, and behind it what resuming needs besides and a checksum of it all. Both are written
    under temporary names first: whatever happens, a save is there whole or does not count, and
    those before it stay as they are. Raises `SaveError` if it fails.
    """
    array = io.BytesIO()
    np.save(array, np.asarray(params, dtype=np.float64, order="C"), allow_pickle=False)
    array = array.getvalue()
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
        raise SaveError(f"cannot save iteration {iter} in {folder}: {error.strerror}") from error
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
    """Remove all saves in a folder, and what killed ones have left."""
    # Arrays go first: without it, what is left of a save does not count.
    for name in sorted(file_names(folder)):
        if re.fullmatch(r"saved_(params_[0-9]+\.npy|state_[0-9]+\.pickle)(\.tmp)?", name):
            os.remove(os.path.join(folder, name))


def saved_iterations(folder):
    """The iterations that have a file with parameters."""
    pattern = re.compile(r"saved_params_([1-9][0-9]*)\.npy")
    matches = map(pattern.fullmatch, file_names(folder))
    return [int(match[1]) for match in matches if match]


def file_names(folder):
    """The names of what is in a folder; none if there is no such folder."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SaveError(f"cannot look for saves in {folder}: {error.strerror}") from error


def read_save(folder, iteration):
    """The `Save` of an iteration; raises `SaveError` for anything that is not a whole one."""
    path = params_file(folder, iteration)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong is said below
            array = read_file(path)
            params = parse_array(array)
            path = state_file(folder, iteration)
            state = parse_state(read_file(path), iteration, array)
    except OSError as error:
        raise SaveError(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # NumPy and pickle raise whatever broken bytes lead them to
        raise SaveError(f"{path} is broken: {str(error) or type(error).__name__}") from error
    return Save(iteration, params, *state)


def read_file(path):
    """The bytes of a plain file; anything else might never end."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError("not a file")
    with open(path, "rb") as file:
        return file.read()


def parse_array(content):
    """The finite float64 array in the bytes of an .npy file; ValueError for any other bytes."""
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("not a version of .npy that holds numbers")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype != np.float64:
        raise ValueError(f"it holds {dtype}, not float64")
    values = np.frombuffer(content, np.float64, offset=file.tell())
    if not np.all(np.isfinite(values)):
        raise ValueError("not all numbers are finite")
    return np.array(values.reshape(shape, order="F" if fortran_order else "C"), order="C")


def parse_state(content, iteration, array):
    """State of `random`, smoothed loss and settings in the bytes of a state file.

    A save of the assignment's own scaffold has but the first.
    """
    file = io.BytesIO(content)
    generator = random.Random()
    generator.setstate(load_plain(file))
    if file.tell() == len(content) and content[1] != PROTOCOL:
        return generator.getstate(), None, None
    size = len(content) - hashlib.sha256().digest_size
    if content[size:] != checksum(iteration, array, content[:size]):
        raise ValueError("the checksum is wrong, or that of another save")
    more = load_plain(file)
    smoothed_loss, settings = more["smoothed_loss"], more["settings"]
    if not (is_plain(settings) and type(smoothed_loss) in (float, type(None))):
        raise ValueError("not what sgd saves")
    return generator.getstate(), smoothed_loss, settings


def load_plain(file):
    """Unpickle the next object of a file; refuse one that is more than plain values.

    So no code is run, as a pickle can have it, and no memory taken but for what the file holds.
    """
    begin = file.tell()
    for opcode, _, _ in pickletools.genops(file):
        if opcode.name not in PLAIN_OPCODES:
            raise pickle.UnpicklingError(f"pickle opcode {opcode.name} is refused")
    file.seek(begin)
    return pickle.load(file)


def is_plain(settings):
    """Whether settings are None, or a dict of numbers, texts and None by name."""
    return settings is None or (
        type(settings) is dict
        and all(type(name) is str for name in settings)
        and all(type(value) in PLAIN_TYPES for value in settings.values())
    )


def check_save(save, folder, shape, settings):
    """Raise `SaveError` if a save has parameters or settings of another run."""
    path = params_file(folder, save.iteration)
    if settings is not None and save.settings is not None and save.settings != settings:
        names = sorted(settings.keys() | save.settings.keys())
        differ = [
            f"{name} {save.settings.get(name, 'unknown')} (now {settings.get(name, 'unknown')})"
            for name in names
            if save.settings.get(name, "unknown") != settings.get(name, "unknown")
        ]
        raise SaveError(f"{path} is of a run with {', '.join(differ)}")
    if shape is not None and save.params.shape != shape:
        raise SaveError(f"{path} has shape {save.params.shape}, this run needs {shape}")


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
        sanity_check()
    except AssertionError as error:
        sys.exit(f"FAILED: {error}")


if __name__ == "__main__":
    main()
