"""Small numerical helpers of the assignment."""

import numpy as np


def softmax(x):
    """Return the softmax of a vector (n,) or of each row of a matrix (m, n), in the shape of x.

    exp(x_i) / sum_j exp(x_j) is the same for x and x - max(x), but the latter cannot overflow. x is
    not modified.
    """
    x = np.asarray(x)
    exponentials = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return exponentials / np.sum(exponentials, axis=-1, keepdims=True)


def normalizeRows(x):
    """Return a matrix (m, n) with its rows scaled to length 1; a row of zeros stays as it is."""
    x = np.asarray(x)
    lengths = np.sqrt(np.sum(x**2, axis=1, keepdims=True))
    return x / np.where(lengths > 0, lengths, 1)
