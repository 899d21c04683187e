"""The functions of the assignment against independent formulas, and its command line."""

import itertools
import os
import random
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, edit, run_python
from scipy import special

import word2vec
from word2vec import (
    getNegativeSamples,
    naiveSoftmaxLossAndGradient,
    negSamplingLossAndGradient,
    sigmoid,
    skipgram,
    word2vec_sgd_wrapper,
)

LOSSES = [naiveSoftmaxLossAndGradient, negSamplingLossAndGradient]
SHAPES = [(2, 1), (3, 5), (7, 3), (30, 10)]  # V, D


class Draws:
    """A dataset of which the next noise words are known."""

    def __init__(self, *words):
        self.words = iter(words)

    def sampleTokenIdx(self):
        return next(self.words)


class Noise:
    """A dataset with V words, all alike."""

    def __init__(self, V):
        self.V = V

    def sampleTokenIdx(self):
        return random.randint(0, self.V - 1)


def random_problem(seed, V, D):
    """v_c, o and U^T."""
    rng = np.random.RandomState(seed)
    return rng.randn(D), rng.randint(V), rng.randn(V, D)


def gradient_by_differences(f, x, h=1e-6):
    """Central differences of a function of an array, entry by entry."""
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        gradient[index] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient


# ------------------------------------------------------------------------------------- sigmoid
@pytest.mark.parametrize("shape", [(), (1,), (5,), (0,), (4, 3), (2, 3, 4)])
def test_sigmoid_is_expit_and_keeps_the_shape(shape):
    x = np.random.RandomState(1).randn(*shape) * 10
    assert np.shape(sigmoid(x)) == shape
    np.testing.assert_allclose(sigmoid(x), special.expit(x), rtol=1e-14)


@pytest.mark.parametrize("x", [0, 3, -2.5, np.float64(1.5), np.int64(-4)])
def test_sigmoid_of_a_number_is_a_number(x):
    assert np.ndim(sigmoid(x)) == 0
    assert isinstance(sigmoid(x), np.floating)
    assert sigmoid(x) == pytest.approx(special.expit(float(x)), rel=1e-14)


