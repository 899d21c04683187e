"""What each classic fault does to the vectors and to the printed losses of the run.

    python autograder/fingerprints.py             # make fingerprints.json again, 5 minutes
    python autograder/fingerprints.py FILE.npy    # name the run that a result comes from
    python autograder/fingerprints.py --docs      # write the table of losses in docs/grading.md

The assignment fixes every random draw, so a fault leads to vectors and losses of its own, and they
are the same to 12 digits whoever makes it. A fingerprint is 16 projections of the whole final
array. To make them, the assignment is run with one fault after the other, in plain NumPy; nothing
of it is taken from `word2vec.py` or `sgd.py`, so that `published` is an independent check of these
too.
"""

import functools
import json
import random
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # this file may be run as a script

from common.files import replacing  # noqa: E402
from common.stopping import UserError, run_command  # noqa: E402
from training.fast.sampler import BulkSampler  # noqa: E402
from utils.get_datasets import SST_FOLDER  # noqa: E402
from utils.treebank import Corpus  # noqa: E402

FILE = HERE / "fingerprints.json"
V, D = 19_539, 10
WINDOW_SIZE, NEGATIVES, BATCH, STEP = 5, 10, 50, 0.3
ITERATIONS, ANNEAL_EVERY, SAVE_EVERY = 40_000, 20_000, 5_000
CHUNK = 1_000  # iterations whose windows are drawn together; divides SAVE_EVERY
PROJECTIONS = 16
TOLERANCE = 1e-7  # rounding accumulates to 1e-13 an entry in 40,000 iterations, of 390,780 entries
TOLERANCE_SINGLE = 1e-3  # for vectors that were rounded to float32
DOCS = HERE.parent / "docs" / "grading.md"
# Smoothed losses of the correct run.
LOG = {10: 19.061546, 4000: 19.285125, 8000: 14.235772, 20000: 10.307666, 40000: 9.812206}


class Fault(NamedTuple):
    """One way to get the run wrong, and what to say to who did."""

    sentence: str
    encoding: str = "utf-8"
    anneal: bool = True
    kernel: str = "correct"  # a key of KERNELS
    resume: int = 0  # the scaffold's own resumption after this many iterations
    stop: int = ITERATIONS  # the iteration whose parameters these are


PUBLISHED = "published"
FAULTS = {
    PUBLISHED: Fault("the published result: this is the correct run."),
    "read in another encoding": Fault(
        "a run that read datasetSentences.txt in the platform's encoding instead of UTF-8 "
        "(GBK, cp932, cp949, Mac Roman and ASCII all lead here). The no-break spaces "
        "of the file are then no longer spaces, and the vocabulary is another one. The rest is "
        'right. Open the file with encoding="utf-8", or set PYTHONUTF8=1.',
        encoding="gbk",
    ),
    "repeated negatives count once": Fault(
        "a run in which a word drawn twice as a negative counts once in gradOutsideVecs: "
        "that is what grad[indices] += values does. Use np.add.at(grad, indices, values), or a "
        "loop.",
        kernel="repeated negatives once in gradOutsideVecs",
    ),
    "repeated negatives are dropped": Fault(
        "a run in which a word drawn twice as a negative counts once, in both gradients: "
        "it is two terms of the sum over k, so both count (no set(), no np.unique).",
        kernel="repeated negatives once",
    ),
    "logarithm forgotten": Fault(
        "a run whose gradients are those of sigmoid, not of log sigmoid: "
        "sigmoid (sigmoid - 1) where sigmoid - 1 is needed.",
        kernel="logarithm forgotten",
    ),
    "1 added at the true word": Fault(
        "a run that adds 1 to sigmoid(u_o.v_c) where 1 must be subtracted.",
        kernel="1 added at the true word",
    ),
    "no annealing": Fault(
        "a run whose step stays 0.3 to the end. It must be halved every 20,000 "
        "iterations (ANNEAL_EVERY).",
        anneal=False,
    ),
    "mean over the window": Fault(
        "a run in which skipgram takes the mean over the outside words. It must be the "
        "sum (6): do not divide by their number.",
        kernel="mean over the window",
    ),
    "last outside word only": Fault(
        "a run in which only the last outside word of each window counts: skipgram must "
        "add the gradients up with +=, not assign them.",
        kernel="last outside word only",
    ),
    "true word left out of gradCenterVec": Fault(
        "a run in which gradCenterVec lacks the term of the true outside word, "
        "(sigmoid(u_o.v_c) - 1) u_o.",
        kernel="true word left out of gradCenterVec",
    ),
    "true word left out of gradOutsideVecs": Fault(
        "a run in which gradOutsideVecs lacks the row of the true outside word, "
        "(sigmoid(u_o.v_c) - 1) v_c.",
        kernel="true word left out of gradOutsideVecs",
    ),
    **{
        f"resumed at {at}": Fault(
            f"a run that was stopped and went on from saved_params_{at}.npy. Nothing is "
            "wrong with your code: when it resumes, the course's sgd.py draws the subsample of "
            f"the data anew and sets the step to 0.3 * 0.5 ** ({at} / 20000). An uninterrupted "
            "run gives the published result.",
            resume=at,
        )
        for at in range(SAVE_EVERY, ITERATIONS, SAVE_EVERY)
    },
    **{
        f"only {stop} iterations": Fault(
            f"the correct run after {stop:,} iterations: it was not finished. Hand in "
            "what it saves after 40,000, or go on with it.",
            stop=stop,
        )
        for stop in range(SAVE_EVERY, ITERATIONS, SAVE_EVERY)
    },
    "not trained": Fault("the vectors before the first iteration: nothing was trained.", stop=0),
}


