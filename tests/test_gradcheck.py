"""The gradient check itself: what it lets pass, what it raises, and what it leaves as it was."""

import contextlib
import random

import numpy as np
import pytest

import word2vec
from utils.gradcheck import (
    GradientCheckError,
    grad_tests_negsamp,
    grad_tests_softmax,
    gradcheck_naive,
)
from utils.utils import normalizeRows


def cubic(x):
    return np.sum(x**3), 3 * x**2


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3), (2, 1, 3), (0,)])
def test_a_right_gradient_passes_and_is_said_to(capsys, shape):
    x = np.array(np.random.RandomState(1).randn(*shape))
    gradcheck_naive(cubic, x, "cubic")
    assert capsys.readouterr().out == "cubic: gradient check passed\n"


def test_a_wrong_entry_is_named_with_both_numbers():
    def wrong(x):
        loss, gradient = cubic(x)
        gradient[1, 2] += 0.5
        return loss, gradient

    x = np.ones((2, 3))
    with pytest.raises(GradientCheckError) as caught:
        gradcheck_naive(wrong, x, "my cubic")
    message = str(caught.value)
    assert message.startswith("my cubic: gradient check failed at index (1, 2): ")
    assert message.endswith("your gradient is 3.5, the numerical one is 3.00000001")


@pytest.mark.parametrize(
    "error, passes",
    [(0.9e-5, True), (1.2e-5, False), (-1.2e-5, False)],
)
@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 1000.0])
def test_the_difference_is_relative_to_what_is_larger_than_1(slope, error, passes):
    def f(x):
        return slope * x[0], np.array([slope + error * max(1, slope)])

    if passes:
        gradcheck_naive(f, np.zeros(1), "line")
    else:
        with pytest.raises(GradientCheckError):
            gradcheck_naive(f, np.zeros(1), "line")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_fails(value):
    with pytest.raises(GradientCheckError, match=f"your gradient is {value}"):
        gradcheck_naive(lambda x: (0.0, np.full(2, value)), np.ones(2), "f")


def test_a_loss_that_is_not_a_number_fails():
    with pytest.raises(GradientCheckError, match="the numerical one is nan"):
        gradcheck_naive(lambda x: (np.nan, np.zeros(2)), np.ones(2), "f")


@pytest.mark.parametrize("gradient", [1.0, np.ones(3), np.ones((2, 2)), np.ones((1, 2))])
def test_a_gradient_of_another_shape_fails(gradient):
    with pytest.raises(GradientCheckError, match=r"x has \(2,\)"):
        gradcheck_naive(lambda x: (np.sum(x), gradient), np.ones(2), "f")


def test_the_error_is_an_assertion_error():
    """So that test runners count it as a failure."""
    assert issubclass(GradientCheckError, AssertionError)


def test_every_evaluation_begins_at_the_same_state_of_random():
    drawn = []

    def f(x):
        drawn.append(random.random())
        return drawn[-1] * np.sum(x), np.full(3, drawn[-1])

    random.seed(12)
    expected = random.random()
    random.seed(12)
    gradcheck_naive(f, np.ones(3), "f")
    assert drawn == [expected] * 7


def test_random_is_left_as_after_one_evaluation():
    """The expected values of the assignment for negative sampling depend on it."""
    random.seed(12)
    random.random()
    expected = random.getstate()
    random.seed(12)
    gradcheck_naive(lambda x: (random.random() * 0 + np.sum(x), np.ones(2)), np.ones(2), "f")
    assert random.getstate() == expected


@pytest.mark.parametrize("factor", [3, 2])
def test_x_holds_its_values_again_whatever_the_outcome(factor):
    x = np.random.RandomState(1).randn(2, 3)
    before = x.copy()
    with contextlib.suppress(GradientCheckError):
        gradcheck_naive(lambda x: (np.sum(x**3), factor * x**2), x, "f")
    np.testing.assert_array_equal(x, before)


def test_x_holds_its_values_again_if_the_function_raises():
    calls = iter([False, False, True])

    def f(x):
        if next(calls):
            raise ZeroDivisionError
        return cubic(x)

    x = np.array([1.5, 2.5])
    with pytest.raises(ZeroDivisionError):
        gradcheck_naive(f, x, "f")
    np.testing.assert_array_equal(x, [1.5, 2.5])


