"""Make fingerprints.json: what each classic mistake does to the vectors and losses of the run.

    python autograder/make_fingerprints.py            # train all runs, 5 minutes

The assignment is run once for each mistake. No code comes from `word2vec.py` or `sgd.py`, so the
correct run is also an independent check of these. `pack.py` leaves this file out.
"""

import random
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # this file is run as a script

from autograder import fingerprints  # noqa: E402
from autograder.exercises import word_terms  # noqa: E402
from autograder.fingerprints import ITERATIONS, LOG, PUBLISHED, SAVE_EVERY  # noqa: E402
from common.files import write_json  # noqa: E402
from common.stopping import run_command  # noqa: E402
from training.fast.sampler import BulkSampler  # noqa: E402
from training.settings import Settings  # noqa: E402
from utils.get_datasets import SST_FOLDER  # noqa: E402
from utils.treebank import Corpus  # noqa: E402

WINDOW_SIZE, NEGATIVES, BATCH, STEP, ANNEAL_EVERY = 5, 10, 50, 0.3, 20_000
CHUNK = 1_000  # iterations whose windows are drawn together; divides SAVE_EVERY


class Terms(NamedTuple):
    """What a pair makes of its scores, (P, K + 1): the loss of each, and the two derivatives.

    The derivatives by the scores are those used in gradCenterVec and in gradOutsideVecs.
    """

    loss: np.ndarray
    center: np.ndarray
    outside: np.ndarray

    def times(self, weight):
        """Return all three, multiplied."""
        return Terms(*(weight * term for term in self))


def is_true(terms):
    """1 for the true word, 0 for the negatives, (K + 1,)."""
    return np.eye(terms.loss.shape[1])[0]


def is_last(windows):
    """1 for the pairs with the last outside word of a window, (P, 1)."""
    return np.isin(np.arange(len(windows.outside)), np.cumsum(windows.counts) - 1)[:, None]


def is_first(windows):
    """1 for words that a pair has not had before, (P, K + 1)."""
    words = np.column_stack((windows.outside, windows.negatives))
    same = words[:, :, None] == words[:, None, :]
    return 1 - np.tril(same, -1).any(axis=2)


# What a run makes of the `Windows` and the right `Terms` of a minibatch.
KERNELS = {
    PUBLISHED: lambda w, t: t,
    "repeated negatives count once": lambda w, t: t._replace(outside=is_first(w) * t.outside),
    "repeated negatives are dropped": lambda w, t: t.times(is_first(w)),
    "logarithm forgotten": lambda w, t: t.times(np.exp(-t.loss))._replace(loss=-np.exp(-t.loss)),
    "1 added at the true word": lambda w, t: Terms(t.loss, *[t.center + 2 * is_true(t)] * 2),
    "no annealing": lambda w, t: t,
    "mean over the window": lambda w, t: t.times(np.repeat(1 / w.counts, w.counts)[:, None]),
    "last outside word only": lambda w, t: t.times(is_last(w)),
    "true word left out of gradCenterVec": lambda w, t: t._replace(
        center=(1 - is_true(t)) * t.center
    ),
    "true word left out of gradOutsideVecs": lambda w, t: t._replace(
        outside=(1 - is_true(t)) * t.outside
    ),
}


# --------------------------------------------------------------------------------------- training
def descend(params, windows, step, kernel):
    """One iteration, in place; the losses before it, of the right function and of the kernel."""
    n, d = len(params) // 2, params.shape[1]
    centers = np.repeat(windows.centers, windows.counts).astype(np.int64)  # (P,)
    words = np.column_stack((windows.outside, windows.negatives)).astype(np.int64)  # (P, K + 1)
    v, u = params[centers], params[n + words]  # (P, D), (P, K + 1, D)
    loss, delta = word_terms(np.einsum("pd,pkd->pk", v, u))
    terms = kernel(windows, Terms(loss, delta, delta))
    grad_v = np.einsum("pk,pkd->pd", terms.center, u)
    grad_u = terms.outside[:, :, None] * v[:, None, :]
    rows = np.concatenate((centers, n + words.ravel()))
    values = np.concatenate((grad_v, grad_u.reshape(-1, d)))
    places = rows[:, None] * d + np.arange(d)
    np.subtract.at(params.reshape(-1), places.ravel(), step / BATCH * values.ravel())
    return loss.sum() / BATCH, terms.loss.sum() / BATCH