# ---------------------------------------------------------------------------------- recognition
@functools.lru_cache
def load():
    """What is in fingerprints.json: "projections", "losses" and "own_losses", each by name.

    Losses are by iteration: of the saves, as printed. "losses" are those of the right function
    along a faulty run; "own_losses" those that the faulty function itself would print, where these
    are other ones.
    """
    data = json.loads(FILE.read_text(encoding="utf-8"))
    for key in ("losses", "own_losses"):
        data[key] = {
            name: {int(iteration): loss for iteration, loss in losses.items()}
            for name, losses in data[key].items()
        }
    data["projections"] = {name: np.array(v) for name, v in data["projections"].items()}
    return data


@functools.lru_cache
def weights():
    """Weights of the rows (16, 2V) and columns (16, D): each entry gets their product."""
    generator = np.random.RandomState(224)  # of which NumPy promises the same numbers for ever
    return generator.standard_normal((PROJECTIONS, 2 * V)), generator.standard_normal(
        (PROJECTIONS, D)
    )


def fingerprint(params):
    """The 16 projections of a (2V, D) array that its fingerprint consists of."""
    rows, columns = weights()
    return np.sum(rows @ np.asarray(params, dtype=np.float64) * columns, axis=1)


def recognise(params):
    """The name in FAULTS of the run that these final parameters come from, or None."""
    if np.shape(params) != (2 * V, D):
        return None
    tolerance = TOLERANCE if params.dtype == np.float64 else TOLERANCE_SINGLE
    mine = fingerprint(params)
    for name, known in load()["projections"].items():
        if np.all(np.abs(mine - known) <= tolerance):
            return name
    return None


# -------------------------------------------------------------------------------- printed losses
UNKNOWN_LOSS = (
    '"Around or below 10" shows little by itself: vectors that know nothing but how frequent each '
    "word is (unigram log odds) reach 9.24 on the same windows, the right ones 9.53. The loss is "
    "also noisy, since it is smoothed over a few minibatches. Compare the whole log, or hand the "
    "vectors to: python autograder/fingerprints.py saved_params_40000.npy"
)


def runs_with_loss(printed):
    """What ends on, or passes at a save, a loss printed with so many digits: a list of sentences.

    `printed` is the text of a number; raises ValueError for any other text.
    """
    value = float(printed)
    near = 0.5 * 10.0 ** -len(printed.partition(".")[2]) + 1e-9
    found = []
    for key, whose in (("losses", ""), ("own_losses", " (its own, faulty loss)")):
        for name, losses in load()[key].items():
            for iteration, loss in losses.items():
                if abs(loss - value) <= near:
                    found.append(f"{name}, iteration {iteration}{whose}: {FAULTS[name].sentence}")
    for iteration, loss in LOG.items():
        if iteration % SAVE_EVERY and abs(loss - value) <= near:
            found.append(
                f"{PUBLISHED}, iteration {iteration}: the correct run prints this. So may others "
                "that differ from it only later: look up what yours prints at its saves."
            )
    return found


def last_loss(name):
    """What a run of FAULTS prints in the end, or would if it had the right loss."""
    stop = FAULTS[name].stop
    losses = load()["losses"][name if stop == ITERATIONS else PUBLISHED]
    return losses.get(stop, LOG[10])  # that of the beginning if nothing was trained


