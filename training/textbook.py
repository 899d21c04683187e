"""Anybody's word2vec.py on the small problem of a minibatch, and the fast path held to it.

    verdict = check(functions, dataset, vectorised.NegSampling())
    f = MinibatchObjective(stream, Textbook(functions, dataset.words))      # for sgd

An iteration touches some 1,250 of the treebank's 39,078 rows. The functions of a word2vec.py, which
return dense gradients, are handed just the words of a minibatch, as a vocabulary of its own: the
same functions, the same result to rounding, at a fraction of the cost. Their `dataset` gives out
what the sampler has drawn. That is only right for functions that draw as the assignment does, leave
their arguments alone and ask for nothing else: `check` finds out, with a dataset that draws for
itself.
"""

import contextlib
import functools
import random
import time
from typing import NamedTuple

import numpy as np

from common.stopping import UserError
from training.fast.minibatch import lay_out
from training.fast.sampler import BulkSampler
from training.handed_in import reported
from utils.treebank import Corpus

LOSSES = {
    "negative-sampling": "negSamplingLossAndGradient",
    "naive-softmax": "naiveSoftmaxLossAndGradient",
}
BATCH_SIZE = 50  # windows in a minibatch, as in word2vec.py
DEFAULT_NEGATIVES = 10  # K of the assignment's negSamplingLossAndGradient
MINIBATCHES_CHECKED = 2  # of the run's own; one more is of a crowd
CROWD_WORDS = 20  # so few that negatives are drawn twice, and outside words in a row, all the time
TOLERANCE = 1e-9  # of a loss or gradient, relatively; rounding alone stays below 1e-12


class Functions:
    """The functions of a word2vec.py, called as run.py of the assignment calls them.

    Parameters
    ----------
    module : module
        Has `word2vec_sgd_wrapper`, `skipgram` and the losses.
    loss : str
        A key of `LOSSES`.
    window, n_negatives : int
        C and K.
    """

    def __init__(self, module, loss, window, n_negatives):
        self.loss, self.window = loss, window
        self.n_negatives = n_negatives if loss == "negative-sampling" else 0
        self._module = module
        self._loss = self._function(LOSSES[loss])
        if self.n_negatives not in (0, DEFAULT_NEGATIVES):
            self._loss = functools.partial(self._loss, K=n_negatives)
        self._skipgram = self._function("skipgram")
        self._wrapper = self._function("word2vec_sgd_wrapper")

    def _function(self, name):
        """A function of the module that is told apart from one that is not written yet."""
        function = getattr(self._module, name, None)
        if function is None:
            raise UserError(f"word2vec.py has no {name}")

        @functools.wraps(function)
        def call(*arguments, **options):
            result = function(*arguments, **options)
            if result is None:
                raise UserError(f"word2vec.py: {name} is not written yet")
            return result

        return call

    def check_sigmoid(self):
        """Raise UserError if the module has a sigmoid, on which the losses rest, without a body."""
        if hasattr(self._module, "sigmoid"):
            self._function("sigmoid")(np.zeros(1))

    def __call__(self, tokens, wordVectors, dataset):
        """Loss and gradient (2V, D) of a minibatch; raises UserError for anything else."""
        with reported("word2vec.py"):
            loss, gradient = self._wrapper(
                self._skipgram, tokens, wordVectors, dataset, self.window, self._loss
            )
            loss, gradient = np.float64(loss), np.asarray(gradient, dtype=np.float64)
        if loss.shape != ():
            raise UserError(f"word2vec.py: the loss has shape {loss.shape}, it is no number")
        if gradient.shape != wordVectors.shape:
            raise UserError(
                f"word2vec.py: the gradient has shape {gradient.shape}, but the vectors "
                f"{wordVectors.shape}"
            )
        return float(loss), gradient


# ------------------------------------------------------------------------------------- training
class SmallProblem(NamedTuple):
    """The windows of a minibatch in a vocabulary of its own, of W words numbered from 0."""

    words: np.ndarray  # (W,) their numbers in the large vocabulary
    centers: list  # the centre word of each window
    contexts: list  # the outside words of each window, a list
    negatives: list  # of all outside words, end to end


def small_problem(minibatch, V):
    """The `SmallProblem` of a `Minibatch`, when the large vocabulary has V words."""
    rows, C = minibatch.rows.astype(np.intp), minibatch.n_centers
    words, numbers = np.unique(np.concatenate((rows[:C], rows[C:] - V)), return_inverse=True)
    targets = numbers[minibatch.indices].reshape(-1, 1 + minibatch.n_negatives)
    ends = np.cumsum(minibatch.counts)
    centers = numbers[minibatch.pair_centers[ends - minibatch.counts]]
    contexts = [context.tolist() for context in np.split(targets[:, 0], ends[:-1])]
    return SmallProblem(words, centers.tolist(), contexts, targets[:, 1:].ravel().tolist())


