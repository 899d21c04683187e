"""Gradient checks by central differences, and the assignment's expected values.

    from utils.gradcheck import gradcheck_naive
    gradcheck_naive(lambda x: (np.sum(x**2), 2 * x), np.array([1.0, 2.0]), "square")

A check that fails raises `GradientCheckError`. `gradcheck_naive` is in all editions of the
assignment, `grad_tests_softmax` and `grad_tests_negsamp` in later ones; the rest is for
`python word2vec.py`.
"""

import ast
import contextlib
import copy
import functools
import inspect
import io
import math
import random
import sys
from pathlib import Path

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
# Outside word and loss, for the vectors of `check_loss` in word2vec.py
NAIVE_SOFTMAX_LOSSES = ((0, 5.266035475343321), (4, 0.5698834813856748))
OUTSIDE_WORD = 2
DRAWN = (2, 4, 4, 1, 2, 4, 0, 3, 1, 0, 4, 1, 3)  # what the dataset draws: repeats, and 2 again
# (optional arguments, what they mean, number of words drawn, loss)
NEGATIVE_SAMPLING_LOSSES = (
    ({}, "K = 10, the default", 12, 17.322316804115264),
    ({"K": 4}, "K = 4", 6, 9.87094629960833),
)
MOST_DRAWS = 1000  # after more than this, it would never end

PAIR = {"loss": None, "gradCenterVec": 0, "gradOutsideVecs": 2}
RESULTS = {  # function -> its results, each with the position of the argument of the same shape
    "sigmoid": {"result": 0},
    "naiveSoftmaxLossAndGradient": PAIR,
    "negSamplingLossAndGradient": PAIR,
    "skipgram": {"loss": None, "gradCenterVecs": 4, "gradOutsideVectors": 5},
}
RESTS_ON = {  # function -> the functions that it calls
    "negSamplingLossAndGradient": ["sigmoid"],
    "skipgram": ["sigmoid", "naiveSoftmaxLossAndGradient", "negSamplingLossAndGradient"],
}
# Ratio of two results -> the mistake that may cause it
RATIOS = {
    -1: "is a sign the wrong way round?",
    math.log(10): "is it np.log10 where it should be np.log?",
    1 / math.log(2): "is it np.log2 where it should be np.log?",
}


class GradientCheckError(AssertionError):
    """A value or gradient is wrong; the message shows where, with the actual and expected value."""


# ------------------------------------------------------------------------------- gradient checks
def gradcheck_naive(f, x, gradientText):
    """Check the gradient of f at x entry by entry.

    Parameters
    ----------
    f : callable
        Takes an array like x, returns the loss and its gradient, in the shape of x. It may draw
        from `random`: every evaluation here begins at the same state of it.
    x : ndarray of float
        The point to check at. It has its old values again when this returns or raises.
    gradientText : str
        A name for the gradient, used in messages.

    Raises
    ------
    GradientCheckError
        If an entry of the two gradients differs by more than 1e-5, relatively.
    """
    state = random.getstate()
    _, gradient = f(x)
    check_shape(f"{gradientText}: the gradient", gradient, np.shape(x))
    gradient = np.array(gradient)  # f may return x itself, which is about to change
    numerical = np.empty(np.shape(x))
    for index in np.ndindex(x.shape):
        numerical[index] = central_difference(f, x, index, state)
    scale = np.maximum(1, np.maximum(np.abs(numerical), np.abs(gradient)))
    with np.errstate(invalid="ignore"):
        agrees = np.abs(numerical - gradient) / scale <= TOLERANCE  # False where either is NaN
    if not np.all(agrees):
        index = tuple(np.argwhere(~agrees)[0].tolist())
        raise GradientCheckError(
            f"{gradientText}: at index {index} your gradient is {gradient[index]:.10g}, but the "
            f"numerical one is {numerical[index]:.10g}.{name_ratio(gradient, numerical)}\n"
            "The numerical one is computed from your loss: if that is right, the gradient is wrong"
        )
    print(f"{gradientText}: gradient check passed")


def central_difference(f, x, index, state):
    """Return (f(x + H e) - f(x - H e)) / 2H, e the unit vector at index; both draw from `state`."""
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


def name_ratio(actual, expected):
    """Return a sentence on the ratio of two arrays if it is the same for all entries, else ""."""
    actual, expected = np.ravel(actual), np.ravel(expected)
    if np.all(np.abs(actual) < 1e-6):
        return " Yours is zero everywhere."
    largest = np.argmax(np.abs(expected))
    with np.errstate(all="ignore"):
        ratio = actual[largest] / expected[largest]
        if not np.allclose(actual, ratio * expected, rtol=1e-4, atol=1e-6):  # nor does NaN
            return ""
    factor = ratio if abs(ratio) > 0.9999 else 1 / ratio
    meaning = next((RATIOS[r] for r in RATIOS if math.isclose(factor, r, rel_tol=1e-4)), "")
    if not meaning and math.isclose(factor, round(factor), rel_tol=1e-4):
        meaning = "is there a factor too many, or a mean for a sum?"
    if not meaning and len(expected) == 1:
        return ""  # any two numbers have a ratio
    times = f"{factor:.5g} times" if factor == ratio else f"1/{factor:.5g} of"
    where = " everywhere" if len(expected) > 1 else ""
    return f" Yours is {times} that{where}{': ' if meaning else '.'}{meaning}"


