"""The functions of a word2vec.py, whoever wrote it, and training with them.

An iteration touches some 1,250 of the treebank's 39,078 rows, but the functions return dense
gradients. `WordsOfMinibatch` hands them a vocabulary of just these words, at a fifth of the cost.
"""

import functools
import inspect
import random

import numpy as np

from common.assignment import NEGATIVES
from common.faults import reported
from common.python_random import random_restored
from common.stopping import UserError
from training.settings import LOSSES
from utils.gradcheck import RESULTS, GradientCheckError, check_results, is_stub
from utils.treebank import Corpus

TINY_WORDS = 8  # so few that negatives often repeat, and often equal the outside word in a row


class Functions:
    """The functions of a module, called as the assignment's run.py calls them.

    What the module holds is what is called, for a skip-gram may ask which loss it was given. Each
    function is tried once; UserError if one is not written, fails or returns a wrong shape.
    """

    def __init__(self, module, settings):
        names = ("word2vec_sgd_wrapper", "skipgram", LOSSES[settings.loss])
        for name in names:
            if not callable(getattr(module, name, None)):
                raise UserError(f"word2vec.py has no function {name}")
        self._wrapper, self._skipgram, self._loss = (getattr(module, name) for name in names)
        self.window, self.n_negatives = settings.window, settings.n_negatives()
        if self.n_negatives not in (0, NEGATIVES):
            self._loss = with_negatives(self._loss, self.n_negatives)
        with random_restored(), reported("word2vec.py"):
            self._try_each(module, names[2], settings.dimension)

    def __call__(self, tokens, wordVectors, dataset):
        """Return loss and gradient (2V, D) of a minibatch; UserError for anything else."""
        with reported("word2vec.py"):
            loss, gradient = self._wrapper(
                self._skipgram, tokens, wordVectors, dataset, self.window, self._loss
            )
            loss, gradient = np.float64(loss), np.asarray(gradient, dtype=np.float64)
        try:
            check_results((loss, gradient), {"loss": None, "gradient": 0}, (wordVectors,))
        except GradientCheckError as error:
            raise UserError(f"word2vec.py: {error}") from error
        return float(loss), gradient

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


def with_negatives(loss, K):
    """Return a loss whose default is K negatives: the same function, if it is a plain one."""
    if inspect.isfunction(loss) and loss.__code__.co_varnames[loss.__code__.co_argcount - 1] == "K":
        loss.__defaults__ = (*(loss.__defaults__ or ())[:-1], K)
        return loss
    return functools.partial(loss, K=K)


def tiny_corpus():
    """Return a subsampled `Corpus` of a few words, in which draws collide all the time."""
    words = random.Random(0).choices([f"w{i}" for i in range(TINY_WORDS)], k=5000)
    corpus = Corpus([words], tablesize=1000)
    corpus.subsample()
    return corpus


class WordsOfMinibatch:
    """A function for `sgd`: functions that draw for themselves, on the words of each minibatch.

    A stream that draws from the same state of `random` tells which words these are.
    """

    def __init__(self, functions, dataset, stream):
        self._functions, self._dataset, self._stream = functions, dataset, stream
        self.sync_random = stream.sync_random

    def __call__(self, wordVectors):
        begin, is_first = random.getstate(), not self._dataset.has_subsample()
        minibatch = self._stream.next()
        if is_first:  # it is drawn in the middle of the first window
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
    loss, gradient = functions(tokens, wordVectors[rows], FewWords(dataset, numbers))
    return loss, (rows, gradient)


class FewWords:
    """A dataset that draws what another one draws, and has other numbers for some of its words."""

    def __init__(self, dataset, numbers):
        self._dataset, self._numbers = dataset, numbers
        self.getRandomContext = dataset.getRandomContext

    def sampleTokenIdx(self):
        return self._numbers[self._dataset.sampleTokenIdx()]
