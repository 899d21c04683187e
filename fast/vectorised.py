"""The mathematics of a whole minibatch."""

import numpy as np
from scipy.sparse import csr_array

from fast.minibatch import lay_out


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
