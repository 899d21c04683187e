"""Is a word2vec.py right? Compare it with the fast path, or with itself where that is missing.

From one state of `random`, `word2vec_sgd_wrapper` on whole arrays and the fast path have to come to
the same loss, gradient and state of `random`: on a minibatch of the text, and on one of a tiny text
where negatives repeat, and equal the outside word, all the time. The starter has no fast path,
which is a solution: there the gradient has to be the slope of the functions' own loss.
"""

import contextlib
import io
import random

import numpy as np

from common.assignment import BATCH_SIZE
from common.faults import differ
from common.python_random import random_restored
from common.stopping import UserError
from training.fast.minibatch import lay_out
from training.fast.sampler import BulkSampler
from training.functions import on_words_of, tiny_corpus
from utils.gradcheck import gradcheck_naive

LARGEST_DIMENSION = 10  # on whole arrays, which may have many rows


def check(functions, dataset, D, fast_loss):
    """Compare functions with the fast path, or with themselves, for vectors of dimension D.

    Returns two texts, "" for right functions: how they differ, and why the words of a minibatch are
    not enough to train them on. The dataset's subsample has to be drawn already; both generators
    are left as they are. Raises UserError if a function fails.
    """
    with random_restored():
        tiny = tiny_corpus()
        found = [
            compare(functions, dataset, min(D, LARGEST_DIMENSION), fast_loss),
            compare(functions, tiny, D, fast_loss),
        ]
        if fast_loss is None:
            found.append((compare_with_itself(functions, tiny), ""))
    return tuple(next(filter(None, texts), "") for texts in zip(*found))


def compare(functions, corpus, D, fast_loss):
    """Do what `check` does for one minibatch; without a fast loss its draws alone are compared."""
    vectors, begin = some_vectors(corpus, D), random.getstate()
    minibatch = draw(functions, corpus)
    end, given = random.getstate(), vectors.copy()
    random.setstate(begin)
    loss, gradient = functions(corpus.tokens(), given, corpus)
    actual = loss, gradient.copy()  # the functions may use their array again
    if random.getstate() != end:
        return ("it samples differently from the assignment",) * 2
    if not np.array_equal(given, vectors):
        return ("it changes the vectors that it is given",) * 2

    needs_all = "it needs more than the words of a minibatch"
    random.setstate(begin)
    with contextlib.suppress(UserError):
        loss, gradient = on_words_of(minibatch, functions, vectors, corpus)
        if not difference(actual, loss, *gradient, corpus.words):
            needs_all = ""
    if fast_loss is None:
        return "", needs_all
    loss, gradient = fast_loss(vectors, minibatch)
    return difference(actual, loss, *gradient, corpus.words), needs_all


def some_vectors(corpus, D):
    """Return vectors (2V, D) that show mistakes."""
    return np.random.default_rng(0).normal(scale=0.5, size=(2 * len(corpus.words), D))


def draw(functions, corpus):
    """Draw the `Minibatch` that right functions would draw."""
    windows = BulkSampler(corpus, functions.window, functions.n_negatives).draw(BATCH_SIZE)
    return lay_out(windows, len(corpus.words), BATCH_SIZE)[0]


def compare_with_itself(functions, corpus):
    """Say that the gradient is not the slope of the loss, or the loss at the start wrong; or ""."""
    vectors, K, begin = some_vectors(corpus, 2), functions.n_negatives, random.getstate()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            gradcheck_naive(
                lambda x: functions(corpus.tokens(), x, corpus), vectors, "the gradient"
            )
    except AssertionError as error:
        return " ".join(str(error).split()).rstrip(".")
    random.setstate(begin)
    n_pairs = len(draw(functions, corpus).pair_centers)
    random.setstate(begin)
    loss, _ = functions(corpus.tokens(), np.zeros_like(vectors), corpus)
    of_pair = (K + 1) * np.log(2) if K else np.log(len(corpus.words))
    return differ("the loss at the start", loss, n_pairs / BATCH_SIZE * of_pair)


def difference(actual, loss, rows, values, words):
    """Say where loss or gradient (2V, D) differ most from these, or ""; rows not named are zero."""
    expected = np.zeros_like(actual[1])
    expected[rows] = values
    distances = np.abs(actual[1] - expected)
    distances[np.isnan(distances)] = np.inf
    row, column = np.unravel_index(np.argmax(distances), distances.shape)
    kind = "outside" if row >= len(words) else "centre"
    what = f"the {kind} gradient at {words[row % len(words)]!r}"
    pair = actual[1][row, column], expected[row, column]
    return differ("the loss of a minibatch", actual[0], loss) or differ(
        what, *pair, np.abs(expected).max()
    )
