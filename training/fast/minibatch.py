"""Lay windows out as minibatches: small problems with local row numbers, integers only.

    minibatches = lay_out(sampler.draw(5000), V, batch_size=50)     # 100 of them
    loss, (rows, values) = NegSampling()(wordVectors, minibatches[0])

A minibatch touches about 1,250 of the 39,078 rows of `wordVectors`. It lists these rows once and
then refers to them by local numbers, so that the mathematics works on small arrays.
"""

from typing import NamedTuple

import numpy as np


class Minibatch(NamedTuple):
    """B windows on the R rows of `wordVectors` that they touch.

    The rows of the C centre words come first, then the rows of the target words. Windows with the
    same centre word are adjacent. A pair (c, o) of a window has K + 1 targets, first o and then the
    negatives, and as many scores u^T v_c; there are P pairs and S = P (K + 1) scores.

    `indptr` and `indices` are the pattern of a sparse matrix with an entry for each score, in row c
    and column u. Interpreted as CSR they are this matrix, as CSC its transpose.
    """

    rows: np.ndarray  # (R,) of wordVectors, each once
    n_centers: int  # C
    pair_centers: np.ndarray  # (P,) local row of each pair's centre word
    indptr: np.ndarray  # (B + 1,) where the scores of each centre word begin; from C on, S
    indices: np.ndarray  # (S,) local row of each score's target
    counts: np.ndarray  # (B,) outside words of each window
    n_negatives: int  # K


class Minibatches:
    """Minibatches that were laid out together, which is faster; item i is a `Minibatch`.

    Their integers are stored end to end in as few bits as possible, to be sent between processes.
    """

    def __init__(self, numbers, places, batch_size, n_negatives):
        self._numbers = numbers
        self._places = places  # for each minibatch: where it begins and ends, and its R, C and P
        self._batch_size, self._n_negatives = batch_size, n_negatives

    def __len__(self):
        return len(self._places)

    def __getitem__(self, i):
        begin, end, R, C, P = self._places[i]
        numbers = self._numbers[begin:end].astype(np.intp)
        pairs = R + P
        scores = pairs + P * (1 + self._n_negatives)
        windows = scores + self._batch_size
        return Minibatch(
            numbers[:R],
            C,
            numbers[R:pairs],
            numbers[windows:],
            numbers[pairs:scores],
            numbers[scores:windows],
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
    n_centers = (numbers[:, -1] + 1).tolist()
    pair_centers = np.repeat(numbers.ravel(), windows.counts)

    scores_a_pair = 1 + windows.negatives.shape[1]
    starts = np.zeros((n_batches, batch_size + 1), dtype=np.intp)
    np.cumsum(scores_a_pair * counts, axis=1, out=starts[:, 1:])
    indptr = np.repeat(starts[:, -1:], batch_size + 1, axis=1)
    batch, window = np.nonzero(is_first)
    indptr[batch, numbers[batch, window]] = starts[batch, window]

    # Number the target words of each minibatch, from its number of centre words on.
    targets = np.column_stack((windows.outside, windows.negatives)).astype(np.intp).ravel()
    n_scores = starts[:, -1].tolist()
    most = max(n_scores)
    scratch, counting = np.empty(V, dtype=np.intp), np.arange(batch_size + most)
    parts, places, score, begin = [], [], 0, 0
    for i, (C, S) in enumerate(zip(n_centers, n_scores)):
        words, indices = number_words(targets[score : score + S], C, scratch, counting)
        R, P, pair = C + len(words), S // scores_a_pair, score // scores_a_pair
        first_words = center_words[i][is_first[i]]
        of_pairs = pair_centers[pair : pair + P]
        parts += [first_words, V + words, of_pairs, indices, counts[i], indptr[i]]
        end = begin + R + P + S + 2 * batch_size + 1
        places.append((begin, end, R, C, P))
        score, begin = score + S, end
    few_bits = np.min_scalar_type(max(2 * V, most))
    numbers = np.concatenate(parts, dtype=few_bits, casting="unsafe")
    return Minibatches(numbers, places, batch_size, scores_a_pair - 1)


def number_words(words, first, scratch, counting):
    """Number the distinct words among `words`; returns these, and the number of every word.

    `first` is the first number, `scratch` has an entry for every word of the vocabulary, and
    `counting` counts from 0.
    """
    places = counting[: len(words)]
    scratch[words] = places  # where words are equal, the last place remains
    different = words.take((scratch.take(words) == places).nonzero()[0])
    scratch[different] = counting[first : first + len(different)]
    return different, scratch.take(words)
