"""Find out which run some vectors or a printed loss come from.

The assignment fixes every random draw, so each mistake leads to its own vectors and losses, the
same to 12 digits on every machine. A fingerprint is 16 projections of the whole final array.
fingerprints.json has the fingerprints of known runs, made by make_fingerprints.py; questions.ini
describes them.
"""

import functools
import json
import re
from pathlib import Path

import numpy as np

from autograder.questions import say

FILE = Path(__file__).resolve().with_name("fingerprints.json")
V, D = 19_539, 10
ITERATIONS, SAVE_EVERY = 40_000, 5_000
PROJECTIONS = 16
TOLERANCE = 1e-7  # rounding accumulates to 1e-13 an entry in 40,000 iterations, of 390,780 entries
TOLERANCE_SINGLE = 1e-3  # for vectors that were rounded to float32
PUBLISHED = "published"
# The part of the assignment whose code must be wrong to end on these vectors.
WRONG_PART = {
    "repeated negatives count once": "a",
    "repeated negatives are dropped": "a",
    "logarithm forgotten": "a",
    "1 added at the true word": "a",
    "no annealing": "b",
    "mean over the window": "a",
    "last outside word only": "a",
    "true word left out of gradCenterVec": "a",
    "true word left out of gradOutsideVecs": "a",
}
# Smoothed losses of the correct run.
LOG = {10: 19.061546, 4000: 19.285125, 8000: 14.235772, 20000: 10.307666, 40000: 9.812206}


@functools.lru_cache
def load():
    """Return what is in fingerprints.json: "projections", "losses" and "own_losses", each by run.

    Losses are also by iteration. "losses" has the right function's losses, as printed at the
    checkpoints; "own_losses" has what a faulty function would print itself, if it is different.
    """
    data = json.loads(FILE.read_text(encoding="utf-8"))
    for kind in ("losses", "own_losses"):
        data[kind] = {run: {int(i): x for i, x in log.items()} for run, log in data[kind].items()}
    return data


def describe(name):
    """Return what a run is, in a sentence."""
    number = re.search(r"\d{4,}", name)  # of iterations
    n = int(number[0]) if number else 0
    return say(name.replace(str(n), "N") if n else name, "runs", n=n)


# ------------------------------------------------------------------------------------ recognition
@functools.lru_cache
def weights():
    """Return weights of the rows (16, 2V) and columns (16, D): each entry gets their product."""
    draw = np.random.RandomState(224).standard_normal  # the same in all versions of NumPy
    return draw((PROJECTIONS, 2 * V)), draw((PROJECTIONS, D))


def fingerprint(params):
    """Return the 16 projections of a (2V, D) array that its fingerprint consists of."""
    rows, columns = weights()
    return np.sum(rows @ np.asarray(params, dtype=np.float64) * columns, axis=1)


def recognise(params):
    """Return the name of the run that these final parameters come from, or None."""
    if np.shape(params) != (2 * V, D):
        return None
    tolerance = TOLERANCE if params.dtype == np.float64 else TOLERANCE_SINGLE
    mine = fingerprint(params)
    for name, known in load()["projections"].items():
        if np.all(np.abs(mine - known) <= tolerance):
            return name
    return None


# --------------------------------------------------------------------------------- printed losses
def runs_with_loss(printed):
    """Return a sentence on each run that prints this loss, with so many digits, at a checkpoint.

    `printed` is the text of a number; raises ValueError for any other text.
    """
    value, near = float(printed), 0.5 * 10.0 ** -len(printed.partition(".")[2]) + 1e-9

    def iterations(log):
        return [i for i, loss in log.items() if abs(loss - value) <= near]

    found = []
    for kind, whose in (("losses", ""), ("own_losses", " (its own, faulty loss)")):
        for name, log in load()[kind].items():
            found += [f"{name}, iteration {i}{whose}: {describe(name)}" for i in iterations(log)]
    between = [i for i in iterations(LOG) if i % SAVE_EVERY]  # checkpoints
    return found + [f"{PUBLISHED}, iteration {i}: {say('log', 'runs')}" for i in between]


def last_loss(name):
    """Return what a run prints in the end, or would if it had the right loss."""
    if name == "not trained":
        return LOG[10]  # the first loss
    unfinished = re.fullmatch(r"only (\d+) iterations", name)
    losses = load()["losses"][PUBLISHED if unfinished else name]
    return losses[int(unfinished[1]) if unfinished else ITERATIONS]
