"""word2vec by skip-gram: losses and gradients, as the handout has them and a minibatch at once.

    python word2vec.py              # all gradient checks and expected values
    python word2vec.py skipgram     # one of: sigmoid, naiveSoftmaxLossAndGradient,
                                    # negSamplingLossAndGradient, skipgram

Notation, of the handout (CS 224n, assignment 2), whose equation numbers stand in brackets:

    v_c     vector of the centre word c                             centerWordVec       (D,)
    U       columns u_w, the outside vectors; here one a row: U^T   outsideVectors      (V, D)
    o       the outside word                                        outsideWordIdx
    y       one-hot: 1 at o                                                             (V,)
    y_hat   softmax(U^T v_c), the predicted distribution                                (V,)
    w_1..w_K    negative samples                                    negSampleWordIndices
    V, D, K     words in the vocabulary, dimension of the vectors, negative samples

The first part are the functions of the assignment, one pair (c, o) at a time and dense. The second
part are their vectorised twins, which take index arrays for a whole minibatch and return a gradient
of just the rows that are touched. Tests hold each twin to its reference.
"""

import argparse
import random
import sys
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from utils.gradcheck import gradcheck_naive
from utils.utils import normalizeRows

BATCH_SIZE = 50  # windows in a minibatch


def sigmoid(x):
    """sigma(x) = 1 / (1 + e^-x) = e^x / (e^x + 1)  (4), of a number or of each entry of an array.

    Returns the shape of x. The exponent is never positive, so that nothing overflows.
    """
    e = np.exp(-np.abs(x))
    return np.where(np.greater_equal(x, 0), 1.0, e)[()] / (1.0 + e)


def naiveSoftmaxLossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset):
    """Naive-softmax loss of one pair (c, o), and its gradients.

        J = -log y_hat_o,  y_hat = softmax(U^T v_c)                 (1), (2)
        dJ/dv_c = U (y_hat - y)
        dJ/du_w = (y_hat_w - y_w) v_c

    since log y_hat_o = u_o^T v_c - log sum_w exp(u_w^T v_c), and the second term's derivative by
    the score u_w^T v_c is y_hat_w.

    Parameters
    ----------
    centerWordVec : (D,) ndarray
        v_c.
    outsideWordIdx : int
        o.
    outsideVectors : (V, D) ndarray
        U^T, a word a row.
    dataset
        Not used; here so that both losses are called alike.

    Returns
    -------
    loss : float
    gradCenterVec : (D,) ndarray
    gradOutsideVecs : (V, D) ndarray
    """
    scores = outsideVectors @ centerWordVec
    scores = scores - np.max(scores)  # shifts log sum exp alike, and keeps exp from overflowing
    log_sum = np.log(np.sum(np.exp(scores)))
    loss = log_sum - scores[outsideWordIdx]

    delta = np.exp(scores - log_sum)  # y_hat
    delta[outsideWordIdx] -= 1  # y_hat - y
    gradCenterVec = outsideVectors.T @ delta
    gradOutsideVecs = np.outer(delta, centerWordVec)
    return loss, gradCenterVec, gradOutsideVecs


def getNegativeSamples(outsideWordIdx, dataset, K):
    """K words from `dataset.sampleTokenIdx()`, a list of int, none of them the outside word."""
    negSampleWordIndices = []
    while len(negSampleWordIndices) < K:
        word = dataset.sampleTokenIdx()
        if word != outsideWordIdx:
            negSampleWordIndices.append(word)
    return negSampleWordIndices


def negSamplingLossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset, K=10):
    """Negative-sampling loss of one pair (c, o), and its gradients; draws K negatives.

        J = -log sigma(u_o^T v_c) - sum_k log sigma(-u_k^T v_c)     (5)
        dJ/dv_c = (sigma(u_o^T v_c) - 1) u_o + sum_k sigma(u_k^T v_c) u_k
        dJ/du_o = (sigma(u_o^T v_c) - 1) v_c
        dJ/du_k = sigma(u_k^T v_c) v_c

    since d log sigma(x) / dx = 1 - sigma(x). With label 1 for o and 0 for a negative, all of them
    are (sigma(u^T v_c) - label) times a vector. A word drawn twice has two terms in J, so both
    count.

    Parameters and results are those of `naiveSoftmaxLossAndGradient`, but for float32 vectors
    gradCenterVec is float64; `dataset.sampleTokenIdx()` gives the negatives.
    """
    negSampleWordIndices = getNegativeSamples(outsideWordIdx, dataset, K)
    indices = [outsideWordIdx] + negSampleWordIndices
    labels = np.zeros(K + 1)
    labels[0] = 1

    vectors = outsideVectors[indices]  # (K + 1, D)
    scores = vectors @ centerWordVec
    # -log sigma(x) = log(1 + e^-x)
    loss = np.sum(np.logaddexp(0, np.where(labels == 1, -scores, scores)))

    delta = sigmoid(scores) - labels
    gradCenterVec = vectors.T @ delta
    gradOutsideVecs = np.zeros_like(outsideVectors)
    np.add.at(gradOutsideVecs, indices, np.outer(delta, centerWordVec))  # repeated words add up
    return loss, gradCenterVec, gradOutsideVecs


def skipgram(
    currentCenterWord,
    windowSize,
    outsideWords,
    word2Ind,
    centerWordVectors,
    outsideVectors,
    dataset,
    word2vecLossAndGradient=naiveSoftmaxLossAndGradient,
):
    """Skip-gram loss of one window, and its gradients: sums over the outside words (6).

        dJ/dU = sum_j dJ(v_c, w_t+j, U)/dU,  dJ/dv_c likewise,  dJ/dv_w = 0 for w != c

    Parameters
    ----------
    currentCenterWord : str
        c.
    windowSize : int
        Not used: `outsideWords` is the window.
    outsideWords : list of str
        The words around c.
    word2Ind : dict
        Word -> row of the vectors.
    centerWordVectors, outsideVectors : (V, D) ndarrays
        V^T and U^T, a word a row.
    dataset
        Handed on to the loss.
    word2vecLossAndGradient : callable
        `naiveSoftmaxLossAndGradient` or `negSamplingLossAndGradient`.

    Returns
    -------
    loss : float
    gradCenterVecs, gradOutsideVectors : (V, D) ndarrays
    """
    loss = 0.0
    gradCenterVecs = np.zeros_like(centerWordVectors)
    gradOutsideVectors = np.zeros_like(outsideVectors)
    center = word2Ind[currentCenterWord]
    for word in outsideWords:
        pairLoss, gradCenterVec, gradOutsideVecs = word2vecLossAndGradient(
            centerWordVectors[center], word2Ind[word], outsideVectors, dataset
        )
        loss += pairLoss
        gradCenterVecs[center] += gradCenterVec
        gradOutsideVectors += gradOutsideVecs
    return loss, gradCenterVecs, gradOutsideVectors


def word2vec_sgd_wrapper(
    word2vecModel,
    word2Ind,
    wordVectors,
    dataset,
    windowSize,
    word2vecLossAndGradient=naiveSoftmaxLossAndGradient,
):
    """Mean loss of 50 windows drawn from the dataset, and its gradient (2V, D).

    `wordVectors` has the V centre vectors, then the V outside vectors. Each window takes up to
    `random.randint(1, windowSize)` words on each side.
    """
    loss = 0.0
    grad = np.zeros_like(wordVectors)
    V = len(wordVectors) // 2
    centerWordVectors, outsideVectors = wordVectors[:V], wordVectors[V:]
    for _ in range(BATCH_SIZE):
        windowSizeHere = random.randint(1, windowSize)
        centerWord, context = dataset.getRandomContext(windowSizeHere)
        windowLoss, gradCenterVecs, gradOutsideVectors = word2vecModel(
            centerWord,
            windowSizeHere,
            context,
            word2Ind,
            centerWordVectors,
            outsideVectors,
            dataset,
            word2vecLossAndGradient,
        )
        loss += windowLoss / BATCH_SIZE
        grad[:V] += gradCenterVecs / BATCH_SIZE
        grad[V:] += gradOutsideVectors / BATCH_SIZE
    return loss, grad


