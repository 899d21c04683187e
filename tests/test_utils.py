"""softmax and normalizeRows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import special

from utils.utils import normalizeRows, softmax

MATRICES = arrays(float, array_shapes(min_dims=2, max_dims=2), elements=st.floats(-50, 50))
VECTORS = arrays(float, array_shapes(max_dims=1), elements=st.floats(-50, 50))


@given(VECTORS | MATRICES, st.floats(-1000, 1000))
def test_softmax_is_scipys_of_a_vector_or_each_row_and_is_not_changed_by_a_shift(x, shift):
    before = x.copy()
    np.testing.assert_allclose(softmax(x), special.softmax(x, axis=-1), rtol=1e-12)
    np.testing.assert_allclose(softmax(x + shift), softmax(x), atol=1e-12)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    "x, expected",
    [
        ([1, 2], [0.26894142, 0.73105858]),
        ([1001, 1002], [0.26894142, 0.73105858]),
        ([[3, 4], [-1001, -1002]], [[0.26894142, 0.73105858], [0.73105858, 0.26894142]]),
        ([-1000, 0, 1000], [0, 0, 1]),
        ([7], [1]),
    ],
)
def test_softmax_never_overflows_and_takes_lists(x, expected):
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        np.testing.assert_allclose(softmax(x), expected, atol=1e-8)


@given(MATRICES)
def test_normalized_rows_have_length_1_and_their_direction(x):
    before = x.copy()
    rows = normalizeRows(x)
    np.testing.assert_array_equal(x, before)
    lengths = np.linalg.norm(x, axis=1)
    regular = lengths > 1e-100
    np.testing.assert_allclose(np.linalg.norm(rows[regular], axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(rows[regular] * lengths[regular, None], x[regular], atol=1e-12)


def test_a_row_of_zeros_stays_as_it_is():
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(normalizeRows([[0, 0], [0, -5]]), [[0, 0], [0, -1]])