def loss_table():
    """The printed losses of all runs as a table in Markdown."""
    data = load()
    lines = [
        "| run | 5000 | 10000 | 15000 | 20000 | 25000 | 30000 | 35000 | 40000 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key, whose in (("losses", ""), ("own_losses", ", own loss")):
        for name, losses in data[key].items():
            cells = [
                f"{losses[i]:.6f}" if i in losses else ""
                for i in range(SAVE_EVERY, ITERATIONS + 1, SAVE_EVERY)
            ]
            lines.append(f"| {name}{whose} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


TABLE_BEGIN = "<!-- losses: written by `python autograder/fingerprints.py --docs` -->\n"
TABLE_END = "<!-- end of losses -->\n"


def with_table(text):
    """The text of docs/grading.md with the table of today between its two comments."""
    before, begin, rest = text.partition(TABLE_BEGIN)
    _, end, after = rest.partition(TABLE_END)
    if not (begin and end):
        raise ValueError("docs/grading.md has lost the comments around its table of losses")
    return before + begin + loss_table() + end + after


# ------------------------------------------------------------------------------------- training
class Batch(NamedTuple):
    """A minibatch: its P pairs (c, o), each with the words scored, o first."""

    centers: np.ndarray  # (P,)
    targets: np.ndarray  # (P, K + 1)
    counts: np.ndarray  # (windows,) outside words of each window


class Terms(NamedTuple):
    """What becomes of each score s of a pair, (P, K + 1): its loss and its two derivatives.

    The derivatives by s are those used in gradCenterVec and in gradOutsideVecs.
    """

    loss: np.ndarray
    center: np.ndarray
    outside: np.ndarray


def sigmoid(x):
    """1 / (1 + e^-x); exp overflows to infinity harmlessly."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def correct(batch, scores):
    """-log sigma(s) for the true word, -log sigma(-s) for a negative."""
    sign = np.ones(scores.shape)
    sign[:, 0] = -1
    x = sign * scores
    delta = sign * sigmoid(x)
    return Terms(np.logaddexp(0, x), delta, delta)


def weighted(batch, scores, weight):
    return Terms(*(weight * term for term in correct(batch, scores)))


def first_occurrences(batch):
    first = np.ones(batch.targets.shape)
    for k in range(1, first.shape[1]):
        repeated = (batch.targets[:, :k] == batch.targets[:, k : k + 1]).any(axis=1)
        first[repeated, k] = 0
    return first


def repeated_once(batch, scores):
    return weighted(batch, scores, first_occurrences(batch))


def repeated_once_in_outside(batch, scores):
    terms = correct(batch, scores)
    return terms._replace(outside=first_occurrences(batch) * terms.outside)


def mean_over_window(batch, scores):
    return weighted(batch, scores, np.repeat(1 / batch.counts, batch.counts)[:, None])


def last_outside_word(batch, scores):
    last = np.zeros((len(scores), 1))
    last[np.cumsum(batch.counts) - 1] = 1
    return weighted(batch, scores, last)


def without_true_word_in_center(batch, scores):
    terms = correct(batch, scores)
    return terms._replace(center=np.where(np.arange(scores.shape[1]), terms.center, 0))


def without_true_word_in_outside(batch, scores):
    terms = correct(batch, scores)
    return terms._replace(outside=np.where(np.arange(scores.shape[1]), terms.outside, 0))


def logarithm_forgotten(batch, scores):
    """-sigma(s) and -sigma(-s)."""
    probability = np.exp(-correct(batch, scores).loss)
    delta = probability * correct(batch, scores).center
    return Terms(-probability, delta, delta)


def one_added(batch, scores):
    terms = correct(batch, scores)
    delta = terms.center.copy()
    delta[:, 0] += 2
    return terms._replace(center=delta, outside=delta)


KERNELS = {
    "correct": correct,
    "repeated negatives once in gradOutsideVecs": repeated_once_in_outside,
    "repeated negatives once": repeated_once,
    "mean over the window": mean_over_window,
    "last outside word only": last_outside_word,
    "true word left out of gradCenterVec": without_true_word_in_center,
    "true word left out of gradOutsideVecs": without_true_word_in_outside,
    "logarithm forgotten": logarithm_forgotten,
    "1 added at the true word": one_added,
}


def descend(params, batch, step, kernel):
    """One iteration, in place; the losses before it, of the correct function and of the kernel.

    J = -log sigma(u_o^T v_c) - sum_k log sigma(-u_k^T v_c), summed over the pairs, by BATCH.
    """
    n, d = len(params) // 2, params.shape[1]
    v = params[batch.centers]  # (P, D)
    u = params[n + batch.targets]  # (P, K + 1, D)
    scores = np.einsum("pd,pkd->pk", v, u)
    terms = kernel(batch, scores)
    right = correct(batch, scores) if kernel is not correct else terms
    grad_v = np.einsum("pk,pkd->pd", terms.center, u)
    grad_u = terms.outside[:, :, None] * v[:, None, :]
    rows = np.concatenate((batch.centers, n + batch.targets.ravel()))
    values = np.concatenate((grad_v, grad_u.reshape(-1, d)))
    places = rows[:, None] * d + np.arange(d)
    np.subtract.at(params.reshape(-1), places.ravel(), step / BATCH * values.ravel())
    return right.loss.sum() / BATCH, terms.loss.sum() / BATCH


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


class Smoothed:
    """The smoothed loss that the assignment prints every 10 iterations, kept by iteration."""

    def __init__(self):
        self.log, self.value = {}, None

    def update(self, iteration, loss):
        self.value = loss if self.value is None else 0.95 * self.value + 0.05 * loss
        self.log[iteration] = self.value

    def saves(self):
        """The losses at the saves."""
        return {i: loss for i, loss in self.log.items() if i % SAVE_EVERY == 0}


class Run:
    """The run of the assignment with one fault, minibatch by minibatch."""

    def __init__(self, fault, params, step=STEP):
        self.kernel, self.anneal = KERNELS[fault.kernel], fault.anneal
        self.params, self.step = params.copy(), step
        self.right, self.own = Smoothed(), Smoothed()

    def iterate(self, iteration, batch):
        """One iteration; every 10 both smoothed losses go to their logs."""
        right, own = descend(self.params, batch, self.step, self.kernel)
        if iteration % 10 == 0:
            self.right.update(iteration, right)
            self.own.update(iteration, own)
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
    """All runs anew: the content of fingerprints.json."""
    projections, saves = {}, {}
    corpus = new_corpus()
    start = start_vectors(len(corpus.words))
    projections["not trained"] = fingerprint(start)

    def at_save(iteration):
        saves[iteration] = runs[PUBLISHED].params.copy(), random.getstate()
        log(f"iteration {iteration}, smoothed loss {runs[PUBLISHED].right.value:.6f}")

    same_draws = {
        name: fault
        for name, fault in FAULTS.items()
        if (fault.encoding, fault.resume, fault.stop) == ("utf-8", 0, ITERATIONS)
    }
    runs = {name: Run(fault, start) for name, fault in same_draws.items()}
    log(f"{len(runs)} runs on the same draws: {', '.join(runs)}")
    train(list(runs.values()), corpus, at_save=at_save)
    check_log(runs[PUBLISHED].right.log)

    for name, fault in FAULTS.items():
        if name in runs or name in projections:
            pass
        elif fault.stop < ITERATIONS:
            projections[name] = fingerprint(saves[fault.stop][0])
        elif fault.resume:
            log(name)
            params, state = saves[fault.resume]
            run = Run(fault, params, STEP * 0.5 ** (fault.resume / ANNEAL_EVERY))
            random.setstate(state)
            train([run], new_corpus(), fault.resume + 1)  # a new corpus: subsampled again
            runs[name] = run
        else:
            log(name)
            corpus = new_corpus(fault.encoding)
            run = Run(fault, start_vectors(len(corpus.words)))
            train([run], corpus)
            runs[name] = run
    for name, run in runs.items():
        log(f"{run.right.value:12.6f} {run.own.value:12.6f}  {name}")
        projections[name] = fingerprint(run.params)
    in_order = {name: runs[name] for name in FAULTS if name in runs}
    return {
        "projections": {name: projections[name].tolist() for name in FAULTS},
        "losses": {name: run.right.saves() for name, run in in_order.items()},
        "own_losses": {
            name: run.own.saves()
            for name, run in in_order.items()
            if run.own.saves() != run.right.saves()
        },
    }


def check_log(log):
    """Raise AssertionError unless the correct run has these losses."""
    for iteration, loss in LOG.items():
        if not abs(log[iteration] - loss) < 1e-6:
            raise AssertionError(f"iter {iteration}: {log[iteration]:.6f}, expected {loss}")


def read_vectors(path):
    """The array in an .npy file; raises `UserError`."""
    try:
        return np.load(path, allow_pickle=False)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # NumPy raises whatever broken bytes lead it to
        raise UserError(f"{path} is not an array that np.save has written") from error


def main(arguments):
    """Make the fingerprints, or name the run of one file, or write the table in the docs."""
    if arguments == ["--docs"]:
        text = with_table(DOCS.read_text(encoding="utf-8"))
        with replacing(DOCS, "w", encoding="utf-8") as file:
            file.write(text)
    elif arguments:
        name = recognise(read_vectors(arguments[0]))
        print(f"{name}: {FAULTS[name].sentence}" if name else "no run that we know")
    else:
        began = time.perf_counter()
        text = json.dumps(make(), indent=1) + "\n"
        with replacing(FILE, "w", encoding="utf-8") as file:
            file.write(text)
        print(f"{FILE}: {len(FAULTS)} fingerprints in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    run_command("fingerprints.py", lambda: main(sys.argv[1:]))
