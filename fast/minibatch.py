"""Minibatches laid out: drawn windows as small problems of their own, integers only.

    minibatches = lay_out(sampler.draw(5000), V, batch_size=50)     # 100 of them
    loss, (rows, values) = NegSampling()(wordVectors, minibatches[0])

A minibatch touches some 1,250 of the 39,078 rows of `wordVectors`. It names these once and calls
them by local numbers from there on, so that the mathematics (`fast.vectorised`, or anybody's
word2vec.py by `fast.textbook`) has small arrays to work on.
"""

from typing import NamedTuple

import numpy as np


class Minibatch(NamedTuple):
    """B windows on the R rows of `wordVectors` that they touch.

    The rows of the C centre words come first, then those of the target words. Windows of one centre
    word stand side by side. A pair (c, o) of a window has K + 1 targets, o first and then the
    negatives, and as many scores u^T v_c; there are P pairs and S = P (K + 1) scores.

    `indptr` and `indices` are the pattern of a sparse matrix with an entry for each score, in row c
    and column u. Read as rows (CSR) they give the matrix, read as columns (CSC) its transpose.
    """

    rows: np.ndarray  # (R,) of wordVectors, each once
    n_centers: int  # C
    centers: np.ndarray  # (P,) local row of each pair's centre word
    indptr: np.ndarray  # (B + 1,) where the scores of each centre word begin; from C on, S
    indices: np.ndarray  # (S,) local row of each score's target
    counts: np.ndarray  # (B,) outside words of each window
    n_negatives: int  # K


class Minibatches:
    """Minibatches laid out together, faster than one by one; item i is a `Minibatch`.

    The integers are kept in as few bits as they take, for the way from one process to another.
    """

    def __init__(self, fields, n_centers, row_bounds, pair_bounds, n_negatives):
        self._rows, self._centers, self._indptr, self._indices, self._counts = fields
        self._n_centers, self._n_negatives = n_centers.tolist(), n_negatives
        self._row_bounds, self._pair_bounds = row_bounds.tolist(), pair_bounds.tolist()

    def __len__(self):
        return len(self._n_centers)

    def __getitem__(self, i):
        rows = slice(self._row_bounds[i], self._row_bounds[i + 1])
        pair, pair_end = self._pair_bounds[i], self._pair_bounds[i + 1]
        scores = slice(pair * (1 + self._n_negatives), pair_end * (1 + self._n_negatives))
        return Minibatch(
            self._rows[rows].astype(np.intp),
            self._n_centers[i],
            self._centers[pair:pair_end].astype(np.intp),
            self._indptr[i].astype(np.intp),
            self._indices[scores].astype(np.intp),
            self._counts[i].astype(np.intp),
            self._n_negatives,
        )


def lay_out(windows, V, batch_size):
    """Lay out `Windows` of a vocabulary of V words as `Minibatches` of `batch_size` each."""
    n_batches = len(windows.centers) // batch_size
    shape = n_batches, batch_size
    by_center = np.argsort(windows.centers.reshape(shape), axis=1, kind="stable")
    first_windows = np.arange(0, n_batches * batch_size, batch_size)[:, np.newaxis]
    windows = windows.take((by_center + first_windows).ravel())
    center_words, counts = windows.centers.reshape(shape), windows.counts.reshape(shape)

    # Number the centre words of each minibatch.
    is_first = np.ones(shape, dtype=bool)
    np.not_equal(center_words[:, 1:], center_words[:, :-1], out=is_first[:, 1:])
    numbers = np.cumsum(is_first, axis=1) - 1
    n_centers = numbers[:, -1] + 1

    scores_a_pair = 1 + windows.negatives.shape[1]
    starts = np.zeros((n_batches, batch_size + 1), dtype=np.intp)
    np.cumsum(scores_a_pair * counts, axis=1, out=starts[:, 1:])
    indptr = np.repeat(starts[:, -1:], batch_size + 1, axis=1)
    batch, window = np.nonzero(is_first)
    indptr[batch, numbers[batch, window]] = starts[batch, window]
    pair_bounds = np.concatenate(([0], np.cumsum(counts.sum(axis=1))))

    # Number the target words of each minibatch, from its number of centre words on.
    targets = np.column_stack((windows.outside, windows.negatives)).astype(np.intp).ravel()
    score_bounds = (scores_a_pair * pair_bounds).tolist()
    scratch = np.empty(V, dtype=np.intp)
    rows, indices = [], []
    for i, (begin, end) in enumerate(zip(score_bounds, score_bounds[1:])):
        words, numbers_of_all = number_words(targets[begin:end], n_centers[i], scratch)
        rows += [center_words[i][is_first[i]], V + words]
        indices.append(numbers_of_all)
    row_bounds = np.concatenate(([0], np.cumsum([len(part) for part in rows])))[::2]

    fields = (
        np.concatenate(rows),
        np.repeat(numbers.ravel(), windows.counts),
        indptr,
        np.concatenate(indices),
        counts,
    )
    return Minibatches(
        [in_few_bits(field) for field in fields],
        n_centers,
        row_bounds,
        pair_bounds,
        scores_a_pair - 1,
    )


def number_words(words, first, scratch):
    """Number the different ones among some words: these, and the number of each of all.

    `first` is the first number; `scratch` has an entry for every word of the vocabulary.
    """
    places = np.arange(len(words))
    scratch[words] = places  # of equal words the last place stays
    different = words.take(np.flatnonzero(scratch.take(words) == places))
    scratch[different] = np.arange(first, first + len(different))
    return different, scratch.take(words)


def in_few_bits(numbers):
    """An array of numbers from 0 on, in the smallest unsigned integers that hold them."""
    return numbers.astype(np.min_scalar_type(numbers.max()))
