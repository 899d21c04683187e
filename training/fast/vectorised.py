"""Compute both losses of the assignment and their gradients, for a whole minibatch at once.

Both functions return what `word2vec.word2vec_sgd_wrapper` returns for the same windows, the means
over the windows of the loss (6) and of its gradient, but only the rows of the gradient that are not
zero. v_c, u_o and u_k are rows of `wordVectors`, whose precision is used. Tags in brackets are
formulas in the handout and in written.md.
"""

import numpy as np
from scipy.sparse import csc_array, csr_array

MAX_SCORE = 80.0  # for larger x, 1 + e^-x is 1, and e^x might overflow in single precision


def naive_softmax(wordVectors, minibatch):
    """Compute what `word2vec_sgd_wrapper` does with `naiveSoftmaxLossAndGradient`.

    The `Minibatch` has no negatives. All pairs of a centre word share one softmax. If there are n
    pairs, and n_w have the outside word w, the sums of (2), (b5) and (c3) over the pairs are

        J = n log sum_w exp(u_w^T v_c) - sum_w n_w u_w^T v_c
        dJ/dv_c = sum_w (n yhat_w - n_w) u_w,  dJ/du_w = (n yhat_w - n_w) v_c

    Returns the mean loss of the windows, and the gradient as `(rows, values)`: the rows (R,) of
    `wordVectors` (2V, D), each once, and their gradients (R, D). Every outside vector has one.
    """
    V = len(wordVectors) // 2
    C, B = minibatch.n_centers, len(minibatch.counts)
    outsideVectors = wordVectors[V:]
    center_rows = minibatch.rows[:C]
    outside = minibatch.rows[minibatch.indices] - V
    v = wordVectors[center_rows]  # (C, D)
    n = np.diff(minibatch.indptr[: C + 1]).astype(v.dtype)

    scores = outsideVectors @ v.T  # (V, C), u_w^T v_c
    scores -= np.max(scores, axis=0)
    log_sums = np.log(np.sum(np.exp(scores), axis=0))
    loss = (n @ log_sums - np.sum(scores[outside, minibatch.pair_centers])) / B  # (2)

    delta = np.exp(scores - log_sums) * (n / B)  # n yhat, see (1a)
    np.subtract.at(delta, (outside, minibatch.pair_centers), 1 / B)  # n yhat - n_w
    gradient = np.concatenate((delta.T @ outsideVectors, delta @ v))  # (b5) and (c3)
    return loss, (np.concatenate((center_rows, np.arange(V, 2 * V))), gradient)


class NegSampling:
    """Computes what `word2vec_sgd_wrapper` does with `negSamplingLossAndGradient`.

    Called with `wordVectors` (2V, D) and a `Minibatch`, it returns the mean loss of the windows and
    the gradient as `(rows, values)`, as `naive_softmax` does. It reuses memory from call to call.
    """

    def __init__(self):
        self._room = 0, 0, None  # memory for how many rows and scores, of which shape and type

    def __call__(self, wordVectors, minibatch):
        rows, C, pair_centers, indptr, indices, counts, K = minibatch
        R, S, B, D = len(rows), len(indices), len(counts), wordVectors.shape[1]
        kind = B, D, K, wordVectors.dtype
        if R > self._room[0] or S > self._room[1] or kind != self._room[2]:
            self._make_room(R + R // 8 + B, S + S // 8, *kind)

        # take, with out and mode="clip", costs a third of indexing.
        v = wordVectors.take(rows[:C], axis=0, out=self._v[:C], mode="clip")
        pair_v = v.take(pair_centers, axis=0, mode="clip")[:, :, np.newaxis]  # (P, D, 1)
        targets = wordVectors.take(rows.take(indices), axis=0, out=self._targets[:S], mode="clip")
        x = (targets.reshape(-1, 1 + K, D) @ pair_v).reshape(S)  # u_k^T v_c with w_0 = o (e10)

        # With x = u_o^T v_c or -u_k^T v_c, (5) is the sum of -log sigmoid(x) = log(1 + e^x) - x.
        x *= self._signs[:S]
        np.minimum(x, MAX_SCORE, out=x)
        e = np.exp(x)
        e += 1
        # sigmoid(u_k^T v_c) - label_k, the factor in (e11) and (e12), is -1 / (1 + e^x) for the
        # outside word and 1 / (1 + e^x) for a negative.
        delta = self._minus_signs[:S] / e
        np.log(e, out=e)
        e -= x
        loss = e.dot(self._ones[:S]) / B  # (5); faster than the sum

        # Both gradients use matrices that are refilled, not made anew; their shapes never change.
        of_centers, of_targets = self._matrices
        of_centers.indptr = of_targets.indptr = indptr
        of_centers.indices, of_targets.indices = self._counting[:S], indices
        of_centers.data = of_targets.data = delta
        gradient = (of_targets @ self._v)[:R]  # (e12), for every u_w; B >= C
        gradient[:C] = (of_centers @ self._targets)[:C]  # (e11), for every v_c
        return loss, (rows, gradient)

    def _make_room(self, R, S, B, D, K, dtype):
        self._room = R, S, (B, D, K, dtype)
        self._v = np.zeros((B, D), dtype=dtype)
        self._targets = np.empty((S, D), dtype=dtype)
        self._signs = np.full(S, -1, dtype=dtype)
        self._signs[:: 1 + K] = 1
        self._minus_signs = -self._signs / B
        self._ones = np.ones(S, dtype=dtype)
        self._counting = np.arange(S)
        # The first has a column for each score, the second a row for each row of the gradient.
        self._matrices = csr_array((B, S), dtype=dtype), csc_array((R, B), dtype=dtype)
