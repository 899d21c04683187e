"""The vectorised minibatches against the textbook's functions, one word pair at a time."""

import random
from functools import partial

import numpy as np
import pytest
from conftest import corpora
from hypothesis import given
from hypothesis import strategies as st

import word2vec
from training.fast.minibatch import lay_out
from training.fast.sampler import BulkSampler, Windows
from training.fast.stream import MinibatchObjective, MinibatchStream
from training.fast.vectorised import NegSampling, naive_softmax

TOLERANCE = dict(rtol=1e-12, atol=1e-12)


class Draws:
    """A dataset whose next noise words are given."""

    def __init__(self, words):
        self._words = iter(words.ravel().tolist())

    def sampleTokenIdx(self):
        return next(self._words)


def make_windows(centers, counts, outside, negatives):
    """`Windows` of some lists."""
    centers, counts, outside, negatives = map(np.asarray, (centers, counts, outside, negatives))
    return Windows(centers, counts, outside, negatives, np.arange(len(centers)))


@st.composite
def minibatches(draw, batches=1):
    """`batches` minibatches end to end: wordVectors, B and `Windows`.

    The words are few, so that they repeat as centre words, outside words and negatives.
    """
    V, D = draw(st.integers(2, 40)), draw(st.integers(1, 12))
    B, K = draw(st.integers(1, 8)), draw(st.integers(0, 12))
    size = draw(st.sampled_from([0.1, 1.0, 5.0]))
    rng = np.random.RandomState(draw(st.integers(0, 2**32 - 1)))
    few = draw(st.integers(2, V))
    centers = rng.randint(few, size=batches * B)
    counts = rng.randint(1, 11, batches * B)
    outside = rng.randint(few, size=counts.sum())
    negatives = rng.randint(V - 1, size=(counts.sum(), K))
    negatives += negatives >= outside[:, None]  # any word but the outside word
    return size * rng.randn(2 * V, D), B, make_windows(centers, counts, outside, negatives)