# ------------------------------------------------------------------------------- vectorised twins
def naive_softmax_minibatch(wordVectors, centers, counts, outside):
    """`word2vec_sgd_wrapper` with `naiveSoftmaxLossAndGradient`, for windows drawn already.

    All outside words of a window share one softmax: with n of them, and n_w of these the word w,

        J = n log sum_w exp(u_w^T v_c) - sum_j u_j^T v_c            (2), (6)
        dJ/dv_c = U (n y_hat - n_w),  dJ/du_w = (n y_hat_w - n_w) v_c

    Parameters
    ----------
    wordVectors : (2V, D) ndarray
        The V centre vectors, then the V outside vectors.
    centers : (B,) integers
        The centre word of each window.
    counts : (B,) integers
        The number of outside words of each window.
    outside : (P,) integers
        The outside words of all windows, end to end.

    Returns
    -------
    loss : float
        Mean over the windows.
    gradient : (rows, values)
        The rows of `wordVectors` with a gradient, (R,), each once; and their gradients, (R, D).
    """
    V = len(wordVectors) // 2
    B = len(centers)
    center_rows, window_row = np.unique(centers, return_inverse=True)
    vectors = wordVectors[centers]  # (B, D)
    outsideVectors = wordVectors[V:]

    window = np.repeat(np.arange(B), counts)  # of each outside word
    scores = outsideVectors @ vectors.T  # (V, B)
    scores -= np.max(scores, axis=0)
    log_sums = np.log(np.sum(np.exp(scores), axis=0))
    loss = (np.sum(counts * log_sums) - np.sum(scores[outside, window])) / B

    delta = np.exp(scores - log_sums) * (counts / B)
    np.subtract.at(delta, (outside, window), 1 / B)
    gradient = np.zeros((len(center_rows) + V, wordVectors.shape[1]))
    np.add.at(gradient, window_row, delta.T @ outsideVectors)
    gradient[len(center_rows) :] = delta @ vectors
    return loss, (np.concatenate((center_rows, np.arange(V, 2 * V))), gradient)


def naive_softmax_loss(wordVectors, windows):
    """`naive_softmax_minibatch` of one item of `split_windows`."""
    return naive_softmax_minibatch(wordVectors, *windows)


def split_windows(centers, counts, outside, negatives=None, batch_size=BATCH_SIZE):
    """The `(centers, counts, outside)` of each `batch_size` windows, a list."""
    bounds = np.concatenate(([0], np.cumsum(counts)))[::batch_size]
    batches = [slice(i * batch_size, (i + 1) * batch_size) for i in range(len(bounds) - 1)]
    return [
        (centers[batch], counts[batch], outside[begin:end])
        for batch, begin, end in zip(batches, bounds, bounds[1:])
    ]


