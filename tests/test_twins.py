"""The vectorised minibatches against the textbook's functions, one word pair at a time."""

import random
from functools import partial

import numpy as np
import pytest
from conftest import corpora
from hypothesis import given
from hypothesis import strategies as st

import word2vec
from fast import minibatch, vectorised
from fast.sampler import BulkSampler
from fast.stream import MinibatchObjective, MinibatchStream

TOLERANCE = dict(rtol=1e-12, atol=1e-12)


class Draws:
    """A dataset of which the next noise words are known."""

    def __init__(self, words):
        self._words = iter(words.ravel().tolist())

    def sampleTokenIdx(self):
        return next(self._words)


@st.composite
def minibatches(draw, batches=1):
    """`batches` minibatches end to end: wordVectors, B, centers, counts, outside, negatives.

    The words are few, so that they repeat as centre words, outside words and negatives.
    """
    V, D = draw(st.integers(2, 40)), draw(st.integers(1, 12))
    B, K = draw(st.integers(1, 8)), draw(st.integers(0, 12))
    size = draw(st.sampled_from([0.1, 1.0, 5.0]))
    rng = np.random.RandomState(draw(st.integers(0, 2**32 - 1)))
    few = draw(st.integers(2, V))
    centers = rng.randint(few, size=batches * B).astype(np.int32)
    counts = rng.randint(1, 11, batches * B)
    outside = rng.randint(few, size=counts.sum()).astype(np.int32)
    negatives = rng.randint(V - 1, size=(counts.sum(), K)).astype(np.int32)
    negatives += negatives >= outside[:, None]  # any word but the outside word
    return size * rng.randn(2 * V, D), B, centers, counts, outside, negatives


def textbook(wordVectors, centers, counts, outside, negatives, name):
    """Mean loss and dense gradient of windows drawn already, by `word2vec.skipgram`."""
    V = len(wordVectors) // 2
    lossAndGradient = word2vec.naiveSoftmaxLossAndGradient
    if name == "negative sampling":
        lossAndGradient = partial(word2vec.negSamplingLossAndGradient, K=negatives.shape[1])
    dataset = Draws(negatives)
    loss, gradient = 0.0, np.zeros_like(wordVectors)
    end = 0
    for center, count in zip(centers, counts):
        begin, end = end, end + count
        window = word2vec.skipgram(
            center,
            5,
            outside[begin:end],
            range(V),
            wordVectors[:V],
            wordVectors[V:],
            dataset,
            lossAndGradient,
        )
        loss += window[0] / len(centers)
        gradient += np.concatenate(window[1:]) / len(centers)
    return loss, gradient


def dense(gradient, shape):
    """The dense form of `(rows, values)`; each row may stand there once only."""
    rows, values, *_ = gradient
    assert len(set(rows.tolist())) == len(rows)
    assert values.shape == (len(rows), *shape[1:])
    array = np.zeros(shape)
    array[rows] = values
    return array


def assert_equal(actual, expected):
    """Compare two pairs of loss and gradient, the first with a sparse gradient."""
    loss, gradient = actual
    expected_loss, expected_gradient = expected
    np.testing.assert_allclose(loss, expected_loss, **TOLERANCE)
    scale = max(1, np.abs(expected_gradient).max())
    difference = dense(gradient, expected_gradient.shape) - expected_gradient
    assert np.abs(difference).max() <= 1e-12 * scale


# ------------------------------------------------------------------------------------- functions
@given(minibatches())
def test_negative_sampling_of_a_minibatch_is_the_textbooks(problem):
    wordVectors, B, *windows = problem
    actual = vectorised.neg_sampling_minibatch(wordVectors, *windows)
    assert_equal(actual, textbook(wordVectors, *windows, "negative sampling"))


@given(minibatches())
def test_naive_softmax_of_a_minibatch_is_the_textbooks(problem):
    wordVectors, B, *windows = problem
    actual = vectorised.naive_softmax_minibatch(wordVectors, *windows[:3])
    assert_equal(actual, textbook(wordVectors, *windows, "naive softmax"))


@given(minibatches())
def test_negative_sampling_touches_just_the_rows_of_its_words(problem):
    wordVectors, B, centers, counts, outside, negatives = problem
    V = len(wordVectors) // 2
    _, (rows, _) = vectorised.neg_sampling_minibatch(
        wordVectors, centers, counts, outside, negatives
    )
    words = {*centers.tolist()}, {*outside.tolist(), *negatives.ravel().tolist()}
    assert sorted(rows.tolist()) == sorted([*words[0], *(V + word for word in words[1])])


