"""Call, check and train with the functions of any word2vec.py.

From the same state of `random`, `word2vec_sgd_wrapper` on full arrays and the fast path must agree
on the loss, the gradient and the final state of `random`: on a minibatch of the text, and on one of
a tiny text where negatives often repeat, or equal the outside word. The starter has no fast path,
which would be a solution; there the gradient is checked numerically against the functions' loss.
"""

import contextlib
import io
import random
from functools import partial
from types import SimpleNamespace

import numpy as np

from common.assignment import BATCH_SIZE, NEGATIVES
from common.faults import differ, reported
from common.python_random import random_restored
from common.stopping import UserError
from training.fast.minibatch import lay_out
from training.fast.sampler import BulkSampler
from training.settings import LOSSES
from utils.gradcheck import RESULTS, GradientCheckError, check_results, gradcheck_naive, is_stub
from utils.treebank import Corpus

LARGEST_DIMENSION = 10  # for the checks, because some of them involve all words
TINY_WORDS = 8  # so few that negatives often repeat, and often equal the outside word in a row


class Functions:
    """The functions of a module, called as the assignment's run.py calls them.

    They are called unwrapped, because a skip-gram may ask which loss it was given. Each function is
    tried once; UserError if one is not written, fails or returns a wrong shape.
    """

    def __init__(self, module, settings):
        names = ("word2vec_sgd_wrapper", "skipgram", LOSSES[settings.loss])
        self.window, self.n_negatives = settings.window, settings.n_negatives()
        with random_restored(), reported("word2vec.py"):
            self._wrapper, self._skipgram, self._loss = (getattr(module, name) for name in names)
            self._try_each(module, names[2], min(settings.dimension, LARGEST_DIMENSION))

    def __call__(self, tokens, wordVectors, dataset):
        """Return loss and gradient (2V, D) of a minibatch; UserError for anything else."""
        with reported("word2vec.py"), self._with_negatives():
            loss, gradient = self._wrapper(
                self._skipgram, tokens, wordVectors, dataset, self.window, self._loss
            )
            loss, gradient = np.float64(loss), np.asarray(gradient, dtype=np.float64)
        try:
            check_results((loss, gradient), {"loss": None, "gradient": 0}, (wordVectors,))
        except GradientCheckError as error:
            raise UserError(f"word2vec.py: {error}") from error
        return float(loss), gradient

    @contextlib.contextmanager
    def _with_negatives(self):
        """Let the loss draw K negatives by default; the file's own default is the assignment's."""
        if self.n_negatives in (0, NEGATIVES):
            yield
            return
        defaults = self._loss.__defaults__
        try:
            self._loss.__defaults__ = (*defaults[:-1], self.n_negatives)
            yield
        finally:
            self._loss.__defaults__ = defaults

    def _try_each(self, module, loss, D):
        corpus = tiny_corpus()
        tokens, V = corpus.tokens(), len(corpus.words)
        center, outside = np.random.default_rng(0).normal(size=(2, V, D))
        window = corpus.words[0], 1, corpus.words[1:2]
        calls = {
            "sigmoid": (getattr(module, "sigmoid", np.copy), np.zeros(1)),
            loss: (self._loss, center[0], 1, outside, corpus),
            "skipgram": (self._skipgram, *window, tokens, center, outside, corpus, self._loss),
        }
        stubs = [name for name, (function, *_) in calls.items() if is_stub(function)]
        if stubs:
            raise UserError(f"word2vec.py: not written yet: {', '.join(stubs)}")
        for name, (function, *arguments) in calls.items():
            try:
                check_results(function(*arguments), RESULTS[name], arguments)
            except GradientCheckError as error:
                raise UserError(f"word2vec.py: {name}: {error}") from error


def tiny_corpus():
    """Return a subsampled `Corpus` of a few words, in which draws collide all the time."""
    words = random.Random(0).choices([f"w{i}" for i in range(TINY_WORDS)], k=5000)
    corpus = Corpus([words], tablesize=1000)
    corpus.subsample()
    return corpus