class DrawnDataset:
    """Stands for the dataset: gives out what was drawn for a small problem, in order."""

    def __init__(self, problem, names):
        self._centers, self._contexts = iter(problem.centers), iter(problem.contexts)
        self._negatives = iter(problem.negatives)
        self._names = names

    def getRandomContext(self, C=5):
        """The next window, whatever size is asked for: `(str, list of str)`."""
        center, context = next(self._centers, None), next(self._contexts, ())
        if center is None:
            raise DrawsDiffer
        return self._names[center], [self._names[word] for word in context]

    def sampleTokenIdx(self):
        """The next negative."""
        word = next(self._negatives, None)
        if word is None:
            raise DrawsDiffer
        return word

    def is_used_up(self):
        """Whether all has been given out."""
        return next(self._centers, None) is None and next(self._negatives, None) is None


class DrawsDiffer(UserError):
    """Functions draw other windows or negatives than the assignment's do."""


class Textbook:
    """`word2vec_sgd_wrapper` as a function of all vectors and a `Minibatch`.

    Called with `wordVectors` (2V, D) and a minibatch, returns the mean loss and the gradient as
    `(rows, values)`.
    """

    def __init__(self, functions, words):
        self._functions = functions
        self._words = words

    def __call__(self, wordVectors, minibatch):
        V = len(wordVectors) // 2
        problem = small_problem(minibatch, V)
        rows = np.concatenate((problem.words, V + problem.words))
        names = [self._words[word] for word in problem.words]
        try:
            loss, gradient = solve(self._functions, problem, names, wordVectors[rows])
        except DrawsDiffer:
            raise UserError("word2vec.py no longer draws as it did when the run began") from None
        return loss, (rows, gradient)


def solve(functions, problem, names, vectors):
    """Loss and gradient (2W, D) of a `SmallProblem` whose words have these names.

    Raises `DrawsDiffer` if functions do not take just what was drawn. `random` is left as it was.
    """
    dataset = DrawnDataset(problem, names)
    tokens = {name: number for number, name in enumerate(names)}
    state = random.getstate()  # they draw the size of each window again
    loss, gradient = functions(tokens, vectors, dataset)
    random.setstate(state)
    if not dataset.is_used_up():
        raise DrawsDiffer
    return loss, gradient


def textbook_objective(functions, dataset):
    """The function for `sgd` as the assignment has it: whole arrays, drawing from the dataset."""
    tokens = dataset.tokens()
    return lambda wordVectors: functions(tokens, wordVectors, dataset)


def seconds_of(objective, wordVectors):
    """Seconds that one call takes after the first, which draws what is kept."""
    objective(wordVectors)
    began = time.perf_counter()
    objective(wordVectors)
    return time.perf_counter() - began


# ------------------------------------------------------------------------------------- the check
class Verdict(NamedTuple):
    """What `check` has found."""

    difference: str  # of the loss or a gradient from the fast path, in words; "" if they agree
    whole: str  # why the functions need whole arrays; "" if the small problem does
    seconds: float  # that an iteration takes on the small problem


class LiveDataset:
    """A dataset in a small vocabulary that draws for itself, from `random`.

    `drawn` has all that was drawn so far; more than `most` draws are `DrawsDiffer`.
    """

    def __init__(self, dataset, words, most=float("inf")):
        self.drawn = []
        self._dataset, self._most = dataset, most
        self._tokens = {dataset.words[word]: number for number, word in enumerate(words)}
        self._numbers = {word: number for number, word in enumerate(words.tolist())}

    def tokens(self):
        return self._tokens

    def getRandomContext(self, C=5):
        center, context = self._dataset.getRandomContext(C)
        if not self._tokens.keys() >= {center, *context}:
            raise DrawsDiffer
        self._keep((center, *context))
        return center, context

    def sampleTokenIdx(self):
        number = self._numbers.get(self._dataset.sampleTokenIdx())
        if number is None:
            raise DrawsDiffer
        self._keep(number)
        return number

    def _keep(self, draw):
        self.drawn.append(draw)
        if len(self.drawn) > self._most:  # perhaps they never end
            raise DrawsDiffer


def draw_as_the_assignment(dataset, window, n_negatives):
    """Draw a minibatch from a `LiveDataset`, as the functions of the assignment do; the draws."""
    for _ in range(BATCH_SIZE):
        _, context = dataset.getRandomContext(random.randint(1, window))
        for word in context:
            missing = n_negatives
            while missing:
                missing -= dataset.sampleTokenIdx() != dataset.tokens()[word]
    return dataset.drawn


