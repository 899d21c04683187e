"""The gradient check: what passes, what it raises and leaves behind; the expected values."""

import contextlib
import itertools
import random

import numpy as np
import pytest

import word2vec
from utils.gradcheck import (
    GradientCheckError,
    check_close,
    grad_tests_negsamp,
    grad_tests_softmax,
    gradcheck_naive,
)
from utils.utils import normalizeRows


def cubic(x):
    return np.sum(x**3), 3 * x**2


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3), (2, 1, 3), (0,)])
def test_a_right_gradient_passes_in_one_line(capsys, shape):
    gradcheck_naive(cubic, np.array(np.random.RandomState(1).randn(*shape)), "cubic")
    assert capsys.readouterr().out == "cubic: gradient check passed\n"


def test_a_wrong_entry_is_named_with_both_numbers():
    def wrong(x):
        loss, gradient = cubic(x)
        gradient[1, 2] += 0.5
        return loss, gradient

    with pytest.raises(
        GradientCheckError, match=r"(?s)my cubic.*\(1, 2\).* 3\.5,.* 3\.0000.*your loss"
    ):
        gradcheck_naive(wrong, np.ones((2, 3)), "my cubic")


@pytest.mark.parametrize(
    "factor, said",
    [
        (-1, "-1 times.*sign"),
        (10, " 10 times.*mean"),
        (1 / 50, " 1/50 of.*mean"),
        (np.log(10), "2.3026 times.*log10"),
        (np.log(2), "1/1.4427 of.*log2"),
        (0.7, "1/1.4286 of that everywhere"),
        (0, "zero everywhere"),
        (np.array([1, 2, 3]), "at index"),
        (np.array([1, np.nan, 1]), "at index"),
    ],
)
def test_a_constant_ratio_of_the_two_gradients_is_named(factor, said):
    with pytest.raises(GradientCheckError, match=said) as caught:
        gradcheck_naive(lambda x: (np.sum(x**3), factor * 3 * x**2), np.array([0.5, 2, -3]), "f")
    assert ("Yours is" in str(caught.value)) == np.isscalar(factor)


@pytest.mark.parametrize("error, passes", [(0.9e-5, True), (1.2e-5, False), (-1.2e-5, False)])
@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 1000.0])
def test_the_difference_is_relative_to_gradients_larger_than_1(slope, error, passes):
    raises = contextlib.nullcontext() if passes else pytest.raises(GradientCheckError)
    with raises:
        gradcheck_naive(
            lambda x: (slope * x[0], np.array([slope + error * max(1, slope)])), np.zeros(1), "line"
        )


@pytest.mark.parametrize("loss, gradient", [(np.nan, 0), (0, np.nan), (0, np.inf), (0, -np.inf)])
def test_a_loss_or_gradient_that_is_not_finite_fails(loss, gradient):
    with pytest.raises(GradientCheckError, match="nan|inf"):
        gradcheck_naive(lambda x: (loss, np.full(2, gradient)), np.ones(2), "f")


@pytest.mark.parametrize("gradient", [1.0, np.ones(3), np.ones((2, 2)), np.ones((1, 2))])
def test_a_gradient_of_another_shape_fails(gradient):
    with pytest.raises(AssertionError, match=r"f: .* has shape \(.*; it should be \(2,\)"):
        gradcheck_naive(lambda x: (np.sum(x), gradient), np.ones(2), "f")


def test_every_evaluation_draws_from_the_same_state_of_random_and_leaves_it_as_one_call_does():
    """The expected values of the assignment for negative sampling depend on it."""
    drawn = []

    def f(x):
        drawn.append(random.random())
        return drawn[-1] * np.sum(x), np.full(3, drawn[-1])

    random.seed(12)
    expected, state = random.random(), random.getstate()
    random.seed(12)
    gradcheck_naive(f, np.ones(3), "f")
    assert drawn == [expected] * 7
    assert random.getstate() == state


@pytest.mark.parametrize("fails_at", [None, 1, 2, 3])
@pytest.mark.parametrize("factor", [3, 2])
def test_x_holds_its_values_again_whatever_happens(factor, fails_at):
    calls = itertools.count()

    def f(x):
        if next(calls) == fails_at:
            raise ZeroDivisionError
        return np.sum(x**3), factor * x**2

    x = np.random.RandomState(1).randn(2, 3)
    before = x.copy()
    with contextlib.suppress(GradientCheckError, ZeroDivisionError):
        gradcheck_naive(f, x, "f")
    np.testing.assert_array_equal(x, before)


def test_a_gradient_may_be_x_itself_a_number_or_a_list():
    gradcheck_naive(lambda x: (np.sum(x**2) / 2, x), np.ones(3), "half the square")
    gradcheck_naive(lambda x: (float(x) ** 2, 2 * float(x)), np.array(3.0), "square")
    gradcheck_naive(lambda x: (x[0] * x[1], [x[1], x[0]]), np.array([3.0, 2.0]), "product")


# ------------------------------------------------------------------------------------- values
def test_matrices_begin_on_lines_of_their_own_so_that_their_rows_are_aligned():
    wide = np.arange(1, 41).reshape(2, 20) / 2
    rows = r"(?s)\n\[\[ 0.5 .*\n \[10.5 .*\n\[\[10.5 .*\n \[20.5"
    with pytest.raises(GradientCheckError, match=rows):
        check_close("wide", wide, wide + 10)


@pytest.fixture
def dummy():
    """Tokens, vectors and data of the assignment's checks, with `random` in their state."""
    random.seed(31415)
    np.random.seed(9265)
    vectors = normalizeRows(np.random.randn(10, 3))
    return {word: i for i, word in enumerate("abcde")}, vectors, word2vec.DummyDataset()


def draw_as_the_gradient_checks_do(tokens, vectors, dataset):
    """Put `random` into the state that the values for negative sampling are given for."""
    for loss in (word2vec.naiveSoftmaxLossAndGradient, word2vec.negSamplingLossAndGradient):
        word2vec.word2vec_sgd_wrapper(word2vec.skipgram, tokens, vectors, dataset, 5, loss)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda J, V, U: (J / 2, V, U), r"loss.*5\.58305.*11\.16610900153398.*1/2"),
        (lambda J, V, U: (np.nan, V, U), "loss.*nan"),
        (lambda J, V, U: (J, -V, U), "gradCenterVecs.*-1 times"),
        (lambda J, V, U: (J, V + V.sum(axis=0), U), "gradCenterVecs"),
        (lambda J, V, U: (J, V, U.T), r"gradOutsideVectors.*\(3, 5\).*\(5, 3\)"),
    ],
)
def test_the_values_alone_find_a_wrong_skipgram(dummy, change, said):
    with pytest.raises(GradientCheckError, match=f"(?s){said}"):
        grad_tests_softmax(lambda *arguments: change(*word2vec.skipgram(*arguments)), *dummy)


def test_the_values_for_negative_sampling_depend_on_the_draws(dummy):
    draw_as_the_gradient_checks_do(*dummy)
    state = random.getstate()
    grad_tests_negsamp(word2vec.skipgram, *dummy, word2vec.negSamplingLossAndGradient)
    random.setstate(state)
    random.random()
    with pytest.raises(GradientCheckError, match="negative sampling.* 16.15119285363322"):
        grad_tests_negsamp(word2vec.skipgram, *dummy, word2vec.negSamplingLossAndGradient)
