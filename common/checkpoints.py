"""The files that a run writes into its folder, without `sgd.py`, which may be somebody else's.

Checkpoints have the assignment's names. `words.txt`, `counts.txt` and `losses.tsv` next to them say
which word each row belongs to, how often each word occurs, and how the training went.
"""

import contextlib
import json
import os
import re
import statistics
from pathlib import Path

import numpy as np

from common.assignment import SAVE_EVERY
from common.files import read_lines, replacing, write_json
from common.progress import duration
from common.stopping import UserError

WORDS, COUNTS, LOSSES = LISTS = "words.txt", "counts.txt", "losses.tsv"
SETTINGS = "saved_settings.json"  # only for an sgd.py whose checkpoints contain no settings
PARAMS = re.compile(r"saved_params_([1-9][0-9]*)\.npy")
NAME = re.compile(  # matches these files, and the temporary files that a killed run leaves
    rf"({PARAMS.pattern}|saved_state_[1-9][0-9]*\.pickle|{re.escape(SETTINGS)}"
    rf"|{re.escape(WORDS)}|{re.escape(COUNTS)}|{re.escape(LOSSES)})(\.[0-9a-f]{{8}})?(\.tmp)?"
)


class CheckpointsInTheWay(UserError):
    """The checkpoints in a folder come from another run, or none of them can be used."""


def params_file(folder, iteration):
    """Return the path of the parameters of an iteration."""
    return Path(folder) / f"saved_params_{iteration}.npy"


def state_file(folder, iteration):
    """Return the path of the state of `random` after an iteration."""
    return Path(folder) / f"saved_state_{iteration}.pickle"


def saved_iterations(folder):
    """Return the iterations that have a file with parameters, in order; none without the folder."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(int(match[1]) for match in map(PARAMS.fullmatch, names) if match)


def newest(folder, most=float("inf")):
    """Return the iteration of the newest checkpoint that is not beyond `most`, or None."""
    return max((n for n in saved_iterations(folder) if n <= most), default=None)


def seconds_to_make(folder):
    """Return about how many seconds the checkpoints in a folder took; None if unknown.

    It uses the files' times and the usual pace between two of them, so that a night in which the
    run was stopped does not count. Copied files may only have the time of the copying.
    """
    iterations = saved_iterations(folder)
    times = [params_file(folder, n).stat().st_mtime for n in iterations]
    pairs = zip(iterations, times, iterations[1:], times[1:])
    paces = [(end - begin) / (n - m) for m, begin, n, end in pairs]
    seconds = statistics.median_low(paces) * iterations[-1] if paces else 0
    return seconds if seconds >= 1 else None


def describe(folder):
    """Say which checkpoints are in a folder, and how long they took."""
    number, seconds = len(saved_iterations(folder)), seconds_to_make(folder)
    cost = "" if seconds is None else f", about {duration(seconds)} of training"
    what = f"the {number} checkpoints" if number > 1 else "the checkpoint"
    return f"{what} in {Path(folder).resolve()} (up to {newest(folder):,}{cost})"


def files(folder):
    """Return all these files in a folder, parameters first: without them there is no checkpoint."""
    return [Path(folder) / name for name in sorted(os.listdir(folder)) if NAME.fullmatch(name)]


def remove(folder):
    """Remove all checkpoints in a folder, with the files that describe them."""
    for path in files(folder):
        path.unlink()


def prune(folder, keep, most):
    """Remove all checkpoints up to iteration `most` but the `keep` newest; None keeps all."""
    for n in [n for n in saved_iterations(folder) if n <= most][: -keep if keep else 0]:
        params_file(folder, n).unlink()
        state_file(folder, n).unlink(missing_ok=True)


def set_aside(folder):
    """Move all checkpoints of a folder into a new folder in it; returns its path."""
    number = 1
    while (aside := Path(folder) / f"checkpoints_of_another_text_{number}").exists():
        number += 1
    aside.mkdir()
    for path in files(folder):
        path.rename(aside / path.name)
    return aside


# ------------------------------------------------------------------------------ words and losses
class Record:
    """Writes the words and the losses next to the checkpoints; a `progress` for `sgd`.

    A resumed run keeps the losses up to where it resumes. The `keep` newest checkpoints are kept,
    or all if that is None.
    """

    def __init__(self, folder, dataset, iterations, keep=None):
        self._folder = Path(folder).absolute()  # the course's sgd.py runs in another directory
        self._dataset, self._iterations, self._keep = dataset, iterations, keep
        self._losses = None

    def __call__(self, progress):
        n = progress.iteration
        if self._losses is None:
            write_words(self._folder, self._dataset.words, self._dataset.frequencies)
            before = read_losses(self._folder)
            kept = before[before[:, 0] < n + progress.resumed] if before is not None else []
            self._losses = list(kept)
        if not progress.resumed:
            self._losses.append((n, progress.loss, progress.smoothed_loss))
            if n % SAVE_EVERY == 0 or n == self._iterations:
                write_losses(self._folder, self._losses)
                prune(self._folder, self._keep, n)


def write_words(folder, words, frequencies):
    """Write the words of the vectors' rows, and how often each occurs in the text, one per line.

    Two files: `words.txt` and `counts.txt`, of V lines each for parameters of 2V rows.
    """
    for name, values in ((WORDS, words), (COUNTS, frequencies)):
        content = "".join(f"{value}\n" for value in values).encode("utf-8")
        path = Path(folder) / name
        if not path.exists() or path.read_bytes() != content:
            with replacing(path) as file:
                file.write(content)


def read_words(folder):
    """Return the words of the vectors' rows, or None if the folder has no `words.txt`."""
    path = Path(folder) / WORDS
    return [word for _, word in read_lines(path, UserError)] if path.exists() else None


def read_frequencies(folder):
    """Return how often each word of `words.txt` occurs, (V,), or None if that is not known."""
    try:
        return np.array([int(line) for _, line in read_lines(Path(folder) / COUNTS, UserError)])
    except (UserError, ValueError):
        return None


def write_losses(folder, losses):
    """Write the training's losses (n, 3): iteration, loss of that minibatch, smoothed loss."""
    with replacing(Path(folder) / LOSSES, "w", encoding="utf-8", newline="\n") as file:
        for iteration, loss, smoothed in losses:
            file.write(f"{int(iteration)}\t{float(loss)!r}\t{float(smoothed)!r}\n")


def read_losses(folder):
    """Return the losses that `write_losses` wrote, (n, 3), or None if none can be read."""
    path = Path(folder) / LOSSES
    try:
        rows = [line.split("\t") for _, line in read_lines(path, UserError)]
        return np.array(rows, dtype=np.float64).reshape(-1, 3)
    except (UserError, ValueError):
        return None


def check_settings(folder, settings, keep):
    """Raise `CheckpointsInTheWay` if the file next to the checkpoints has other settings.

    With `keep`, for an sgd.py whose checkpoints contain no settings, that file is written.
    """
    path, recorded = Path(folder) / SETTINGS, None
    with contextlib.suppress(ValueError):
        recorded = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    if newest(folder) is None:
        path.unlink(missing_ok=True)
    elif recorded != settings and (keep or path.exists()):
        raise CheckpointsInTheWay(f"the checkpoints in {folder} have other files or settings")
    if keep:
        write_json(path, settings)
