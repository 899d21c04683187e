"""Is a word2vec.py right? Compare it with the fast path, or with itself where that is missing.

From one state of `random`, `word2vec_sgd_wrapper` on whole arrays and the fast path have to come to
the same loss, gradient and state of `random`: on a minibatch of the text, and on one of a tiny text
where negatives repeat, and equal the outside word, all the time. The starter has no fast path,
which is a solution: there the functions' gradient has to be the slope of their own loss, and the
loss has to begin at (K + 1) log 2 for a word pair, as it is when all outside vectors are zero.
"""

import contextlib
import io
import random

import numpy as np

from common.assignment import BATCH_SIZE
from common.python_random import random_restored
from common.stopping import UserError
from training.fast.minibatch import lay_out
from training.fast.sampler import BulkSampler
from training.functions import on_words_of, tiny_corpus
from utils.gradcheck import gradcheck_naive

TOLERANCE = 1e-9  # relative; rounding alone stays below 1e-12
ALIKE, SINGLE_PRECISION = 1e-3, 1e-5  # relative differences that are told, and that look like it
LARGEST_DIMENSION = 10  # on whole arrays, which may have many rows


def check(functions, dataset, D, fast_loss):
    """Compare functions with the fast path, for vectors of dimension D.

    The dataset's subsample has to be drawn already. Both generators are left as they are.

    Returns
    -------
    difference : str
        What is wrong with the functions; "" if nothing was found.
    needs_all : str
        Why they cannot be trained on just the words of each minibatch; "" if they can.

    Raises
    ------
    UserError
        A function raises an error, or returns something of another shape.
    """
    with random_restored():
        tiny = tiny_corpus()
        try:
            found = [
                compare(functions, dataset, min(D, LARGEST_DIMENSION), fast_loss),
                compare(functions, tiny, D, fast_loss),
            ]
            if fast_loss is None:
                found.append((compare_with_itself(functions, tiny), ""))
        except UserError as error:
            if functions.wrong_shape:
                raise UserError(f"word2vec.py: {functions.wrong_shape}") from error
            raise
    differences, reasons = zip((functions.wrong_shape, ""), *found)
    return next(filter(None, differences), ""), next(filter(None, reasons), "")


def compare(functions, corpus, D, fast_loss):
    """Return what `check` returns, of one minibatch; without a fast loss by its draws alone."""
    V = len(corpus.words)
    vectors = np.random.default_rng(0).normal(scale=0.5, size=(2 * V, D))
    begin = random.getstate()
    minibatch = draw(functions, corpus)
    end = random.getstate()
    random.setstate(begin)
    given = vectors.copy()
    loss, gradient = functions(corpus.tokens(), given, corpus)
    actual = loss, gradient.copy()  # the functions may use their array again
    if random.getstate() != end:
        return ("it samples differently from the assignment",) * 2
    if not np.array_equal(given, vectors):
        return ("it changes the vectors that it is given",) * 2

    def difference(loss, gradient):
        rows, values = gradient
        whole = np.zeros_like(vectors)
        whole[rows] = values
        return describe(*actual, loss, whole, corpus.words)

    random.setstate(begin)
    needs_all = "it needs more than the words of a minibatch"
    with contextlib.suppress(UserError):
        if not difference(*on_words_of(minibatch, functions, vectors, corpus)):
            needs_all = ""
    random.setstate(end)
    return fast_loss and difference(*fast_loss(vectors, minibatch)) or "", needs_all


def draw(functions, corpus):
    """Draw the `Minibatch` that right functions would draw."""
    windows = BulkSampler(corpus, functions.window, functions.n_negatives).draw(BATCH_SIZE)
    return lay_out(windows, len(corpus.words), BATCH_SIZE)[0]


def compare_with_itself(functions, corpus):
    """Say how the loss at the start is wrong, or that the gradient is not its slope; or ""."""
    V, K, begin = len(corpus.words), functions.n_negatives, random.getstate()
    n_pairs = len(draw(functions, corpus).pair_centers)
    random.setstate(begin)
    loss, _ = functions(corpus.tokens(), np.zeros((2 * V, 2)), corpus)
    expected = n_pairs / BATCH_SIZE * ((K + 1) * np.log(2) if K else np.log(V))
    if wrong := describe_number("the loss at the start", loss, expected):
        return wrong
    vectors = np.random.default_rng(0).normal(scale=0.5, size=(2 * V, 2))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            gradcheck_naive(lambda x: functions(corpus.tokens(), x, corpus), vectors, "skipgram")
    except AssertionError as error:
        return " ".join(str(error).split())
    return ""


# ------------------------------------------------------------------------------------- in words
def describe(loss, gradient, expected_loss, expected, words):
    """Say where loss or gradient (2V, D) differ most from the expected ones; "" if they agree."""
    if wrong := describe_number("the loss of a minibatch", loss, expected_loss):
        return wrong
    distances = np.abs(gradient - expected)
    distances[np.isnan(distances)] = np.inf
    row, column = np.unravel_index(np.argmax(distances), distances.shape)
    what = f"the {'outside' if row >= len(words) else 'centre'} gradient at {words[row % len(words)]!r}"
    pair = gradient[row, column], expected[row, column]
    return describe_number(what, *pair, np.abs(expected).max())


def describe_number(what, actual, expected, scale=0):
    """Say that a number is not the expected one, with as many digits as it takes; "" if it is."""
    distance = abs(actual - expected)
    relative = distance / max(1, abs(expected), scale)
    if relative <= TOLERANCE:  # not so for NaN
        return ""
    both = [(f"{actual:.{digits}g}", f"{expected:.{digits}g}") for digits in range(4, 18)]
    texts = next((pair for pair in both if pair[0] != pair[1]), both[-1])
    single = "; single precision?" if relative < SINGLE_PRECISION else ""
    size = f" (a difference of {distance:.1g}{single})" if relative < ALIKE else ""
    return f"{what} is {texts[0]}, not {texts[1]}{size}"