@pytest.mark.parametrize(
    "given, returned",
    [(np.float64, np.float64), (np.float32, np.float32), (np.int64, np.float64)],
)
def test_sigmoid_keeps_the_precision_of_floats_and_takes_integers(given, returned):
    x = np.array([-3, 0, 2], dtype=given)
    assert sigmoid(x).dtype == returned
    np.testing.assert_allclose(sigmoid(x), special.expit(x.astype(float)), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_sigmoid_overflows_nowhere(dtype):
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        np.testing.assert_array_equal(sigmoid(np.array([-1000, 0, 1000], dtype)), [0, 0.5, 1])
        assert sigmoid(-1000.0) == 0
        assert sigmoid(1000.0) == 1
        np.testing.assert_array_equal(sigmoid(np.array([-np.inf, np.inf])), [0, 1])


def test_sigmoid_is_exact_far_out():
    assert sigmoid(-700.0) == pytest.approx(np.exp(-700.0), rel=1e-12)


def test_sigmoid_of_the_handout():
    assert sigmoid(np.array([1, 2, 3])) == pytest.approx([0.73105858, 0.88079708, 0.95257413])


def test_sigmoid_leaves_its_argument():
    x = np.array([-1.0, 0.0, 2.0])
    sigmoid(x)
    np.testing.assert_array_equal(x, [-1, 0, 2])


# ------------------------------------------------------------------------------------- losses
@pytest.mark.parametrize("V, D", SHAPES)
def test_naive_softmax_is_minus_log_softmax(V, D):
    v_c, o, U = random_problem(V, V, D)
    loss, by_v, by_U = naiveSoftmaxLossAndGradient(v_c, o, U, None)
    assert loss == pytest.approx(-special.log_softmax(U @ v_c)[o], rel=1e-12)
    delta = special.softmax(U @ v_c) - np.eye(len(U))[o]
    np.testing.assert_allclose(by_v, sum(d * u for d, u in zip(delta, U)), atol=1e-12)
    np.testing.assert_allclose(by_U, [d * v_c for d in delta], atol=1e-12)


@pytest.mark.parametrize("V, D", SHAPES)
def test_negative_sampling_is_minus_log_sigmoids(V, D):
    v_c, o, U = random_problem(V, V, D)
    negatives = [w for w in np.random.RandomState(V).randint(V, size=40) if w != o][:10]
    loss, by_v, by_U = negSamplingLossAndGradient(v_c, o, U, Draws(*negatives), K=len(negatives))
    expected = -special.log_expit(U[o] @ v_c)
    expected_by_v = -special.expit(-U[o] @ v_c) * U[o]
    expected_by_U = np.zeros_like(U)
    expected_by_U[o] = -special.expit(-U[o] @ v_c) * v_c
    for k in negatives:
        expected -= special.log_expit(-U[k] @ v_c)
        expected_by_v += special.expit(U[k] @ v_c) * U[k]
        expected_by_U[k] += special.expit(U[k] @ v_c) * v_c
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(by_v, expected_by_v, atol=1e-12)
    np.testing.assert_allclose(by_U, expected_by_U, atol=1e-12)


@pytest.mark.parametrize("lossAndGradient", LOSSES)
@pytest.mark.parametrize("V, D", SHAPES)
def test_gradients_are_those_of_the_loss(lossAndGradient, V, D):
    v_c, o, U = random_problem(V, V, D)

    def loss(v_c, U):
        random.seed(V)
        return lossAndGradient(v_c, o, U, Noise(len(U)))[0]

    random.seed(V)
    _, by_v, by_U = lossAndGradient(v_c, o, U, Noise(len(U)))
    expected_by_v = gradient_by_differences(lambda v: loss(v, U), v_c)
    expected_by_U = gradient_by_differences(lambda U: loss(v_c, U), U)
    np.testing.assert_allclose(by_v, expected_by_v, atol=1e-7)
    np.testing.assert_allclose(by_U, expected_by_U, atol=1e-7)


@pytest.mark.parametrize("lossAndGradient", LOSSES)
@pytest.mark.parametrize("shape", SHAPES)
def test_losses_return_a_number_and_two_arrays_like_their_arguments(lossAndGradient, shape):
    v_c, o, U = random_problem(0, *shape)
    loss, by_v, by_U = lossAndGradient(v_c, o, U, Noise(len(U)))
    assert np.ndim(loss) == 0
    assert by_v.shape == v_c.shape
    assert by_U.shape == U.shape
    assert by_v.dtype == by_U.dtype == np.float64


@pytest.mark.parametrize("lossAndGradient", LOSSES)
def test_losses_leave_their_arguments(lossAndGradient):
    v_c, o, U = random_problem(0, 7, 3)
    v_before, U_before = v_c.copy(), U.copy()
    lossAndGradient(v_c, o, U, Noise(7))
    np.testing.assert_array_equal(v_c, v_before)
    np.testing.assert_array_equal(U, U_before)


@pytest.mark.parametrize("lossAndGradient", LOSSES)
@pytest.mark.parametrize("score", [-1000.0, -745.2, 0.0, 710.0, 1000.0])
def test_losses_are_finite_and_right_at_large_scores(lossAndGradient, score):
    U = np.array([[score], [0.0], [-score]])
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        loss, by_v, by_U = lossAndGradient(
            np.array([1.0]),
            0,
            U,
            Draws(1, 2, 1),
            **({"K": 3} if lossAndGradient is negSamplingLossAndGradient else {}),
        )
    if lossAndGradient is negSamplingLossAndGradient:
        expected = 2 * np.logaddexp(0, -score) + 2 * np.log(2)
    else:
        expected = special.logsumexp([score, 0, -score]) - score
    assert loss == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert np.all(np.isfinite(by_v)) and np.all(np.isfinite(by_U))


def test_a_negative_drawn_three_times_counts_three_times():
    v_c, _, U = random_problem(5, 4, 3)
    once = negSamplingLossAndGradient(v_c, 0, U, Draws(2), K=1)
    thrice = negSamplingLossAndGradient(v_c, 0, U, Draws(2, 2, 2), K=3)
    none = negSamplingLossAndGradient(v_c, 0, U, Draws(), K=0)
    for one, three, zero in zip(once, thrice, none):
        np.testing.assert_allclose(three - zero, 3 * (one - zero), atol=1e-12)


def test_negative_sampling_draws_ten_by_default():
    v_c, o, U = random_problem(5, 4, 3)
    dataset = Draws(*[(o + 1) % 4] * 11)
    negSamplingLossAndGradient(v_c, o, U, dataset)
    assert len(list(dataset.words)) == 1


def test_naive_softmax_draws_nothing():
    v_c, o, U = random_problem(5, 4, 3)
    naiveSoftmaxLossAndGradient(v_c, o, U, Draws())


# ------------------------------------------------------------------------------------- negatives
@pytest.mark.parametrize("K", [0, 1, 10, 200])
def test_negatives_are_K_ints_and_never_the_outside_word(K):
    random.seed(K)
    for word in range(3):
        samples = getNegativeSamples(word, Noise(3), K)
        assert isinstance(samples, list)
        assert len(samples) == K
        assert set(samples) <= {0, 1, 2} - {word}


def test_negatives_come_in_the_order_drawn_without_the_outside_word():
    dataset = Draws(4, 1, 4, 4, 2, 2, 0, 4)
    assert getNegativeSamples(4, dataset, 4) == [1, 2, 2, 0]
    assert list(dataset.words) == [4]  # and no draw more than it takes


# ------------------------------------------------------------------------------------- skip-gram
@pytest.mark.parametrize("lossAndGradient", LOSSES)
@pytest.mark.parametrize("outside", [[], ["a"], ["c", "a", "d", "a", "b"]])
def test_skipgram_sums_over_the_outside_words(lossAndGradient, outside):
    rng = np.random.RandomState(3)
    V, U = rng.randn(4, 3), rng.randn(4, 3)
    index = dict(a=0, b=1, c=2, d=3)
    random.seed(8)
    loss, by_V, by_U = skipgram("b", 5, outside, index, V, U, Noise(4), lossAndGradient)
    random.seed(8)
    pairs = [lossAndGradient(V[1], index[word], U, Noise(4)) for word in outside]
    expected_by_V = np.zeros((4, 3))
    expected_by_V[1] = sum(pair[1] for pair in pairs)
    assert loss == pytest.approx(sum(pair[0] for pair in pairs), rel=1e-13)
    np.testing.assert_allclose(by_V, expected_by_V, atol=1e-13)
    np.testing.assert_allclose(by_U, sum((p[2] for p in pairs), np.zeros((4, 3))), atol=1e-13)


def test_skipgram_takes_the_naive_softmax_unless_told_otherwise():
    v, u = np.random.RandomState(3).randn(2, 4, 3)
    index = dict(a=0, b=1, c=2, d=3)
    by_default = skipgram("b", 5, ["a", "c"], index, v, u, None)
    explicit = skipgram("b", 5, ["a", "c"], index, v, u, None, naiveSoftmaxLossAndGradient)
    assert by_default[0] == explicit[0]


def test_skipgram_leaves_the_vectors():
    v, u = np.random.RandomState(3).randn(2, 4, 3)
    before = v.copy(), u.copy()
    skipgram("b", 2, ["a"], dict(a=0, b=1), v, u, Noise(2), negSamplingLossAndGradient)
    np.testing.assert_array_equal((v, u), before)


@pytest.mark.parametrize("lossAndGradient", LOSSES)
def test_wrapper_is_the_mean_of_fifty_windows(lossAndGradient, tiny_corpus):
    corpus = tiny_corpus(1)
    index = corpus.tokens()
    vectors = np.random.RandomState(2).randn(2 * len(index), 3)
    V, U = np.split(vectors, 2)
    random.seed(4)
    loss, gradient = word2vec_sgd_wrapper(skipgram, index, vectors, corpus, 5, lossAndGradient)
    end = random.getstate()

    corpus = tiny_corpus(1)  # whose subsample is drawn anew
    random.seed(4)
    windows = []
    for _ in range(50):
        C = random.randint(1, 5)
        center, outside = corpus.getRandomContext(C)
        windows.append(skipgram(center, C, outside, index, V, U, corpus, lossAndGradient))
    assert random.getstate() == end
    assert loss == pytest.approx(np.mean([window[0] for window in windows]), rel=1e-13)
    expected = [np.mean([window[part] for window in windows], axis=0) for part in (1, 2)]
    np.testing.assert_allclose(gradient, np.concatenate(expected), atol=1e-13)


def test_wrapper_hands_the_model_what_the_assignment_says():
    calls = []

    def model(center, windowSize, outside, word2Ind, V, U, dataset, lossAndGradient):
        calls.append((center, windowSize, outside, lossAndGradient))
        return 1.0, np.full_like(V, 2.0), np.full_like(U, 3.0)

    class Dataset:
        def getRandomContext(self, C):
            return "a", ["b"] * C

    random.seed(1)
    loss, gradient = word2vec_sgd_wrapper(model, {}, np.zeros((6, 2)), Dataset(), 4)
    assert loss == pytest.approx(1.0)
    np.testing.assert_allclose(gradient, [[2, 2]] * 3 + [[3, 3]] * 3)
    assert len(calls) == 50
    assert {C for _, C, _, _ in calls} == {1, 2, 3, 4}
    assert all(outside == ["b"] * C for _, C, outside, _ in calls)
    assert calls[0][3] is naiveSoftmaxLossAndGradient


# ------------------------------------------------------------------------------------- command
NAMES = ["sigmoid", "naiveSoftmaxLossAndGradient", "negSamplingLossAndGradient", "skipgram"]


@pytest.mark.parametrize("arguments", [[], *([name] for name in NAMES)])
@pytest.mark.thorough
def test_command_checks_what_it_is_told_and_passes(arguments):
    result = run_python("word2vec.py", *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    checked = [line.strip("= ") for line in result.stdout.splitlines() if line.startswith("==")]
    assert checked == (arguments or NAMES)
    assert result.stdout.splitlines()[-1] == "All checks passed."


def test_command_refuses_another_name_in_one_line():
    result = run_python("word2vec.py", "softmax")
    assert result.returncode == 2
    assert "invalid choice: 'softmax'" in result.stderr.splitlines()[-1]


NUMBER = r"-?\d+\.?\d*(e-?\d+)?"
BREAKS = [  # what is replaced, by what, and what must be said to fail: the check and the place
    (
        "return np.where(np.greater_equal(x, 0), 1.0, e)[()]",
        "return e",
        "sigmoid",
        r"sigmoid\(\[1, 2, 3\]\): yours is \[.*0.26894142.*\], expected \[0.731",
    ),
    (
        "delta[outsideWordIdx] -= 1 ",
        "delta[outsideWordIdx] += 1 ",
        "naiveSoftmaxLossAndGradient",
        rf"by v_c, o = 0.* is {NUMBER}, the numerical one is {NUMBER}",
    ),
    (
        "gradOutsideVecs = np.outer(delta, centerWordVec)",
        "gradOutsideVecs = 0 * outsideVectors",
        "naiveSoftmaxLossAndGradient",
        rf"by U, o = 0.* is 0, the numerical one is {NUMBER}",
    ),
    (
        "np.add.at(gradOutsideVecs, indices, np.outer(delta, centerWordVec))",
        "gradOutsideVecs[indices] += np.outer(delta, centerWordVec)",
        "negSamplingLossAndGradient",
        rf"by U.* is {NUMBER}, the numerical one is {NUMBER}",
    ),
    (
        "if word != outsideWordIdx:",
        "if True:",
        "skipgram",
        r"negative sampling.*: loss: yours is\n\d.*\nexpected\n16.15119285363322",
    ),
    (
        "gradCenterVecs[center] += gradCenterVec",
        "gradCenterVecs[center] = gradCenterVec",
        "skipgram",
        rf"skipgram with naive.* is {NUMBER}, the numerical one is {NUMBER}",
    ),
    (
        "loss += windowLoss / BATCH_SIZE",
        "loss += windowLoss",
        "skipgram",
        rf"skipgram with naive.* is {NUMBER}, the numerical one is {NUMBER}",
    ),
]


@pytest.mark.parametrize("old, new, check, message", BREAKS, ids=[b[0][:30] for b in BREAKS])
def test_command_ends_with_status_1_and_says_which_numbers_differ(
    project, old, new, check, message
):
    edit(project / "word2vec.py", old, new)
    result = run_python("word2vec.py", check, cwd=project)
    assert result.returncode == 1
    assert result.stderr == f"Failed: {check}\n"
    assert "FAILED: " in result.stdout
    assert re.search(message, result.stdout), result.stdout


def test_command_goes_on_after_a_failure_and_names_all(project):
    edit(project / "word2vec.py", "delta[outsideWordIdx] -= 1 ", "delta[outsideWordIdx] += 1 ")
    result = run_python("word2vec.py", cwd=project)
    assert result.returncode == 1
    assert result.stderr == "Failed: naiveSoftmaxLossAndGradient, skipgram\n"
    assert result.stdout.count("\n==== ") == 3


def test_every_check_fails_with_a_traceback_free_message_under_python_O(project):
    edit(project / "word2vec.py", "delta[outsideWordIdx] -= 1 ", "delta[outsideWordIdx] += 1 ")
    result = run_python("-O", "word2vec.py", "skipgram", cwd=project)
    assert (result.returncode, result.stderr) == (1, "Failed: skipgram\n")


def test_expected_values_are_those_of_the_assignment():
    """By formulas of their own: all pairs of the dummy data, from the vectors on."""
    vectors = np.random.RandomState(9265).randn(10, 3)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    V, U = np.split(vectors, 2)
    index = dict(zip("abcde", itertools.count()))
    expected = {
        "c": (11.16610900153398, [-1.26947339, -1.36873189, 2.45158957]),
        "b": (9.87714910003414, [-0.14586705, -1.34158321, -0.29291951]),
        "a": (10.810758628593335, [-1.1790274, -1.35861865, 1.53590492]),
    }
    for center, (expected_loss, expected_gradient) in expected.items():
        loss, by_V, _ = skipgram(center, 3, "a b e d b c".split(), index, V, U, None)
        assert loss == pytest.approx(expected_loss, rel=1e-14)
        np.testing.assert_allclose(by_V[index[center]], expected_gradient, atol=1e-8)
    assert word2vec.BATCH_SIZE == 50


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGPIPE")
@pytest.mark.parametrize("command", [["word2vec.py", "sigmoid"], ["sgd.py"]], ids=" ".join)
def test_a_pipe_that_nobody_reads_ends_a_check_without_a_traceback(command):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-u", *command], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")