# ------------------------------------------------------------------------------- expected values
def sigmoid_tests(sigmoid):
    """Compare `sigmoid` with the assignment's values, others in a matrix, and far from 0."""
    values = (0.73105858, 0.88079708, 0.95257413)
    check_close("sigmoid([1, 2, 3])", sigmoid(np.array([1.0, 2.0, 3.0])), values)
    values = ((0.26894142, 0.11920292), (0.5, 0.99330715))
    matrix = np.array([[-1.0, -2.0], [0.0, 5.0]])
    check_close("sigmoid([[-1, -2], [0, 5]])", sigmoid(matrix), values)
    print("sigmoid: expected values met")
    try:
        with np.errstate(over="raise", invalid="raise"):
            far_out = sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    except ArithmeticError as error:
        print(f"remark: sigmoid([-1000, 0, 1000]): {error} (this costs no points)")
    else:
        check_close("sigmoid([-1000, 0, 1000])", far_out, (0, 0.5, 1))


def loss_tests_softmax(lossAndGradient, v_c, U):
    """Compare the naive-softmax loss with expected values, at v_c and U of `check_loss`."""
    for o, expected in NAIVE_SOFTMAX_LOSSES:
        check_close(f"loss (outside word {o})", lossAndGradient(v_c, o, U, None)[0], expected)
    print("loss: expected values met")


def loss_tests_negsamp(lossAndGradient, v_c, U):
    """Compare the negative-sampling loss with expected values, for known negatives.

    Before that, check how many it draws, and whether a word drawn three times counts three times.
    """
    o = OUTSIDE_WORD
    for options, K, n_draws, _ in NEGATIVE_SAMPLING_LOSSES:
        dataset = Draws(DRAWN)
        lossAndGradient(v_c, o, U, dataset, **options)
        if dataset.n_draws != n_draws:
            raise GradientCheckError(
                f"{K}: it draws {dataset.n_draws} words from the dataset, not {n_draws}: "
                "does it call getNegativeSamples(outsideWordIdx, dataset, K)?"
            )
    once, thrice = (lossAndGradient(v_c, o, U, Draws([4]), K=K)[2][4] for K in (1, 3))
    if np.any(once) and np.allclose(thrice, once):
        raise GradientCheckError(
            "gradOutsideVecs: a word that is drawn three times counts three times; here it counts "
            "once. (grad[indices] += values adds only one of the values of a repeated index.)"
        )
    for options, K, _, expected in NEGATIVE_SAMPLING_LOSSES:
        loss = lossAndGradient(v_c, o, U, Draws(DRAWN), **options)[0]
        check_close(f"loss ({K}; some words are drawn repeatedly)", loss, expected)
    print("loss and draws: expected values met")


class Draws:
    """A dataset whose negative samples are known: it draws these words again and again."""

    def __init__(self, words):
        self._words = words
        self.n_draws = 0

    def sampleTokenIdx(self):
        if self.n_draws == MOST_DRAWS:
            raise GradientCheckError(
                f"it draws more than {MOST_DRAWS} words: does it refuse to draw a word twice?"
            )
        self.n_draws += 1
        return self._words[(self.n_draws - 1) % len(self._words)]


def grad_tests_softmax(skipgram, dummy_tokens, dummy_vectors, dataset):
    """Compare `skipgram` with the assignment's values for the naive softmax, window size 3."""
    skipgram = checked(skipgram, "skipgram")
    more = dummy_tokens, dummy_vectors[:5], dummy_vectors[5:], dataset
    for center, words, expected_loss, expected_gradient in SOFTMAX_VALUES:
        name = f"skipgram, naive softmax, centre {center}, outside {words}"
        words = words.split()
        loss, gradCenterVecs, _ = skipgram(center, 3, words, *more)
        if loss and loss == skipgram(center, 3, words[:1], *more)[0]:
            raise GradientCheckError(
                f"{name}: only the first word counts: is `return` in the loop?"
            )
        expected = np.zeros((5, 3))
        expected[dummy_tokens[center]] = expected_gradient
        check_close(f"{name}: loss", loss, expected_loss)
        check_close(f"{name}: gradCenterVecs", gradCenterVecs, expected)
    print("skipgram with the naive softmax: expected values met")