# ------------------------------------------------------------------------------------- the check
def check(functions, dataset, D, fast_loss):
    """Compare functions with the fast path, or with themselves, for vectors of dimension D.

    Returns two texts, "" for correct functions: how they differ, and why they cannot be trained on
    just the words of a minibatch. The dataset's subsample must be drawn already; both generators
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
    """Do what `check` does for one minibatch; without a fast loss only the draws are compared."""
    vectors, begin = some_vectors(corpus, D), random.getstate()
    minibatch = draw(functions, corpus)
    end, given = random.getstate(), vectors.copy()
    random.setstate(begin)
    loss, gradient = functions(corpus.tokens(), given, corpus)
    actual = loss, gradient.copy()  # the functions may use their array again
    if random.getstate() != end:
        return ("it samples differently from the assignment",) * 2
    if not np.array_equal(given, vectors):
        return ("it modifies the vectors passed to it",) * 2

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
    """Return random vectors (2V, D), large enough for mistakes to show."""
    return np.random.default_rng(0).normal(scale=0.5, size=(2 * len(corpus.words), D))


def draw(functions, corpus):
    """Draw the `Minibatch` that correct functions would draw."""
    windows = BulkSampler(corpus, functions.window, functions.n_negatives).draw(BATCH_SIZE)
    return lay_out(windows, len(corpus.words), BATCH_SIZE)[0]


def compare_with_itself(functions, corpus):
    """Say whether the gradient does not fit the loss, or the loss at the start is wrong; or ""."""
    vectors, V, K = some_vectors(corpus, 2), len(corpus.words), functions.n_negatives
    rows = {"centre": [0, 1], "outside": [V, V + 1]}  # two of each are enough: all are alike
    begin = random.getstate()

    def f(some, kind):
        vectors[rows[kind]] = some
        loss, gradient = functions(corpus.tokens(), vectors, corpus)
        return loss, gradient[rows[kind]]

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            for kind in rows:
                gradcheck_naive(partial(f, kind=kind), vectors[rows[kind]], f"two {kind} vectors")
    except AssertionError as error:
        return " ".join(str(error).split()).rstrip(".")
    random.setstate(begin)
    n_pairs = len(draw(functions, corpus).pair_centers)
    random.setstate(begin)
    loss, _ = functions(corpus.tokens(), np.zeros_like(vectors), corpus)
    of_pair = (K + 1) * np.log(2) if K else np.log(V)
    return differ("the loss at the start", loss, n_pairs / BATCH_SIZE * of_pair)


def difference(actual, loss, rows, values, words):
    """Say where loss or gradient (2V, D) differ most from these, or ""; other rows are zero."""
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


# ------------------------------------------------------------------------------------- training
class WordsOfMinibatch:
    """An objective for `sgd`: calls the functions on just the words of each minibatch.

    An iteration touches about 1,250 of the treebank's 39,078 rows, but the functions return dense
    gradients, which cost five times as much. The functions draw their own samples; a stream that
    draws from the same state of `random` tells beforehand which words they will be.
    """

    def __init__(self, functions, dataset, stream):
        self._functions, self._dataset, self._stream = functions, dataset, stream
        self.sync_random = stream.sync_random

    def __call__(self, wordVectors):
        begin, is_first = random.getstate(), not self._dataset.has_subsample()
        minibatch = self._stream.next()
        if is_first:  # the subsample is drawn in the middle of the first window
            self._dataset.forget_subsample()
        random.setstate(begin)
        return on_words_of(minibatch, self._functions, wordVectors, self._dataset)


def on_words_of(minibatch, functions, wordVectors, dataset):
    """Return loss and gradient `(rows, values)` of the minibatch that the functions draw next."""
    V, C = len(wordVectors) // 2, minibatch.n_centers
    words = np.unique(np.concatenate((minibatch.rows[:C], minibatch.rows[C:] - V)))
    rows = np.concatenate((words, V + words))
    numbers = {word: number for number, word in enumerate(words.tolist())}
    tokens = {dataset.words[word]: number for word, number in numbers.items()}
    few = SimpleNamespace(
        getRandomContext=dataset.getRandomContext,
        sampleTokenIdx=lambda: numbers[dataset.sampleTokenIdx()],
    )
    loss, gradient = functions(tokens, wordVectors[rows], few)
    return loss, (rows, gradient)
