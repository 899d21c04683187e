"""Stochastic gradient descent that resumes bit for bit after an interruption.

    python sgd.py       # minimise x**2 from three points
    x = sgd(f, x0, step=0.3, iterations=40000, useSaved=True)

`f(x)` returns a loss and its gradient; `step` is the learning rate. Names in camelCase or capitals
are the assignment's, and this file also works alone in the assignment's scaffold.
"""

import io
import os
import pickle
import random
import re
import sys
import traceback
from collections import namedtuple
from pathlib import Path
from typing import NamedTuple

import numpy as np

SAVE_PARAMS_EVERY = 5000  # iterations
ANNEAL_EVERY = 20000  # iterations after which the learning rate is halved
SMOOTHING = 0.95  # weight of the old loss in the smoothed one
PORTION = 2**18  # bytes of x that are moved at once, few enough for the processor's cache


def descend(x, gradient, step):
    """Return x after one step down its gradient, of the same shape; `step` is the learning rate."""
    return x - step * gradient


class DivergenceError(ArithmeticError):
    """The loss or the parameters are no longer finite; the message says since when."""


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written or resumed from; the message says which one and why."""


class Progress(NamedTuple):
    """What `sgd` reports to its caller now and then."""

    iteration: int
    loss: float  # of this iteration
    smoothed_loss: float  # s = 0.95 s + 0.05 loss, updated every PRINT_EVERY iterations
    step: float  # the learning rate
    resumed: bool = False  # these are the figures of the checkpoint that `sgd` resumes from
    params: np.ndarray = None  # x itself, valid during the call


# A checkpoint as read back. The scaffold's own checkpoints lack the last two fields.
Checkpoint = namedtuple(
    "Checkpoint", "iteration params state smoothed_loss settings", defaults=(None, None)
)


def print_progress(progress):
    """Print an iteration as the assignment does: `iter 10: 19.061546`."""
    loss = progress.smoothed_loss
    print(f"iter {progress.iteration}: {loss:{'f' if abs(loss) < 1e15 else 'g'}}")


def sgd(
    f, x0, step, iterations, postprocessing=None, useSaved=False, PRINT_EVERY=10,
    *, progress=print_progress, folder=".", settings=None,
):  # fmt: skip
    """Minimise f by stochastic gradient descent; returns x after the last iteration.

    `f(x)` returns the loss, a number, and the gradient: an array like x, or a pair `(rows, values)`
    if only these rows of x, each named once, have one. If f draws ahead, `f.sync_random()` sets
    `random` to where drawing one by one would have left it. `x0` is not modified; float32 is kept,
    any other type becomes float64. The learning rate `step` is halved every 20,000 iterations, and
    `postprocessing` is applied to x after every step.

    With `useSaved`, it resumes from the newest checkpoint in `folder` that is not beyond
    `iterations`, and writes one every 5000 iterations and at the end; an interruption changes no
    bit of the result. Checkpoints contain the dict `settings`, and those with other settings are
    not used. `progress` gets a `Progress` every PRINT_EVERY iterations and at the end.

    Raises `DivergenceError` if the loss or the parameters to save are not finite, and
    `CheckpointError` if a checkpoint cannot be written, or if none of those found is usable.
    """
    PlainUnpickler(io.BytesIO(pickle.dumps(settings))).load()  # raises if it could not be read back
    is_float32 = getattr(x0, "dtype", None) == np.float32
    x = np.array(x0, dtype=np.float32 if is_float32 else np.float64, order="C")
    sync_random = getattr(f, "sync_random", lambda: None)
    found = newest_checkpoint(folder, iterations, x.shape, settings) if useSaved else None
    start, params, state, smooth, _ = found or (0, x, random.getstate(), None, None)
    if 0 < start < iterations:
        # The first call of f may draw something that it keeps (the assignment's subsample of the
        # corpus). Let it draw from the same state of `random` as the interrupted run did.
        f(x)
        sync_random()
    x = np.array(params, dtype=x.dtype, order="C")
    random.setstate(state)
    if smooth is not None:
        progress(Progress(start, smooth, smooth, step * 0.5 ** (start // ANNEAL_EVERY), True, x))
    try:
        for iteration in range(start + 1, iterations + 1):
            rate = step * 0.5 ** ((iteration - 1) // ANNEAL_EVERY)
            loss, gradient = f(x)
            x = take_step(x, gradient, rate)
            if postprocessing is not None:
                x = np.asarray(postprocessing(x), dtype=x.dtype, order="C")
            is_saved = useSaved and (iteration % SAVE_PARAMS_EVERY == 0 or iteration == iterations)
            if not abs(loss) < np.inf or is_saved and not np.all(np.isfinite(x)):
                raise DivergenceError(
                    f"the loss ({loss}) or the parameters are not finite at iteration {iteration} "
                    f"with a learning rate of {rate:g}; try a smaller one"
                )
            if iteration % PRINT_EVERY == 0:
                smooth = loss if smooth is None else SMOOTHING * smooth + (1 - SMOOTHING) * loss
            if iteration % PRINT_EVERY == 0 or iteration == iterations:
                smoothed = loss if smooth is None else smooth
                progress(Progress(iteration, loss, smoothed, rate, params=x))
            if is_saved:
                sync_random()
                save_params(iteration, x, folder=folder, smoothed_loss=smooth, settings=settings)
    finally:
        sync_random()
    return x


def take_step(x, gradient, step):
    """Return x after a step down f's gradient; for `(rows, values)`, x is changed in place."""
    if isinstance(gradient, tuple):
        rows, values = gradient
        row = np.dtype(f"V{x.strides[0]}")  # a row as a single item is written 3 times as fast
        items, n = x.reshape(len(x), -1).view(row), PORTION // x.strides[0] + 1
        for begin in range(0, len(rows), n):
            part = slice(begin, begin + n)
            moved = take_step(x.take(rows[part], axis=0), values[part], step)
            np.put(items, rows[part], moved.reshape(len(moved), -1).view(row))
        return x
    moved = descend(x, gradient, step)
    if moved is None:  # a body of nothing but comments compiles to the same as this lambda
        is_empty = len(descend.__code__.co_code) == len((lambda: None).__code__.co_code)
        missing = TypeError("descend returns nothing: is the line with return missing?")
        raise NotImplementedError("the step is not written yet") if is_empty else missing
    return np.asarray(moved, dtype=x.dtype, order="C")


