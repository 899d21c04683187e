"""Small numerical helpers of the assignment."""

import numpy as np


def softmax(x):
    """Softmax of a vector (n,), or of each row of a matrix (m, n); same shape, x is not modified.

    exp(x_i) / sum_j exp(x_j) is the same for x and x - max(x), and the second cannot overflow.
    """
    x = np.asarray(x)
    exponentials = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return exponentials / np.sum(exponentials, axis=-1, keepdims=True)


def normalizeRows(x):
    """The rows of a matrix (m, n) at length 1; a row of zeros stays as it is."""
    x = np.asarray(x)
    lengths = np.sqrt(np.sum(x**2, axis=1, keepdims=True))
    return x / np.where(lengths > 0, lengths, 1)
