"""Gradient checks by central differences; a failed check raises `GradientCheckError`.

    from utils.gradcheck import gradcheck_naive
    gradcheck_naive(lambda x: (np.sum(x**2), 2 * x), np.array([1.0, 2.0]), "square")

`grad_tests_softmax` and `grad_tests_negsamp` compare a skip-gram with the values the assignment
gives. They are of its later editions.
"""

import random

import numpy as np

H = 1e-4  # half the distance of the two points of a central difference
TOLERANCE = 1e-5  # of |numerical - analytic| / max(1, |numerical|, |analytic|)

# (centre, outside words, loss, gradient of the centre vector) with the naive softmax
SOFTMAX_VALUES = (
    ("c", "a b e d b c", 11.16610900153398, (-1.26947339, -1.36873189, 2.45158957)),
    ("b", "a b e d b c", 9.87714910003414, (-0.14586705, -1.34158321, -0.29291951)),
    ("a", "a b e d b c", 10.810758628593335, (-1.1790274, -1.35861865, 1.53590492)),
)
# (centre, outside words, loss) with negative sampling, in the order that the negatives are drawn
NEGATIVE_SAMPLING_VALUES = (
    ("c", "a b", 16.15119285363322),
    ("c", "a b c a", 28.653567707668795),
    ("a", "a b e d b c", 60.648705494891914),
)


class GradientCheckError(AssertionError):
    """A value or gradient that is not what it should be; the message shows where, and both."""


def gradcheck_naive(f, x, gradientText):
    """Check the gradient of f at x entry by entry.

    Parameters
    ----------
    f : callable
        Takes an array like x, returns the loss and its gradient, of the shape of x. It may draw
        from `random`: every evaluation here begins at the same state of it.
    x : ndarray of float
        The point to check at. It holds its values again when this returns or raises.
    gradientText : str
        What is checked, for the message.

    Raises
    ------
    GradientCheckError
        At the first entry where the two differ by more than 1e-5, relatively.
    """
    state = random.getstate()
    _, gradient = f(x)
    if np.shape(gradient) != np.shape(x):
        raise GradientCheckError(
            f"{gradientText}: the gradient has shape {np.shape(gradient)}, x has {np.shape(x)}"
        )
    gradient = np.array(gradient)  # f may hand out x itself, which is about to change
    for index in np.ndindex(x.shape):
        numerical = central_difference(f, x, index, state)
        analytic = gradient[index]
        scale = max(1, abs(numerical), abs(analytic))
        with np.errstate(invalid="ignore"):
            difference = abs(numerical - analytic) / scale
        if not difference <= TOLERANCE:  # put so that NaN fails, which infinities lead to as well
            raise GradientCheckError(
                f"{gradientText}: gradient check failed at index {index}: "
                f"your gradient is {analytic:.10g}, the numerical one is {numerical:.10g}"
            )
    print(f"{gradientText}: gradient check passed")


def central_difference(f, x, index, state):
    """(f(x + H e) - f(x - H e)) / 2H, e the unit vector at index; both draw from `state` on."""
    value = x[index]
    try:
        x[index] = value + H
        random.setstate(state)
        above = f(x)[0]
        x[index] = value - H
        random.setstate(state)
        below = f(x)[0]
    finally:
        x[index] = value
    return (above - below) / (2 * H)


def grad_tests_softmax(skipgram, dummy_tokens, dummy_vectors, dataset):
    """Compare `skipgram` with the assignment's values for the naive softmax, window size 3."""
    for center, outside, expected_loss, expected_gradient in SOFTMAX_VALUES:
        name = f"skipgram, naive softmax, centre {center}"
        loss, center_gradient, outside_gradient = skipgram(
            center, 3, outside.split(), dummy_tokens, dummy_vectors[:5], dummy_vectors[5:], dataset
        )
        expected = np.zeros((5, 3))
        expected[dummy_tokens[center]] = expected_gradient
        check_close(f"{name}: loss", loss, expected_loss, 1e-9)
        check_close(f"{name}: gradCenterVecs", center_gradient, expected, 1e-7)
        check_shape(f"{name}: gradOutsideVectors", outside_gradient, (5, 3))
    print("skipgram, naive softmax: expected values met")


def grad_tests_negsamp(skipgram, dummy_tokens, dummy_vectors, dataset, negSamplingLossAndGradient):
    """Compare `skipgram` with the assignment's values for negative sampling.

    They depend on the state of `random`, which is to be that after the gradient check.
    """
    for center, outside, expected_loss in NEGATIVE_SAMPLING_VALUES:
        name = f"skipgram, negative sampling, centre {center}, outside {outside}"
        loss, center_gradient, outside_gradient = skipgram(
            center,
            len(outside.split()),
            outside.split(),
            dummy_tokens,
            dummy_vectors[:5],
            dummy_vectors[5:],
            dataset,
            negSamplingLossAndGradient,
        )
        check_close(f"{name}: loss", loss, expected_loss, 1e-9)
        check_shape(f"{name}: gradCenterVecs", center_gradient, (5, 3))
        check_shape(f"{name}: gradOutsideVectors", outside_gradient, (5, 3))
    print("skipgram, negative sampling: expected values met")


def check_close(name, actual, expected, tolerance):
    """Raise `GradientCheckError` unless two numbers or arrays agree to an absolute tolerance."""
    check_shape(name, actual, np.shape(expected))
    if not np.all(np.abs(np.subtract(actual, expected)) <= tolerance):
        raise GradientCheckError(f"{name}: yours is\n{actual}\nexpected\n{expected}")


def check_shape(name, actual, expected):
    """Raise `GradientCheckError` unless an array has the expected shape."""
    if np.shape(actual) != expected:
        raise GradientCheckError(f"{name}: yours has shape {np.shape(actual)}, expected {expected}")
