"""The files that a run leaves in a folder after each 5,000 iterations: their names, which are the
assignment's, and what can be said of them without `sgd.py`, which may be somebody else's.
"""

import os
import re
import statistics
from pathlib import Path

import numpy as np

from common.files import read_lines, replacing
from common.progress import duration
from common.stopping import UserError

WORDS, LOSSES = "words.txt", "losses.tsv"  # what every run of run.py writes beside its checkpoints
NAME = re.compile(
    r"saved_(params_[1-9][0-9]*\.npy|state_[1-9][0-9]*\.pickle)(\.tmp)?|saved_settings\.json"
    r"|words\.txt|losses\.tsv"
)


def params_file(folder, iteration):
    """Where the parameters of an iteration are saved."""
    return Path(folder) / f"saved_params_{iteration}.npy"


def state_file(folder, iteration):
    """Where the state of `random` after an iteration is saved."""
    return Path(folder) / f"saved_state_{iteration}.pickle"


def saved_iterations(folder):
    """The iterations that have a file with parameters, in order; none without the folder."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    matches = [re.fullmatch(r"saved_params_([1-9][0-9]*)\.npy", name) for name in names]
    return sorted(int(match[1]) for match in matches if match)


def newest(folder, most=float("inf")):
    """The iteration of the newest save that is not beyond `most`, or None."""
    return max((n for n in saved_iterations(folder) if n <= most), default=None)


def seconds_to_make(folder):
    """About how many seconds of training the saves in a folder took; None if one cannot tell.

    From the times of the files: all went at the pace that is usual between two of them. So a night
    in which the run was stopped does not count. Copies may have the time of the copying only.
    """
    iterations = saved_iterations(folder)
    times = [params_file(folder, n).stat().st_mtime for n in iterations]
    pairs = zip(iterations, times, iterations[1:], times[1:])
    paces = [(end - begin) / (n - m) for m, begin, n, end in pairs]
    seconds = statistics.median_low(paces) * iterations[-1] if paces else 0
    return seconds if seconds >= 1 else None


def describe(folder):
    """The saves in a folder, and what they took to make."""
    number, seconds = len(saved_iterations(folder)), seconds_to_make(folder)
    cost = "" if seconds is None else f", about {duration(seconds)} of training"
    what = f"the {number} saves" if number > 1 else "the save"
    return f"{what} in {Path(folder).resolve()} (up to {newest(folder):,}{cost})"


def advice(folder):
    """What to do about saves that are in the way."""
    return f"use --output for another folder, or --fresh to remove {describe(folder)}"


def files(folder):
    """The files of all saves in a folder, and what killed ones have left, arrays first.

    Without its array, what is left of a save does not count.
    """
    return [Path(folder) / name for name in sorted(os.listdir(folder)) if NAME.fullmatch(name)]


def remove(folder):
    """Remove all saves in a folder, and what killed ones have left."""
    for path in files(folder):
        path.unlink()


def set_aside(folder):
    """Move all saves of a folder into a new folder in it; its path."""
    number = 1
    while (aside := Path(folder) / f"saves_of_another_text_{number}").exists():
        number += 1
    aside.mkdir()
    for path in files(folder):
        path.rename(aside / path.name)
    return aside


# ------------------------------------------------------------------------------ beside them
def write_words(folder, words, frequencies=None):
    """Write the words of the vectors' rows, one per line: V lines for parameters of 2V rows.

    Each is followed by its frequency in the text, if that is given: word2vec's vocabulary format.
    """
    lines = words if frequencies is None else [f"{w} {f}" for w, f in zip(words, frequencies)]
    with replacing(Path(folder) / WORDS, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def read_words(folder):
    """Return the words of the vectors' rows, or None if the folder has no `words.txt`."""
    path = Path(folder) / WORDS
    lines = read_lines(path, UserError) if path.exists() else None
    return lines and [line.partition(" ")[0] for _, line in lines]


def read_frequencies(folder):
    """Return the frequencies of `read_words`, (V,), or None if `words.txt` does not have them."""
    try:
        lines = read_lines(Path(folder) / WORDS, UserError)
        return np.array([int(line.partition(" ")[2]) for _, line in lines])
    except (UserError, ValueError):
        return None


def write_losses(folder, losses):
    """Write the training's losses (n, 3): iteration, loss of that minibatch, smoothed loss."""
    with replacing(Path(folder) / LOSSES, "w", encoding="utf-8", newline="\n") as file:
        for iteration, loss, smoothed in losses:
            file.write(f"{int(iteration)}\t{float(loss)!r}\t{float(smoothed)!r}\n")


def read_losses(folder):
    """The losses that `write_losses` wrote, (n, 3), or None if there are none that can be read."""
    path = Path(folder) / LOSSES
    try:
        rows = [line.split("\t") for _, line in read_lines(path, UserError)]
        return np.array(rows, dtype=np.float64).reshape(-1, 3)
    except (UserError, ValueError):
        return None
