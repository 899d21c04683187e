"""Make fingerprints.json: what each classic mistake does to the vectors and losses of the run.

    python autograder/make_fingerprints.py            # train all runs, 5 minutes
    python autograder/make_fingerprints.py --docs     # write the table of losses in docs/grading.md

The assignment is run with one mistake after the other. Nothing of it is taken from `word2vec.py` or
`sgd.py`, so the correct run is an independent check of these too. `pack.py` leaves this file out.
"""

import json
import random
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # this file is run as a script

from autograder.exercises import word_terms  # noqa: E402
from autograder.fingerprints import (  # noqa: E402
    FILE,
    ITERATIONS,
    LOG,
    PUBLISHED,
    SAVE_EVERY,
    D,
    fingerprint,
    load,
)
from common.files import replacing  # noqa: E402
from common.stopping import run_command  # noqa: E402
from training.fast.sampler import BulkSampler  # noqa: E402
from utils.get_datasets import SST_FOLDER  # noqa: E402
from utils.treebank import Corpus  # noqa: E402

WINDOW_SIZE, NEGATIVES, BATCH, STEP, ANNEAL_EVERY = 5, 10, 50, 0.3, 20_000
CHUNK = 1_000  # iterations whose windows are drawn together; divides SAVE_EVERY
DOCS = HERE.parent / "docs" / "grading.md"
TABLE_BEGIN = "<!-- losses: written by `python autograder/make_fingerprints.py --docs` -->\n"
TABLE_END = "<!-- end of losses -->\n"


class Batch(NamedTuple):
    """A minibatch: its P pairs (c, o), each with the words scored, o first."""

    centers: np.ndarray  # (P,)
    targets: np.ndarray  # (P, K + 1)
    counts: np.ndarray  # (windows,) outside words of each window


class Terms(NamedTuple):
    """What a pair makes of its scores, (P, K + 1): the loss of each, and the two derivatives.

    The derivatives by the scores are those used in gradCenterVec and in gradOutsideVecs.
    """

    loss: np.ndarray
    center: np.ndarray
    outside: np.ndarray


# ---------------------------------------------------------------- kernels: (batch, terms) -> terms
def correct(batch, terms):
    return terms


def weighted(terms, weight):
    return Terms(*(weight * term for term in terms))


def is_true(terms):
    return np.arange(terms.loss.shape[1]) == 0


def first_occurrences(batch):
    first = np.ones(batch.targets.shape)
    for k in range(1, first.shape[1]):
        repeated = (batch.targets[:, :k] == batch.targets[:, k : k + 1]).any(axis=1)
        first[repeated, k] = 0
    return first


def repeated_once(batch, terms):
    return weighted(terms, first_occurrences(batch))


def repeated_once_in_outside(batch, terms):
    return terms._replace(outside=first_occurrences(batch) * terms.outside)


def mean_over_window(batch, terms):
    return weighted(terms, np.repeat(1 / batch.counts, batch.counts)[:, None])


def last_outside_word(batch, terms):
    last = np.zeros((len(terms.loss), 1))
    last[np.cumsum(batch.counts) - 1] = 1
    return weighted(terms, last)


def without_true_word_in_center(batch, terms):
    return terms._replace(center=np.where(is_true(terms), 0, terms.center))


def without_true_word_in_outside(batch, terms):
    return terms._replace(outside=np.where(is_true(terms), 0, terms.outside))


def logarithm_forgotten(batch, terms):
    probability = np.exp(-terms.loss)
    return Terms(-probability, probability * terms.center, probability * terms.outside)


def one_added(batch, terms):
    delta = terms.center + 2 * is_true(terms)
    return Terms(terms.loss, delta, delta)


KERNELS = {
    PUBLISHED: correct,
    "repeated negatives count once": repeated_once_in_outside,
    "repeated negatives are dropped": repeated_once,
    "logarithm forgotten": logarithm_forgotten,
    "1 added at the true word": one_added,
    "no annealing": correct,
    "mean over the window": mean_over_window,
    "last outside word only": last_outside_word,
    "true word left out of gradCenterVec": without_true_word_in_center,
    "true word left out of gradOutsideVecs": without_true_word_in_outside,
}


# --------------------------------------------------------------------------------------- training
def descend(params, batch, step, kernel):
    """One iteration, in place; the losses before it, of the correct function and of the kernel."""
    n, d = len(params) // 2, params.shape[1]
    v = params[batch.centers]  # (P, D)
    u = params[n + batch.targets]  # (P, K + 1, D)
    loss, delta = word_terms(np.einsum("pd,pkd->pk", v, u))
    terms = kernel(batch, Terms(loss, delta, delta))
    grad_v = np.einsum("pk,pkd->pd", terms.center, u)
    grad_u = terms.outside[:, :, None] * v[:, None, :]
    rows = np.concatenate((batch.centers, n + batch.targets.ravel()))
    values = np.concatenate((grad_v, grad_u.reshape(-1, d)))
    places = rows[:, None] * d + np.arange(d)
    np.subtract.at(params.reshape(-1), places.ravel(), step / BATCH * values.ravel())
    return loss.sum() / BATCH, terms.loss.sum() / BATCH


def batches(windows):
    """The `Batch`es of bulk-drawn `Windows`."""
    targets = np.column_stack((windows.outside, windows.negatives)).astype(np.int64)
    centers = np.repeat(windows.centers, windows.counts).astype(np.int64)
    end = np.cumsum(windows.counts)
    begin = 0
    for i in range(0, len(windows.counts), BATCH):
        stop = end[i + BATCH - 1]
        yield Batch(centers[begin:stop], targets[begin:stop], windows.counts[i : i + BATCH])
        begin = stop