def neg_sampling_minibatch(wordVectors, centers, counts, outside, negatives):
    """`word2vec_sgd_wrapper` with `negSamplingLossAndGradient`, for windows drawn already.

    `negatives` (P, K) has a row for each outside word; the other parameters and the results are
    those of `naive_softmax_minibatch`. To go through many minibatches, use `lay_out` and
    `NegSampling`, of which this does one.
    """
    minibatch = lay_out(centers, counts, outside, negatives, len(wordVectors) // 2, len(centers))[0]
    wordVectors = np.asarray(wordVectors, dtype=np.float64)
    loss, (rows, values, _) = NegSampling()(wordVectors, minibatch)
    return loss, (rows, values)


class Minibatch(NamedTuple):
    """A minibatch as a small problem of its own, on the R rows of `wordVectors` it touches.

    Each pair (c, o) has K + 1 scores u^T v_c, that of o first: S = P (K + 1) of them. The u of a
    score is its target. The rows have local numbers from 0, those of centres come first. `indptr`
    and `indices` are the pattern of the (R, R) matrix

        G = [ 0    B ]      B[c, u] = dJ/d(u^T v_c), summed over the scores of v_c with u
            [ B^T  0 ]

    whose product with the local rows is their gradient. The first half of its entries are the
    scores as they stand, the second half those taken in `order`.
    """

    rows: np.ndarray  # (R,) of wordVectors, each once
    centers: np.ndarray  # (P,) local row of each pair's centre vector
    indptr: np.ndarray  # (R + 1,)
    indices: np.ndarray  # (2S,) the first S of them: local row of each score's target
    order: np.ndarray  # (S,) the scores sorted by target
    n_windows: int
    n_negatives: int  # K


class Minibatches:
    """Minibatches laid out end to end, faster than one by one; item i is a `Minibatch`."""

    def __init__(self, arrays, row_bounds, score_bounds, n_windows, n_negatives):
        self._arrays = arrays
        self._row_bounds, self._score_bounds = row_bounds.tolist(), score_bounds.tolist()
        self._n_windows, self._n_negatives = n_windows, n_negatives

    def __len__(self):
        return len(self._row_bounds) - 1

    def __getitem__(self, i):
        rows, centers, indptr, indices, order = self._arrays
        row, row_end = self._row_bounds[i], self._row_bounds[i + 1]
        score, score_end = self._score_bounds[i], self._score_bounds[i + 1]
        scores_of_pair = 1 + self._n_negatives
        return Minibatch(
            rows[row:row_end],
            centers[score // scores_of_pair : score_end // scores_of_pair],
            indptr[row + i : row_end + i + 1],
            indices[2 * score : 2 * score_end],
            order[score:score_end],
            self._n_windows,
            self._n_negatives,
        )


def lay_out(centers, counts, outside, negatives, V, batch_size=BATCH_SIZE):
    """Lay out drawn windows as `Minibatches` of `batch_size` windows each; integers only.

    `centers`, `counts` and `outside` are those of `naive_softmax_minibatch`, `negatives` (P, K) has
    a row for each outside word. V is the number of words.
    """
    scores_of_pair = 1 + negatives.shape[1]
    window_bounds = np.arange(0, len(centers) + 1, batch_size)  # of the minibatches
    n_batches = len(window_bounds) - 1

    # Windows of one centre word next to each other, so that its row of B is one stretch of scores.
    order = np.lexsort((centers, np.repeat(np.arange(n_batches), batch_size)))
    pairs, counts = take_runs(counts, order)
    targets = np.empty((len(pairs), scores_of_pair), dtype=np.int32)
    targets[:, 0] = outside.take(pairs)
    targets[:, 1:] = negatives.take(pairs, axis=0)
    score_ends = np.concatenate(([0], np.cumsum(counts) * scores_of_pair))  # of the windows
    score_bounds = score_ends[window_bounds]
    n_scores = np.diff(score_bounds)

    center_words, starts, center_bounds, numbers = find_runs(centers[order], window_bounds)
    n_centers = np.diff(center_bounds)
    center_starts = score_ends[starts] - np.repeat(score_bounds[:-1], n_centers)
    pair_centers = np.repeat(numbers, counts)
    score_centers = np.repeat(pair_centers, scores_of_pair)

    # Scores of one target next to each other, for the rows of B^T.
    targets, order = sort_pieces(targets.ravel(), score_bounds, V)
    words, starts, word_bounds, numbers = find_runs(targets, score_bounds)
    word_starts = starts + np.repeat(n_scores - score_bounds[:-1], np.diff(word_bounds))
    scores = order + np.repeat(score_bounds[:-1].astype(np.int32), n_scores)
    local_targets = np.empty_like(numbers)
    local_targets[scores] = numbers + np.repeat(n_centers.astype(np.int32), n_scores)

    rows = interleave((center_words, center_bounds), (words + V, word_bounds))
    indptr = interleave(
        (center_starts, center_bounds),
        (word_starts, word_bounds),
        (2 * n_scores, np.arange(n_batches + 1)),
    )
    indices = interleave(
        (local_targets, score_bounds), (score_centers.take(scores), score_bounds)
    )
    return Minibatches(
        (rows, pair_centers, indptr, indices, order),
        center_bounds + word_bounds,
        score_bounds,
        batch_size,
        scores_of_pair - 1,
    )


def find_runs(a, bounds):
    """Runs of equal entries in an array; a run ends where a piece does, at one of the bounds.

    Returns the entry of each run, where it starts, the bounds of the pieces counted in runs, and
    for each entry of the array the number of its run in its piece.
    """
    is_start = np.empty(len(a), dtype=bool)
    np.not_equal(a[1:], a[:-1], out=is_start[1:])
    is_start[bounds[:-1]] = True
    starts = np.flatnonzero(is_start)
    run_bounds = np.searchsorted(starts, bounds)
    numbers = np.cumsum(is_start, dtype=np.int32)
    numbers -= np.repeat(run_bounds[:-1].astype(np.int32) + 1, np.diff(bounds))
    return a[starts], starts, run_bounds, numbers


def sort_pieces(a, bounds, limit):
    """Sort each piece of an array of integers from 0 up to a limit.

    Returns the sorted pieces end to end, and where in its piece each entry was. Entry and place are
    sorted as one number, which is several times as fast as argsort.
    """
    bits = int(np.diff(bounds).max()).bit_length()
    keys = a.astype(np.uint32 if limit << bits <= 2**32 else np.int64)
    keys <<= bits
    starts = np.repeat(bounds[:-1].astype(np.int32), np.diff(bounds))
    keys |= (np.arange(len(a), dtype=np.int32) - starts).astype(keys.dtype)
    for begin, end in zip(bounds, bounds[1:]):
        keys[begin:end].sort()
    places = (keys & ((1 << bits) - 1)).astype(np.int32)
    keys >>= bits
    return keys.astype(np.int32), places


def take_runs(lengths, order):
    """For runs of these lengths, end to end: the entries of the runs in another order.

    Returns the old places of the entries, and the lengths in the new order.
    """
    begins = np.cumsum(lengths) - lengths
    lengths_now = lengths[order]
    begins_now = np.cumsum(lengths_now) - lengths_now
    moved = np.repeat(begins[order] - begins_now, lengths_now)
    return moved + np.arange(len(moved)), lengths_now


def interleave(*parts):
    """Pieces of several arrays in turn, as one int32 array.

    Each part is an array and the bounds of its pieces; all have the same number of pieces.
    """
    parts = [(array.astype(np.int32, copy=False), bounds.tolist()) for array, bounds in parts]
    n_pieces = len(parts[0][1]) - 1
    return np.concatenate([a[b[i] : b[i + 1]] for i in range(n_pieces) for a, b in parts])


class NegSampling:
    """`word2vec_sgd_wrapper` with `negSamplingLossAndGradient`, for one `Minibatch` at a time.

    Called with `wordVectors` (2V, D) and a minibatch, returns the mean loss and the gradient as
    `(rows, values, wordVectors[rows])`; the last, which spares `sgd` to take them again, is valid
    until the next call.
    """

    def __init__(self):
        self._local = self._targets = np.empty((0, 0))
        self._matrices = {}  # by R

    def __call__(self, wordVectors, minibatch):
        rows, centers, indptr, indices, order, n_windows, n_negatives = minibatch
        R, S, D = len(rows), len(order), wordVectors.shape[1]
        self._make_room(R, S, D)

        # The rows once into the cache. take, with out and mode="clip", costs a third of indexing.
        local = wordVectors.take(rows, axis=0, out=self._local[:R], mode="clip")
        targets = local.take(indices[:S], axis=0, out=self._targets[:S], mode="clip")
        v = local.take(centers, axis=0, mode="clip")[:, :, np.newaxis]  # (P, D, 1)
        x = targets.reshape(-1, 1 + n_negatives, D) @ v  # u^T v_c, (P, K + 1, 1)
        x[:, 0] *= -1  # not np.negative, which in NumPy 2.4 goes wrong in place for K = 7

        # In x = -u_o^T v_c or u_k^T v_c: J = sum log(1 + e^x), dJ/dx = e^x / (1 + e^x); both by
        # way of e = e^-|x|, which cannot overflow.
        e = np.exp(-np.abs(x))
        denominator = 1.0 + e
        loss = (np.log(denominator) + np.maximum(x, 0)).sum() / n_windows
        denominator *= n_windows
        entries = np.empty(2 * S)
        delta = np.divide(np.maximum(e, x >= 0), denominator, out=entries[:S].reshape(x.shape))
        delta[:, 0] *= -1
        delta.take(order, out=entries[S:], mode="clip")

        # Both gradients in one product, by a matrix that is filled rather than built.
        G = self._matrix(R)
        G.indptr, G.indices, G.data = indptr, indices, entries
        gradient = G @ local
        G.indptr = G.indices = G.data = None  # not to keep minibatches that are done with
        return loss, (rows, gradient, local)

    def _make_room(self, R, S, D):
        if R > len(self._local) or D != self._local.shape[1]:
            self._local = np.empty((R + R // 4, D))
        if S > len(self._targets) or D != self._targets.shape[1]:
            self._targets = np.empty((S + S // 4, D))

    def _matrix(self, R):
        if R not in self._matrices:
            self._matrices[R] = csr_array((R, R))
        return self._matrices[R]


# ------------------------------------------------------------------------------- checks
class DummyDataset:
    """Five words, a to e, of which any may stand anywhere: the assignment's test data."""

    words = "abcde"

    def sampleTokenIdx(self):
        return random.randint(0, 4)

    def getRandomContext(self, C):
        center = self.words[random.randint(0, 4)]
        return center, [self.words[random.randint(0, 4)] for _ in range(2 * C)]


def check_sigmoid():
    """The values of the assignment, a gradient check, and that nothing overflows."""
    x = np.array([1.0, 2.0, 3.0])
    expect("sigmoid([1, 2, 3])", sigmoid(x), [0.73105858, 0.88079708, 0.95257413])
    with np.errstate(over="raise", invalid="raise"):
        expect("sigmoid([-1000, 0, 1000])", sigmoid(np.array([-1000.0, 0.0, 1000.0])), [0, 0.5, 1])
    gradcheck_naive(lambda x: (np.sum(sigmoid(x)), sigmoid(x) * (1 - sigmoid(x))), x, "sigmoid")


def check_loss(lossAndGradient):
    """Gradient checks of one loss by v_c and by U, for every outside word."""
    random.seed(31415)
    vectors = np.random.RandomState(9265).randn(6, 3)
    v_c, U = vectors[0], vectors[1:]
    name = lossAndGradient.__name__
    for o in range(len(U)):
        gradcheck_naive(
            lambda v: lossAndGradient(v, o, U, DummyDataset())[:2], v_c, f"{name} by v_c, o = {o}"
        )
        gradcheck_naive(
            lambda U: lossAndGradient(v_c, o, U, DummyDataset())[::2], U, f"{name} by U, o = {o}"
        )


def check_skipgram():
    """Gradient checks of whole minibatches, and the assignment's values."""
    from utils import gradcheck  # of which the 2019 edition has no expected values

    dataset = DummyDataset()
    random.seed(31415)
    np.random.seed(9265)
    dummy_vectors = normalizeRows(np.random.randn(10, 3))
    dummy_tokens = {word: i for i, word in enumerate(dataset.words)}
    has_values = hasattr(gradcheck, "grad_tests_softmax")
    if not has_values:
        print("skipgram: gradient checks only; this utils/gradcheck.py has no expected values")
    for loss in (naiveSoftmaxLossAndGradient, negSamplingLossAndGradient):
        gradcheck_naive(
            lambda vectors: word2vec_sgd_wrapper(skipgram, dummy_tokens, vectors, dataset, 5, loss),
            dummy_vectors,
            f"skipgram with {loss.__name__}",
        )
        if has_values and loss is naiveSoftmaxLossAndGradient:
            gradcheck.grad_tests_softmax(skipgram, dummy_tokens, dummy_vectors, dataset)
        elif has_values:
            gradcheck.grad_tests_negsamp(skipgram, dummy_tokens, dummy_vectors, dataset, loss)


def expect(name, actual, expected):
    """Raise AssertionError unless numbers agree to 8 digits after the point."""
    if not np.allclose(actual, expected, rtol=0, atol=1e-8):
        raise AssertionError(f"{name}: yours is {actual}, expected {expected}")
    print(f"{name}: as expected")


CHECKS = {
    "sigmoid": check_sigmoid,
    "naiveSoftmaxLossAndGradient": lambda: check_loss(naiveSoftmaxLossAndGradient),
    "negSamplingLossAndGradient": lambda: check_loss(negSamplingLossAndGradient),
    "skipgram": check_skipgram,
}


def main():
    """Run the checks named on the command line; exit status 1 if one fails."""
    parser = argparse.ArgumentParser(description="Gradient checks and expected values of word2vec.")
    parser.add_argument(
        "name", nargs="?", default="all", choices=[*CHECKS, "all"], help="what to check (all)"
    )
    name = parser.parse_args().name
    failed = []
    for check in CHECKS if name == "all" else [name]:
        print(f"==== {check} ====")
        try:
            CHECKS[check]()
        except AssertionError as error:
            failed.append(check)
            print(f"FAILED: {error}")
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}")
    print("All checks passed.")


if __name__ == "__main__":
    main()