@given(minibatches())
def test_minibatch_functions_leave_their_arguments(problem):
    wordVectors, B, *windows = problem
    before = [array.copy() for array in (wordVectors, *windows)]
    vectorised.neg_sampling_minibatch(wordVectors, *windows)
    vectorised.naive_softmax_minibatch(wordVectors, *windows[:3])
    for array, copy in zip((wordVectors, *windows), before):
        np.testing.assert_array_equal(array, copy)


CASES = {  # centers, counts, outside, negatives, of a vocabulary of four words
    "one pair": ([0], [1], [1], [[2, 3]]),
    "no negatives": ([0], [2], [1, 2], np.empty((2, 0), int)),
    "the same outside word twice": ([0], [2], [1, 1], [[2], [2]]),
    "the same negative three times": ([0], [1], [1], [[2, 2, 2]]),
    "the centre word as a negative": ([0], [1], [1], [[0, 0]]),
    "an outside word as a negative of the next": ([0], [2], [1, 2], [[2], [1]]),
    "the same centre word in two windows": ([3, 3], [1, 1], [1, 2], [[2], [1]]),
    "the same window twice": ([3, 3], [2, 2], [1, 2, 1, 2], [[0], [0], [0], [0]]),
    "centre words in falling order": ([3, 2, 1], [1, 2, 1], [0, 1, 0, 2], [[3], [3], [2], [3]]),
}


@pytest.mark.parametrize("case", CASES)
def test_special_minibatches_are_the_textbooks(case):
    windows = [np.array(part) for part in CASES[case]]
    wordVectors = np.random.RandomState(1).randn(8, 3)
    actual = vectorised.neg_sampling_minibatch(wordVectors, *windows)
    assert_equal(actual, textbook(wordVectors, *windows, "negative sampling"))
    actual = vectorised.naive_softmax_minibatch(wordVectors, *windows[:3])
    assert_equal(actual, textbook(wordVectors, *windows, "naive softmax"))


@pytest.mark.parametrize("K", range(34))
def test_any_number_of_negatives_is_the_textbooks(K):
    """NumPy 2.4 negates every eighth number of an array wrongly if told where to put them."""
    rng = np.random.RandomState(K)
    centers, counts, outside = rng.randint(5, size=3), np.full(3, 4), rng.randint(5, size=12)
    negatives = 5 + rng.randint(5, size=(12, K))
    wordVectors = rng.randn(20, 3)
    actual = vectorised.neg_sampling_minibatch(wordVectors, centers, counts, outside, negatives)
    expected = textbook(wordVectors, centers, counts, outside, negatives, "negative sampling")
    assert_equal(actual, expected)


@pytest.mark.parametrize("score", [-1000.0, -745.2, -40.0, 0.0, 40.0, 710.0, 1000.0])
def test_minibatches_are_finite_and_right_at_large_scores(score):
    wordVectors = np.array([[1.0], [-1.0], [0.0], [score], [0.0], [-score]])
    windows = [np.array(part) for part in ([0, 1], [1, 2], [0, 2, 0], [[1, 2], [0, 1], [2, 2]])]
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        sampling = vectorised.neg_sampling_minibatch(wordVectors, *windows)
        softmax = vectorised.naive_softmax_minibatch(wordVectors, *windows[:3])
    assert_equal(sampling, textbook(wordVectors, *windows, "negative sampling"))
    assert_equal(softmax, textbook(wordVectors, *windows, "naive softmax"))


