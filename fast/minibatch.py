"""Minibatches laid out."""

from typing import NamedTuple

import numpy as np

BATCH_SIZE = 50  # windows in a minibatch


def split_windows(centers, counts, outside, negatives=None, batch_size=BATCH_SIZE):
    """The `(centers, counts, outside)` of each `batch_size` windows, a list."""
    bounds = np.concatenate(([0], np.cumsum(counts)))[::batch_size]
    batches = [slice(i * batch_size, (i + 1) * batch_size) for i in range(len(bounds) - 1)]
    return [
        (centers[batch], counts[batch], outside[begin:end])
        for batch, begin, end in zip(batches, bounds, bounds[1:])
    ]


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
    indices = interleave((local_targets, score_bounds), (score_centers.take(scores), score_bounds))
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