class Run:
    """The run of the assignment by a kernel, minibatch by minibatch.

    Of the smoothed losses that the assignment prints, `right` has those of the correct function,
    `own` those of the kernel, both by iteration.
    """

    def __init__(self, params, name=PUBLISHED, step=STEP):
        self.kernel, self.anneal = KERNELS.get(name, correct), name != "no annealing"
        self.params, self.step = params.copy(), step
        self.right, self.own = {}, {}

    def iterate(self, iteration, batch):
        """One iteration; every 10 the losses are smoothed."""
        losses = descend(self.params, batch, self.step, self.kernel)
        if iteration % 10 == 0:
            for log, loss in zip((self.right, self.own), losses):
                log[iteration] = 0.95 * log.get(iteration - 10, loss) + 0.05 * loss
        if self.anneal and iteration % ANNEAL_EVERY == 0:
            self.step *= 0.5


def new_corpus(encoding="utf-8"):
    """The sentences as someone reads them who opens the file in this encoding."""
    with open(SST_FOLDER / "datasetSentences.txt", encoding=encoding) as file:
        next(file)
        return Corpus([line.lower().split()[1:] for line in file])


def start_vectors(n_words):
    """The (2V, D) array of the assignment before the first iteration; seeds both generators."""
    random.seed(31415)
    np.random.seed(9265)
    center = (np.random.rand(n_words, D) - 0.5) / D
    return np.concatenate((center, np.zeros((n_words, D))))


def train(runs, corpus, first=1, last=ITERATIONS, at_save=lambda iteration: None):
    """Train several runs on the same draws, from `random` as it stands."""
    sampler = BulkSampler(corpus, WINDOW_SIZE, NEGATIVES)
    for start in range(first, last + 1, CHUNK):
        n = min(CHUNK, last + 1 - start)
        for iteration, batch in enumerate(batches(sampler.draw(n * BATCH)), start):
            for run in runs:
                run.iterate(iteration, batch)
        if (start + n - 1) % SAVE_EVERY == 0:
            at_save(start + n - 1)


def make(log=print):
    """Train all runs: the content of fingerprints.json."""
    corpus, saves, projections = new_corpus(), {}, {}
    start = start_vectors(len(corpus.words))
    runs = {name: Run(start, name) for name in KERNELS}

    def at_save(iteration):
        saves[iteration] = runs[PUBLISHED].params.copy(), random.getstate()
        log(f"iteration {iteration}, smoothed loss {runs[PUBLISHED].right[iteration]:.6f}")

    train(list(runs.values()), corpus, at_save=at_save)
    for iteration, loss in LOG.items():
        if not abs(runs[PUBLISHED].right[iteration] - loss) < 1e-6:
            raise AssertionError(f"iteration {iteration} is not {loss}")
    corpus = new_corpus("gbk")
    run = runs["read in another encoding"] = Run(start_vectors(len(corpus.words)))
    train([run], corpus)
    for at in range(SAVE_EVERY, ITERATIONS, SAVE_EVERY):
        params, state = saves[at]
        projections[f"only {at} iterations"] = fingerprint(params)
        # The scaffold resumes with a fraction of the step, and draws the subsample again.
        run = runs[f"resumed at {at}"] = Run(params, step=STEP * 0.5 ** (at / ANNEAL_EVERY))
        random.setstate(state)
        train([run], new_corpus(), at + 1)
        log(f"resumed at {at}: smoothed loss {run.right[ITERATIONS]:.6f}")
    projections |= {name: fingerprint(run.params) for name, run in runs.items()}
    projections["not trained"] = fingerprint(start)
    losses = {name: at_saves(run.right) for name, run in runs.items()}
    own = {name: at_saves(run.own) for name, run in runs.items() if run.own != run.right}
    order = list(load().projections)  # of the file as it is
    return {
        "projections": {name: projections[name].tolist() for name in order},
        "losses": {name: losses[name] for name in order if name in losses},
        "own_losses": {name: own[name] for name in order if name in own},
    }


def at_saves(log):
    """The losses at the saves."""
    return {i: loss for i, loss in log.items() if i % SAVE_EVERY == 0}


# ------------------------------------------------------------------------------ the table of docs
def loss_table():
    """The printed losses of all runs as a table in Markdown, the final one first."""
    saves = range(SAVE_EVERY, ITERATIONS, SAVE_EVERY)
    lines = ["| run | 40000 | " + " | ".join(map(str, saves)) + " |", "|---|" + "---:|" * 8]
    for runs, whose in ((load().losses, ""), (load().own_losses, ", own loss")):
        for name, losses in runs.items():
            cells = [f"{losses[i]:.2f}" if i in losses else "" for i in saves]
            lines.append(f"| {name}{whose} | {losses[ITERATIONS]:.6f} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def with_table(text):
    """The text of docs/grading.md with the table of today between its two comments."""
    before, begin, rest = text.partition(TABLE_BEGIN)
    _, end, after = rest.partition(TABLE_END)
    if not (begin and end):
        raise ValueError("docs/grading.md has lost the comments around its table of losses")
    return before + begin + loss_table() + end + after


def main(arguments):
    """Make the fingerprints, or write the table in the docs."""
    began = time.perf_counter()
    docs = arguments == ["--docs"]
    text = with_table(DOCS.read_text(encoding="utf-8")) if docs else json.dumps(make(), indent=1)
    with replacing(DOCS if docs else FILE, "w", encoding="utf-8") as file:
        file.write(text.rstrip("\n") + "\n")
    print(f"{DOCS if docs else FILE}: written in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    run_command("make_fingerprints.py", lambda: main(sys.argv[1:]))