# ------------------------------------------------------------------------------------- layout
@given(minibatches(batches=5))
def test_minibatches_laid_out_together_are_those_laid_out_alone(problem):
    wordVectors, B, *windows = problem
    together = minibatch.lay_out(*windows, len(wordVectors) // 2, B)
    objective = vectorised.NegSampling()
    assert len(together) == 5
    bounds = np.concatenate(([0], np.cumsum(windows[1])))[::B]
    for i, (begin, end) in enumerate(zip(bounds, bounds[1:])):
        alone = [part[i * B : (i + 1) * B] for part in windows[:2]]
        alone += [part[begin:end] for part in windows[2:]]
        loss, gradient = objective(wordVectors, together[i])
        expected_loss, expected = vectorised.neg_sampling_minibatch(wordVectors, *alone)
        assert_equal((loss, gradient), (expected_loss, dense(expected, wordVectors.shape)))
        np.testing.assert_array_equal(gradient[2], wordVectors[gradient[0]])


@given(minibatches(batches=3))
def test_split_windows_gives_each_minibatch_its_windows(problem):
    _, B, centers, counts, outside, negatives = problem
    parts = minibatch.split_windows(centers, counts, outside, negatives, B)
    assert [len(part[0]) for part in parts] == [B] * 3
    assert all(len(part[2]) == part[1].sum() for part in parts)
    for joined, whole in zip(map(np.concatenate, zip(*parts)), (centers, counts, outside)):
        np.testing.assert_array_equal(joined, whole)


def test_a_laid_out_minibatch_may_be_used_twice_and_in_any_order():
    wordVectors = np.random.RandomState(1).randn(20, 3)
    rng = np.random.RandomState(2)
    windows = rng.randint(5, size=6), np.full(6, 2), rng.randint(5, size=12)
    laid_out = minibatch.lay_out(*windows, 5 + rng.randint(5, size=(12, 3)), 10, batch_size=2)
    objective = vectorised.NegSampling()
    first = [objective(wordVectors, laid_out[i])[0] for i in (0, 1, 2)]
    assert [objective(wordVectors, laid_out[i])[0] for i in (2, 0, 1)] == first[2:] + first[:2]


def test_gradients_of_one_call_outlive_the_next():
    rng = np.random.RandomState(2)
    windows = rng.randint(5, size=6), np.full(6, 2), rng.randint(5, size=12)
    laid_out = minibatch.lay_out(*windows, 5 + rng.randint(5, size=(12, 3)), 10, batch_size=3)
    objective = vectorised.NegSampling()
    wordVectors = rng.randn(20, 3)
    _, (rows, values, _) = objective(wordVectors, laid_out[0])
    before = rows.copy(), values.copy()
    objective(wordVectors, laid_out[1])
    np.testing.assert_array_equal(rows, before[0])
    np.testing.assert_array_equal(values, before[1])


# ------------------------------------------------------------------------------------- with draws
def fast_objective(corpus, window_size, name, K):
    V = len(corpus.tokens())
    if name == "naive softmax":
        sampler = BulkSampler(corpus, window_size, 0)
        prepare, function = minibatch.split_windows, vectorised.naive_softmax_loss
    else:
        sampler = BulkSampler(corpus, window_size, K)
        prepare, function = partial(minibatch.lay_out, V=V), vectorised.NegSampling()
    return MinibatchObjective(MinibatchStream(sampler, prepare, word2vec.BATCH_SIZE), function)


def textbook_objective(corpus, window_size, name, K):
    loss = word2vec.naiveSoftmaxLossAndGradient
    if name == "negative sampling":
        loss = partial(word2vec.negSamplingLossAndGradient, K=K)
    return lambda wordVectors: word2vec.word2vec_sgd_wrapper(
        word2vec.skipgram, corpus.tokens(), wordVectors, corpus, window_size, loss
    )


@pytest.mark.parametrize("name", ["negative sampling", "naive softmax"])
@pytest.mark.parametrize("window_size, K, D", [(5, 10, 10), (1, 1, 2), (3, 4, 1)])
def test_objectives_descend_alike_and_leave_random_alike(tiny_corpus, name, window_size, K, D):
    results = []
    for make in (textbook_objective, fast_objective):
        corpus = tiny_corpus(3)
        f = make(corpus, window_size, name, K)
        x = np.random.RandomState(1).randn(2 * len(corpus.tokens()), D)
        random.seed(6)
        losses = []
        for _ in range(8):
            loss, gradient = f(x)
            x = x - 0.3 * (dense(gradient, x.shape) if isinstance(gradient, tuple) else gradient)
            losses.append(loss)
        if make is fast_objective:
            f.sync_random()
        results.append((losses, x, random.getstate()))
    (losses, x, state), (fast_losses, fast_x, fast_state) = results
    np.testing.assert_allclose(fast_losses, losses, **TOLERANCE)
    np.testing.assert_allclose(fast_x, x, **TOLERANCE)
    assert fast_state == state


@given(corpora(), st.integers(1, 7), st.integers(0, 6), st.integers(0, 2**32))
def test_objectives_agree_on_any_corpus(corpus, window_size, K, seed):
    x = np.random.RandomState(1).randn(2 * len(corpus.tokens()), 2)
    random.seed(seed)
    corpus.subsample()
    state = random.getstate()
    expected = textbook_objective(corpus, window_size, "negative sampling", K)(x)
    state_after = random.getstate()
    random.setstate(state)
    fast = fast_objective(corpus, window_size, "negative sampling", K)
    assert_equal(fast(x), expected)
    fast.sync_random()
    assert random.getstate() == state_after