def test_a_function_that_returns_x_itself_as_gradient_is_checked_right():
    gradcheck_naive(lambda x: (np.sum(x**2) / 2, x), np.ones(3), "half the square")


def test_a_number_or_a_list_will_do_as_a_gradient():
    gradcheck_naive(lambda x: (float(x) ** 2, 2 * float(x)), np.array(3.0), "square")
    gradcheck_naive(lambda x: (x[0] * x[1], [x[1], x[0]]), np.array([3.0, 2.0]), "product")


def test_a_result_with_more_than_two_parts_is_not_a_loss_and_a_gradient():
    with pytest.raises(ValueError):
        gradcheck_naive(lambda x: (0.0, x, x), np.ones(2), "f")


# ------------------------------------------------------------------------------------- values
@pytest.fixture
def dummy():
    """Tokens, vectors and data of the assignment's checks, `random` as they have it."""
    random.seed(31415)
    np.random.seed(9265)
    vectors = normalizeRows(np.random.randn(10, 3))
    return {word: i for i, word in enumerate("abcde")}, vectors, word2vec.DummyDataset()


def changed(part, change):
    """A skip-gram of which one of the three results is changed."""

    def skipgram(*arguments):
        results = list(word2vec.skipgram(*arguments))
        results[part] = change(results[part])
        return tuple(results)

    return skipgram


def negative_sampling(skipgram, tokens, vectors, dataset):
    """The values for negative sampling, in the assignment's order."""
    for loss in (word2vec.naiveSoftmaxLossAndGradient, word2vec.negSamplingLossAndGradient):
        gradcheck_naive(
            lambda vectors: word2vec.word2vec_sgd_wrapper(
                word2vec.skipgram, tokens, vectors, dataset, 5, loss
            ),
            vectors,
            "skip-gram",
        )
    grad_tests_negsamp(skipgram, tokens, vectors, dataset, word2vec.negSamplingLossAndGradient)


def test_the_right_skipgram_has_the_expected_values(dummy, capsys):
    grad_tests_softmax(word2vec.skipgram, *dummy)
    negative_sampling(word2vec.skipgram, *dummy)
    assert capsys.readouterr().out.count("expected values met") == 2


WRONG = {
    "half the loss": (changed(0, lambda loss: loss / 2), "loss"),
    "a mean for a sum": (changed(0, lambda loss: loss / 6), "loss"),
    "a loss that is no number": (changed(0, lambda loss: np.nan), "loss"),
    "gradients by the wrong sign": (changed(1, lambda gradient: -gradient), "gradCenterVecs"),
    "a gradient in every row": (
        changed(1, lambda gradient: gradient + gradient.sum(axis=0)),
        "gradCenterVecs",
    ),
    "a gradient of the centre word only": (
        changed(1, lambda gradient: gradient.sum(axis=0)),
        "gradCenterVecs",
    ),
    "a gradient of another shape": (changed(2, lambda gradient: gradient.T), "gradOutsideVectors"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_skipgram_fails_by_its_softmax_values(dummy, mistake):
    skipgram, name = WRONG[mistake]
    with pytest.raises(GradientCheckError, match=f"naive softmax, centre c: {name}"):
        grad_tests_softmax(skipgram, *dummy)


@pytest.mark.parametrize(
    "mistake",
    ["half the loss", "a gradient of the centre word only", "a gradient of another shape"],
)
@pytest.mark.thorough
def test_a_wrong_skipgram_fails_by_its_negative_sampling_values(dummy, mistake):
    skipgram, name = WRONG[mistake]
    with pytest.raises(GradientCheckError, match=f"centre c, outside a b: {name}"):
        negative_sampling(skipgram, *dummy)


def test_wrong_values_are_shown_beside_the_expected_ones(dummy):
    with pytest.raises(GradientCheckError, match=r"5\.58305.*\n?.*expected\n11\.16610900153398"):
        grad_tests_softmax(WRONG["half the loss"][0], *dummy)


def test_negatives_in_another_order_than_the_assignments_fail(dummy):
    random.seed(0)
    with pytest.raises(GradientCheckError, match="negative sampling"):
        grad_tests_negsamp(word2vec.skipgram, *dummy, word2vec.negSamplingLossAndGradient)