class Run:
    """The run of the assignment by a kernel, minibatch by minibatch.

    `right` and `own` have the smoothed losses that the assignment prints, of the right function and
    of the kernel, by iteration: those at the saves and in LOG.
    """

    def __init__(self, params, name=PUBLISHED, step=STEP):
        self.kernel, self.anneal = KERNELS[name], name != "no annealing"
        self.params, self.step = params.copy(), step
        self.right, self.own, self._smoothed = {}, {}, None

    def iterate(self, iteration, windows):
        """One iteration; every 10 the losses are smoothed."""
        losses = np.array(descend(self.params, windows, self.step, self.kernel))
        if iteration % 10 == 0:
            before = losses if self._smoothed is None else self._smoothed
            self._smoothed = 0.95 * before + 0.05 * losses
            if iteration % SAVE_EVERY == 0 or iteration in LOG:
                self.right[iteration], self.own[iteration] = self._smoothed.tolist()
        if self.anneal and iteration % ANNEAL_EVERY == 0:
            self.step *= 0.5


def new_corpus(encoding="utf-8"):
    """Return the sentences as someone reads them who opens the file in this encoding."""
    with open(SST_FOLDER / "datasetSentences.txt", encoding=encoding) as file:
        next(file)
        return Corpus([line.lower().split()[1:] for line in file])


def train(runs, corpus, first=1, last=ITERATIONS, at_save=lambda iteration: None):
    """Train several runs on the same draws, from `random` as it stands."""
    sampler = BulkSampler(corpus, WINDOW_SIZE, NEGATIVES)
    for start in range(first, last + 1, CHUNK):
        n = min(CHUNK, last + 1 - start)
        windows = sampler.draw(n * BATCH)
        for i in range(n):
            minibatch = windows.part(i * BATCH, (i + 1) * BATCH)
            for run in runs:
                run.iterate(start + i, minibatch)
        if (start + n - 1) % SAVE_EVERY == 0:
            at_save(start + n - 1)


def make():
    """Train all runs: the content of fingerprints.json."""
    corpus, saves = new_corpus(), {}
    start = Settings().initial_vectors(len(corpus.words))
    runs = {name: Run(start, name) for name in KERNELS}

    def at_save(iteration):
        saves[iteration] = runs[PUBLISHED].params.copy(), random.getstate()
        print(f"iteration {iteration}, smoothed loss {runs[PUBLISHED].right[iteration]:.6f}")

    train(list(runs.values()), corpus, at_save=at_save)
    for iteration, loss in LOG.items():
        if not abs(runs[PUBLISHED].right[iteration] - loss) < 1e-6:
            raise AssertionError(f"iteration {iteration} is not {loss}")
    corpus = new_corpus("gbk")
    run = runs["read in another encoding"] = Run(Settings().initial_vectors(len(corpus.words)))
    train([run], corpus)
    projections = {"not trained": fingerprints.fingerprint(start)}
    for at in range(SAVE_EVERY, ITERATIONS, SAVE_EVERY):
        params, state = saves[at]
        projections[f"only {at} iterations"] = fingerprints.fingerprint(params)
        # The scaffold resumes with a fraction of the step, and draws the subsample again.
        run = runs[f"resumed at {at}"] = Run(params, step=STEP * 0.5 ** (at / ANNEAL_EVERY))
        random.setstate(state)
        train([run], new_corpus(), at + 1)
    projections |= {name: fingerprints.fingerprint(run.params) for name, run in runs.items()}
    own = {name: run for name, run in runs.items() if run.own != run.right}
    return {
        "projections": {name: values.tolist() for name, values in projections.items()},
        "losses": {name: at_saves(run.right) for name, run in runs.items()},
        "own_losses": {name: at_saves(run.own) for name, run in own.items()},
    }


def at_saves(log):
    """Return the losses at the checkpoints."""
    return {i: loss for i, loss in log.items() if i % SAVE_EVERY == 0}


def main():
    """Make the file."""
    write_json(fingerprints.FILE, make())
    print(f"wrote {fingerprints.FILE}")


if __name__ == "__main__":
    run_command("make_fingerprints.py", main)