def params_file(folder, iteration):
    """Return the path of the parameters of an iteration."""
    return os.path.join(folder, f"saved_params_{iteration}.npy")


def state_file(folder, iteration):
    """Return the path of the state of `random` after an iteration."""
    return os.path.join(folder, f"saved_state_{iteration}.pickle")


def save_params(iter, params, *, folder=".", smoothed_loss=None, settings=None):
    """Write the checkpoint of an iteration; raises `CheckpointError` if that fails.

    Its files are written under temporary names and renamed, the array last, because a state without
    an array does not count. So the two match even if the process is killed at any point.
    """
    array = io.BytesIO()
    np.save(array, np.asarray(params, dtype=np.float64), allow_pickle=False)
    smoothed_loss = None if smoothed_loss is None else float(smoothed_loss)
    more = {"smoothed_loss": smoothed_loss, "settings": settings}  # follows the course's state
    state = pickle.dumps(random.getstate()) + pickle.dumps(more)
    contents = {state_file(folder, iter): state, params_file(folder, iter): array.getvalue()}
    try:
        for path, content in contents.items():
            with open(path + ".tmp", "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        Path(params_file(folder, iter)).unlink(missing_ok=True)  # an old array has another state
        for path in contents:
            os.replace(path + ".tmp", path)
    except OSError as error:
        raise CheckpointError(f"cannot save iteration {iter}: {error}") from error
    finally:
        for path in contents:
            Path(path + ".tmp").unlink(missing_ok=True)


def load_saved_params():
    """Return the newest checkpoint of the working directory, or `(0, None, None)` without one."""
    return (newest_checkpoint(".") or (0, None, None))[:3]


def newest_checkpoint(folder, iterations=np.inf, shape=None, settings=None):
    """Return the newest usable `Checkpoint` that is not beyond `iterations`, or None without one.

    Unusable ones are skipped with a line on stderr; raises `CheckpointError` if all are unusable.
    """
    names = [re.fullmatch(r"saved_params_([1-9][0-9]*)\.npy", name) for name in os.listdir(folder)]
    numbers = [int(name[1]) for name in names if name]
    faults = []
    for iteration in sorted((n for n in numbers if n <= iterations), reverse=True):
        try:
            checkpoint = read_checkpoint(folder, iteration, shape, settings)
        except CheckpointError as error:
            faults.append(error)
            continue
        for fault in faults:
            print(f"Skipping a checkpoint: {fault}", file=sys.stderr)
        return checkpoint
    if faults:
        raise CheckpointError(f"no checkpoint can be used: {faults[0]}")


class PlainUnpickler(pickle.Unpickler):
    """Reads numbers, texts and containers of them; refuses anything that could run code."""

    def find_class(self, module, name):
        raise pickle.UnpicklingError(f"{module}.{name} in a pickle is refused")


def read_checkpoint(folder, iteration, shape=None, settings=None):
    """Return a `Checkpoint`; raises `CheckpointError` if it is broken, or of another run."""
    path, state_path = params_file(folder, iteration), state_file(folder, iteration)
    generator = random.Random()
    try:
        if not (os.path.isfile(path) and os.path.isfile(state_path)):  # a pipe would block
            raise FileNotFoundError(f"it or {state_path} is missing, or not a regular file")
        with open(path, "rb") as file:
            params = np.lib.format.read_array(file, allow_pickle=False)
        with open(state_path, "rb") as file:
            generator.setstate(PlainUnpickler(file).load())
            more = PlainUnpickler(file).load() if file.peek() else {}
        if params.dtype != np.float64 or not np.all(np.isfinite(params)):
            raise ValueError("it does not hold finite numbers in float64")
        then, now = more.get("settings"), settings
        if None not in (then, now) and then != now:
            names = sorted({name for name, _ in then.items() ^ now.items()})
            differ = [f"{n} {then.get(n, 'none')} (now {now.get(n, 'none')})" for n in names]
            raise ValueError(f"it comes from a run with {', '.join(differ)}")
        if shape not in (None, params.shape):
            raise ValueError(f"its shape is {params.shape}, but this run needs {shape}")
        return Checkpoint(iteration, params, generator.getstate(), **more)
    except Exception as error:  # NumPy and pickle raise all kinds of errors for broken bytes
        raise CheckpointError(f"{path}: {str(error) or type(error).__name__}") from error


@np.errstate(all="ignore")
def sanity_check():
    """Minimise x**2 from three points; raises AssertionError unless each ends within 1e-6 of 0."""
    if take_step(np.array(1.0), np.array(2.0), 0.1) > 1:
        raise AssertionError("it goes uphill: is the step added instead of subtracted?")
    for start in (0.5, 0.0, -1.5):
        x = sgd(lambda x: (np.sum(x**2), 2 * x), start, 0.01, 1000, PRINT_EVERY=100)
        if not abs(x) <= 1e-6:
            raise AssertionError(f"sgd from {start} ends at {x}, expected 0 to within 1e-6")
    print("sgd: sanity check passed", flush=True)


def main():
    """Run the sanity check; exit status 1 and one line if it fails."""
    try:
        sanity_check()
    except NotImplementedError:
        sys.exit("sgd: the step is not written yet")
    except OSError as error:  # the output cannot be written: discard the rest of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(f"sgd.py: {error.strerror}")
    except Exception as error:
        frame = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == __file__][-1]
        where = f"sgd.py, line {frame.lineno}: {type(error).__name__}: "
        sys.exit(f"FAILED: {'' if frame.name in ('sanity_check', 'take_step') else where}{error}")


if __name__ == "__main__":
    main()