def grad_tests_negsamp(skipgram, dummy_tokens, dummy_vectors, dataset, negSamplingLossAndGradient):
    """Compare `skipgram` with the assignment's values for negative sampling.

    They depend on the state of `random`, which must be the one after the gradient checks.
    """
    skipgram = checked(skipgram, "skipgram")
    more = dummy_tokens, dummy_vectors[:5], dummy_vectors[5:], dataset
    for center, words, expected in NEGATIVE_SAMPLING_VALUES:
        name = f"skipgram, negative sampling, centre {center}, outside {words}"
        words = words.split()
        loss, _, _ = skipgram(center, len(words), words, *more, negSamplingLossAndGradient)
        if loss == skipgram(center, len(words), words, *more)[0]:
            raise GradientCheckError(
                f"{name}: the loss is the naive softmax's: does it call word2vecLossAndGradient?"
            )
        check_close(f"{name}: loss", loss, expected)
    print("skipgram with negative sampling: expected values met")


def check_close(name, actual, expected):
    """Raise `GradientCheckError` unless numbers or arrays agree to 7 decimals."""
    check_shape(name, actual, np.shape(expected))
    if not np.allclose(actual, expected, rtol=0, atol=1e-7):
        space, comma = ("\n", "\n") if np.ndim(expected) else (" ", ", ")
        with np.printoptions(precision=10):
            values = (
                f"yours is{space}{np.asarray(actual)}{comma}expected{space}{np.asarray(expected)}"
            )
        raise GradientCheckError(f"{name}: {values}.{name_ratio(actual, expected)}")


def check_shape(name, actual, expected):
    """Raise `GradientCheckError` unless an array has the expected shape."""
    if np.shape(actual) != expected:
        raise GradientCheckError(
            f"{name} has shape {np.shape(actual)}; it should be {expected or 'a number'}"
        )


def checked(function, name):
    """Return a function of the assignment that raises `GradientCheckError` if a call goes wrong.

    A call goes wrong if it modifies an argument or returns results of the wrong shapes.
    """

    @functools.wraps(function)
    def call(*arguments, **options):
        before = [copy.copy(argument) for argument in arguments]
        result = function(*arguments, **options)
        for i, (now, then) in enumerate(zip(arguments, before)):
            if isinstance(now, (np.ndarray, list)) and not np.array_equal(now, then):
                argument = [*inspect.signature(function).parameters][i]
                raise GradientCheckError(f"the argument {argument} was modified: work on a copy")
        check_results(result, RESULTS[name], arguments)
        return result

    return call


def check_results(result, expected, arguments):
    """Raise `GradientCheckError` unless a function has returned results of the right shapes."""
    if result is None:
        raise GradientCheckError("it returns nothing: is the line with `return` missing?")
    results = [result] if len(expected) == 1 else result
    if not isinstance(results, (tuple, list)) or len(results) != len(expected):
        raise GradientCheckError(f"it should return {len(expected)} results: {', '.join(expected)}")
    for name, value in zip(expected, results):
        like = expected[name]
        check_shape(name, value, () if like is None else np.shape(arguments[like]))


# ------------------------------------------------------------------------------- running them
def run_checks(checks, names):
    """Run checks of a word2vec.py and print the result of each; exit status 1 unless all pass.

    `checks` has, by the name of a function, the function and the check to call with it.
    """
    from common.stopping import run_command  # a scaffold does not have this module

    run_command("word2vec.py", lambda: report(checks, names))


def report(checks, names):
    """Print the results of these functions' checks; SystemExit names those that did not pass."""
    failed, unwritten = [], {}
    for name in names:
        print(f"==== {name} ====")
        calls = RESTS_ON.get(name, [])
        missing = [other for other in (*calls, name) if is_stub(checks[other][0])]
        unwritten |= dict.fromkeys(missing)
        if name in missing:
            print("not written yet")
        elif missing:
            print(f"needs {missing[0]}, which is not written yet")
        elif fault := fault_of(name, checks):
            failed.append(name)
            print(f"FAILED: {fault}")
            with contextlib.redirect_stdout(io.StringIO()):
                first = [other for other in calls if fault_of(other, checks)]
            if first:
                print(f"{first[0]} fails its own check: look there first.")
    ends = [("Failed", failed), ("Not written yet", unwritten)]
    if failed or unwritten:
        sys.exit(
            "\n".join(f"{end}: {', '.join(functions)}" for end, functions in ends if functions)
        )
    print("All checks passed.")


def is_stub(function):
    """Return whether a function is not written yet: its body is empty or only raises an error."""
    try:
        definition = ast.parse(inspect.getsource(function)).body[0]
    except (OSError, TypeError, SyntaxError):  # a compiled function, or a lambda in a statement
        return False
    return isinstance(definition, ast.FunctionDef) and all(
        isinstance(statement, (ast.Pass, ast.Raise))
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for statement in definition.body
    )


def fault_of(name, checks):
    """Return what is wrong with a function according to its check; "" if it passes."""
    function, check = checks[name]
    try:
        check(checked(function, name))
    except GradientCheckError as error:
        return str(error)
    except (Exception, SystemExit) as error:
        from common.faults import describe  # a scaffold does not have it, either

        return describe(error, Path(check.__code__.co_filename).name)
    return ""