def twin(wordVectors, windows, name):
    """Loss and gradient of windows as one minibatch, by the vectorised functions."""
    if name == "naive softmax":
        windows = windows._replace(negatives=windows.negatives[:, :0])
    minibatch = lay_out(windows, len(wordVectors) // 2, len(windows.centers))[0]
    function = naive_softmax if name == "naive softmax" else NegSampling()
    return function(wordVectors, minibatch)


def textbook(wordVectors, windows, name):
    """Mean loss and dense gradient of windows drawn already, by `word2vec.skipgram`."""
    centers, counts, outside, negatives, _ = windows
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
    """The dense form of `(rows, values)`; no row may be named twice."""
    rows, values = gradient
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
NAMES = ["negative sampling", "naive softmax"]


@pytest.mark.parametrize("name", NAMES)
@given(minibatches())
def test_a_minibatch_is_the_textbooks(name, problem):
    wordVectors, B, windows = problem
    assert_equal(twin(wordVectors, windows, name), textbook(wordVectors, windows, name))


@given(minibatches())
def test_negative_sampling_touches_just_the_rows_of_its_words(problem):
    wordVectors, B, windows = problem
    V = len(wordVectors) // 2
    _, (rows, _) = twin(wordVectors, windows, "negative sampling")
    targets = {*windows.outside.tolist(), *windows.negatives.ravel().tolist()}
    centers = {*windows.centers.tolist()}
    assert sorted(rows.tolist()) == sorted([*centers, *(V + word for word in targets)])


@pytest.mark.parametrize("name", NAMES)
@given(minibatches())
def test_minibatch_functions_leave_their_arguments(name, problem):
    wordVectors, B, windows = problem
    before = [array.copy() for array in (wordVectors, *windows)]
    twin(wordVectors, windows, name)
    for array, copy in zip((wordVectors, *windows), before):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("name", NAMES)
@given(minibatches())
def test_single_precision_in_gives_single_precision_out(name, problem):
    wordVectors, B, windows = problem
    wordVectors = wordVectors.astype(np.float32)
    loss, (rows, values) = twin(wordVectors, windows, name)
    exact, gradient = textbook(wordVectors.astype(np.float64), windows, name)
    assert values.dtype == np.float32
    np.testing.assert_allclose(loss, exact, rtol=1e-4, atol=1e-5)
    scale = max(1, np.abs(gradient).max())
    assert np.abs(dense((rows, values), gradient.shape) - gradient).max() <= 1e-4 * scale


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


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", CASES)
def test_special_minibatches_are_the_textbooks(case, name):
    windows = make_windows(*CASES[case])
    wordVectors = np.random.RandomState(1).randn(8, 3)
    assert_equal(twin(wordVectors, windows, name), textbook(wordVectors, windows, name))


@pytest.mark.parametrize("K", range(34))
def test_any_number_of_negatives_is_the_textbooks(K):
    """NumPy 2.4 negates every eighth number of an array wrongly if told where to put them."""
    rng = np.random.RandomState(K)
    centers, counts, outside = rng.randint(5, size=3), np.full(3, 4), rng.randint(5, size=12)
    windows = make_windows(centers, counts, outside, 5 + rng.randint(5, size=(12, K)))
    wordVectors = rng.randn(20, 3)
    actual = twin(wordVectors, windows, "negative sampling")
    assert_equal(actual, textbook(wordVectors, windows, "negative sampling"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("score", [-1000.0, -745.2, -40.0, 0.0, 40.0, 710.0, 1000.0])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_minibatches_are_finite_and_right_at_large_scores(name, score, dtype):
    wordVectors = np.array([[1.0], [-1.0], [0.0], [score], [0.0], [-score]], dtype=dtype)
    windows = make_windows([0, 1], [1, 2], [0, 2, 0], [[1, 2], [0, 1], [2, 2]])
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        actual = twin(wordVectors, windows, name)
    loss, gradient = textbook(wordVectors.astype(np.float64), windows, name)
    if dtype == np.float64:
        assert_equal(actual, (loss, gradient))
    else:
        np.testing.assert_allclose(actual[0], loss, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(dense(actual[1], gradient.shape), gradient, rtol=1e-5, atol=1e-6)


def test_a_vector_that_is_not_finite_shows_in_the_loss():
    windows = make_windows([0], [1], [1], [[2, 3]])
    for bad in (np.nan, np.inf, -np.inf):
        wordVectors = np.random.RandomState(1).randn(8, 3)
        wordVectors[5] = bad
        with np.errstate(all="ignore"):
            assert not np.isfinite(twin(wordVectors, windows, "negative sampling")[0])


# ------------------------------------------------------------------------------------- layout
def windows_of(minibatch, V):
    """The windows of a `Minibatch`: for each its centre, outside words and their negatives."""
    pairs = np.repeat(np.arange(len(minibatch.counts)), minibatch.counts)
    targets = minibatch.rows[minibatch.indices].reshape(len(pairs), -1) - V
    windows = []
    for i in range(len(minibatch.counts)):
        (center,) = set(minibatch.rows[minibatch.pair_centers[pairs == i]].tolist())
        outside, negatives = targets[pairs == i, 0], targets[pairs == i, 1:]
        windows.append((center, outside.tolist(), negatives.tolist()))
    return windows


def by_center(centers, counts, outside, negatives):
    """The same of windows as they were drawn, those of a centre word side by side."""
    ends = np.cumsum(counts).tolist()
    windows = [
        (center, outside[end - count : end], negatives[end - count : end])
        for center, count, end in zip(centers, counts, ends)
    ]
    return sorted(windows, key=lambda window: window[0])


@given(minibatches(batches=3))
def test_a_minibatch_has_its_windows(problem):
    wordVectors, B, windows = problem
    V = len(wordVectors) // 2
    laid_out = lay_out(windows, V, B)
    assert len(laid_out) == 3
    for i, minibatch in enumerate(laid_out):
        part = windows.part(i * B, (i + 1) * B)
        assert windows_of(minibatch, V) == by_center(*(field.tolist() for field in part[:4]))


@given(minibatches())
def test_the_fields_of_a_minibatch_are_what_they_promise(problem):
    wordVectors, B, windows = problem
    V = len(wordVectors) // 2
    rows, C, centers, indptr, indices, counts, K = lay_out(windows, V, B)[0]
    assert {field.dtype for field in (rows, centers, indptr, indices, counts)} == {
        np.dtype(np.intp)
    }
    assert len(set(rows.tolist())) == len(rows)
    assert (rows[:C] < V).all() and (rows[C:] >= V).all()
    assert sorted(set(centers.tolist())) == list(range(C))
    assert sorted(set(indices.tolist())) == list(range(C, len(rows)))
    assert len(indptr) == B + 1 and set(indptr[C:].tolist()) == {len(indices)}
    pairs_of_center = np.bincount(centers)
    assert (np.diff(indptr[: C + 1]) == pairs_of_center * (1 + K)).all()
    assert (counts.sum(), K) == (len(centers), windows.negatives.shape[1])


@given(minibatches(batches=5))
def test_minibatches_laid_out_together_are_those_laid_out_alone(problem):
    """In any order, and again."""
    wordVectors, B, windows = problem
    together = lay_out(windows, len(wordVectors) // 2, B)
    loss_and_gradient = NegSampling()
    for i in (0, 1, 4, 2, 3, 1, 0):
        alone = windows.part(i * B, (i + 1) * B)
        expected_loss, expected = twin(wordVectors, alone, "negative sampling")
        actual = loss_and_gradient(wordVectors, together[i])
        assert_equal(actual, (expected_loss, dense(expected, wordVectors.shape)))


@pytest.mark.parametrize("V, n_pairs", [(129, 1), (32769, 1), (100, 300), (1000, 70000)])
def test_the_last_row_of_a_large_vocabulary_and_many_scores_fit_into_the_integers(V, n_pairs):
    """Whichever of the two takes more bits."""
    windows = make_windows([V - 2], [n_pairs], [V - 1] * n_pairs, np.zeros((n_pairs, 0), dtype=int))
    rows, _, _, indptr, *_ = lay_out(windows, V, 1)[0]
    assert rows.tolist() == [V - 2, 2 * V - 1]
    assert indptr.tolist() == [0, n_pairs]


def test_a_gradient_outlives_the_next_call():
    rng = np.random.RandomState(2)
    windows = rng.randint(5, size=6), np.full(6, 2), rng.randint(5, size=12)
    windows = make_windows(*windows, 5 + rng.randint(5, size=(12, 3)))
    laid_out, wordVectors = lay_out(windows, 10, 3), rng.randn(20, 3)
    loss_and_gradient = NegSampling()
    _, (rows, values) = loss_and_gradient(wordVectors, laid_out[0])
    before = rows.copy(), values.copy()
    loss_and_gradient(wordVectors, laid_out[1])
    np.testing.assert_array_equal(rows, before[0])
    np.testing.assert_array_equal(values, before[1])


def test_one_function_takes_minibatches_of_any_kind_in_turn():
    """Its memory fits the one before: other numbers of windows, negatives, dimensions, bits."""
    loss_and_gradient = NegSampling()
    rng = np.random.RandomState(3)
    for D, B, K, dtype in [(3, 4, 2, "d"), (5, 4, 2, "d"), (5, 4, 0, "d"), (5, 1, 3, "d"),
                           (5, 1, 3, "f"), (5, 60, 9, "f"), (3, 4, 2, "d")]:  # fmt: skip
        counts = np.full(B, 2)
        windows = rng.randint(5, size=B), counts, rng.randint(5, size=2 * B)
        windows = make_windows(*windows, 5 + rng.randint(5, size=(2 * B, K)))
        wordVectors = rng.randn(20, D).astype(dtype)
        loss, gradient = loss_and_gradient(wordVectors, lay_out(windows, 10, B)[0])
        expected_loss, expected = textbook(wordVectors, windows, "negative sampling")
        np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
        np.testing.assert_allclose(dense(gradient, expected.shape), expected, rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------------------------- with draws
def fast_objective(corpus, window_size, name, K):
    softmax = name == "naive softmax"
    sampler = BulkSampler(corpus, window_size, 0 if softmax else K)
    stream = MinibatchStream(sampler, word2vec.BATCH_SIZE)
    return MinibatchObjective(stream, naive_softmax if softmax else NegSampling())


def textbook_objective(corpus, window_size, name, K):
    loss = word2vec.naiveSoftmaxLossAndGradient
    if name == "negative sampling":
        loss = partial(word2vec.negSamplingLossAndGradient, K=K)
    return lambda wordVectors: word2vec.word2vec_sgd_wrapper(
        word2vec.skipgram, corpus.tokens(), wordVectors, corpus, window_size, loss
    )


@pytest.mark.parametrize("name", NAMES)
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