def check(functions, dataset, D, fast_loss, on_all_words=False):
    """Compare a word2vec.py with the fast path, on minibatches of the dataset and of a crowd.

    At random vectors (2W, D), since the run's own begin with outside vectors of zero, which hide
    mistakes. The crowd is a text of few words: there negatives are drawn twice, and the outside
    word several times in a row, all the time. Both generators are left as they were found, the
    dataset's subsample drawn.

    Parameters
    ----------
    functions : Functions
    dataset : Corpus
    D : int
        The dimension of the vectors.
    fast_loss : callable or None
        Takes all vectors and a `Minibatch`, as `Textbook` does; None compares the draws alone.
    on_all_words : bool
        Compare on whole arrays, without the crowd: for functions that fail on the words of a
        minibatch alone, or keep something of one vocabulary that is not right for the next.

    Returns
    -------
    Verdict

    Raises
    ------
    UserError
        A function raises, is not written yet, or returns something of another shape.
    """
    with reported("word2vec.py"):
        functions.check_sigmoid()
    state, numpy_state = random.getstate(), np.random.get_state()
    dataset.subsample()
    texts = [dataset] * MINIBATCHES_CHECKED + ([] if on_all_words else [crowd()])
    try:
        verdicts = []
        for text in texts:
            sampler = BulkSampler(text, functions.window, functions.n_negatives)
            verdicts.append(check_minibatch(functions, sampler, D, fast_loss, on_all_words))
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)
    differences = [verdict.difference for verdict in verdicts if verdict.difference]
    reasons = [verdict.whole for verdict in verdicts if verdict.whole]
    seconds = min(verdict.seconds for verdict in verdicts[:MINIBATCHES_CHECKED])
    return Verdict("".join(differences[:1]), "".join(reasons[:1]), seconds)


def crowd():
    """A `Corpus` of few words in one sentence, some hundred tokens of which stay."""
    generator = random.Random(0)
    corpus = Corpus([[f"w{generator.randrange(CROWD_WORDS)}" for _ in range(5000)]], tablesize=1000)
    corpus.subsample()
    return corpus


def check_minibatch(functions, sampler, D, fast_loss, on_all_words):
    """The `Verdict` on the minibatch that is drawn from the present state of `random`."""
    dataset, V = sampler.dataset, len(sampler.dataset.words)
    before = random.getstate()
    minibatch = lay_out(sampler.draw(BATCH_SIZE), V, BATCH_SIZE)[0]
    after = random.getstate()
    problem = small_problem(minibatch, V)
    words, live, drawn = np.arange(V), dataset, None
    if not on_all_words:
        words = problem.words
        random.setstate(before)
        drawn = draw_as_the_assignment(
            LiveDataset(dataset, words), functions.window, functions.n_negatives
        )
        live = LiveDataset(dataset, words, most=len(drawn))

    vectors = np.random.default_rng(0).normal(scale=0.5, size=(2 * len(words), D))
    random.setstate(before)
    began, given, names = time.perf_counter(), vectors.copy(), list(live.tokens())
    with contextlib.suppress(DrawsDiffer):
        loss, gradient = functions(live.tokens(), given, live)
        actual = loss, gradient.copy()  # which may be an array of theirs, used again and again
    seconds = time.perf_counter() - began
    difference = whole = ""
    if random.getstate() != after or (drawn is not None and live.drawn != drawn):
        difference, whole = "it draws other windows or negatives", "it draws in its own way"
    elif not np.array_equal(given, vectors):
        difference, whole = "it changes the vectors it is given", "it changes its arguments"
    else:
        if on_all_words:
            whole = "it needs more than the words of a minibatch"
        else:
            began = time.perf_counter()
            if not is_small_problem_enough(functions, problem, names, vectors, actual):
                whole = "it needs the size of each window"
            seconds = min(seconds, time.perf_counter() - began)
        if fast_loss is not None:
            expected = dense(fast_loss(vectors, renumbered(minibatch, words, V)), vectors)
            difference = first_difference(actual, expected, names)
    random.setstate(after)
    return Verdict(difference, whole, seconds)


def is_small_problem_enough(functions, problem, names, vectors, expected):
    """Whether functions give the same on a `SmallProblem`, where windows have any sizes."""
    try:
        actual = solve(functions, problem, names, vectors)
    except UserError:
        return False
    return all(
        np.allclose(*both, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        for both in zip(actual, expected)
    )


def renumbered(minibatch, words, V):
    """A `Minibatch` with the rows that its words have in a vocabulary of just these words."""
    rows, C = minibatch.rows.astype(np.intp), minibatch.n_centers
    small = np.concatenate(
        (np.searchsorted(words, rows[:C]), len(words) + np.searchsorted(words, rows[C:] - V))
    )
    return minibatch._replace(rows=small)


def dense(loss_and_gradient, vectors):
    """Loss and gradient with the gradient as a whole array."""
    loss, (rows, values) = loss_and_gradient
    gradient = np.zeros_like(vectors)
    gradient[rows] = values
    return loss, gradient


def first_difference(actual, expected, names):
    """Where loss or gradient differ most, in words; "" if they agree."""
    if not abs(actual[0] - expected[0]) <= TOLERANCE * max(1, abs(expected[0])):
        return f"the loss of a minibatch is {actual[0]:.8g}, not {expected[0]:.8g}"
    differences = np.abs(actual[1] - expected[1])
    if np.all(differences <= TOLERANCE * max(1, np.abs(expected[1]).max())):  # nan fails
        return ""
    differences[np.isnan(differences)] = np.inf
    row, column = np.unravel_index(np.argmax(differences), differences.shape)
    which, word = ("outside", row - len(names)) if row >= len(names) else ("centre", row)
    return (
        f"the {which} gradient at {names[word]!r} is {actual[1][row, column]:.8g}, "
        f"not {expected[1][row, column]:.8g}"
    )
