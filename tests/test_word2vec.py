"""The functions of the assignment against independent formulas, and what their checks say."""

import math
import os
import random
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, run_python
from scipy import special

import word2vec
from utils.gradcheck import fault_of
from word2vec import (
    CHECKS,
    getNegativeSamples,
    naiveSoftmaxLossAndGradient,
    negSamplingLossAndGradient,
    sigmoid,
    skipgram,
    word2vec_sgd_wrapper,
)

LOSSES = [naiveSoftmaxLossAndGradient, negSamplingLossAndGradient]
SHAPES = [(2, 1), (3, 5), (7, 3), (30, 10)]  # V, D
INDEX = dict(a=0, b=1, c=2, d=3)


class Draws:
    """A dataset whose next negative samples are known."""

    def __init__(self, *words):
        self.words = iter(words)

    def sampleTokenIdx(self):
        return next(self.words)


class Noise:
    """A dataset with V words, all equally likely."""

    def __init__(self, V):
        self.V = V

    def sampleTokenIdx(self):
        return random.randint(0, self.V - 1)


def random_problem(seed, V, D):
    """Return v_c, o and U^T."""
    rng = np.random.RandomState(seed)
    return rng.randn(D), rng.randint(V), rng.randn(V, D)


# ------------------------------------------------------------------------------------- sigmoid
@pytest.mark.parametrize("shape", [(), (1,), (5,), (0,), (4, 3), (2, 3, 4)])
def test_sigmoid_is_expit_keeps_the_shape_and_leaves_its_argument(shape):
    x = np.random.RandomState(1).randn(*shape) * 10
    before = np.copy(x)
    assert np.shape(sigmoid(x)) == shape and isinstance(sigmoid(3), np.floating)
    np.testing.assert_allclose(sigmoid(x), special.expit(x), rtol=1e-14)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("given, returned", ["dd", "ff", "ld"])
def test_sigmoid_keeps_the_precision_of_floats_takes_integers_and_never_overflows(given, returned):
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        result = sigmoid(np.array([-1000, 0, 1000], given))
        assert (sigmoid(-np.inf), sigmoid(np.inf)) == (0, 1)
    assert result.dtype == np.dtype(returned)
    np.testing.assert_array_equal(result, [0, 0.5, 1])


# ------------------------------------------------------------------------------------- losses
@pytest.mark.parametrize("V, D", SHAPES)
def test_naive_softmax_is_minus_log_softmax(V, D):
    v_c, o, U = random_problem(V, V, D)
    loss, by_v, by_U = naiveSoftmaxLossAndGradient(v_c, o, U, Draws())  # which has nothing to draw
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
def test_a_loss_returns_a_number_and_two_arrays_and_leaves_its_arguments(lossAndGradient):
    v_c, o, U = random_problem(0, 7, 3)
    before = v_c.copy(), U.copy()
    loss, *gradients = lossAndGradient(v_c, o, U, Noise(7))
    assert np.ndim(loss) == 0
    for gradient, argument, copy in zip(gradients, (v_c, U), before):
        assert gradient.shape == copy.shape and gradient.dtype == np.float64
        np.testing.assert_array_equal(argument, copy)


@pytest.mark.parametrize("lossAndGradient", LOSSES)
@pytest.mark.parametrize("score", [-1000.0, -745.2, 0.0, 710.0, 1000.0])
def test_losses_are_finite_and_right_at_large_scores(lossAndGradient, score):
    U = np.array([[score], [0.0], [-score]])
    K, expected = {}, special.logsumexp([score, 0, -score]) - score
    if lossAndGradient is negSamplingLossAndGradient:
        K, expected = {"K": 3}, 2 * np.logaddexp(0, -score) + 2 * np.log(2)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        loss, by_v, by_U = lossAndGradient(np.array([1.0]), 0, U, Draws(1, 2, 1), **K)
    assert loss == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert np.all(np.isfinite(by_v)) and np.all(np.isfinite(by_U))


@pytest.mark.parametrize("K, drawn", [(0, 0), (1, 2), (4, 7)])
def test_negatives_come_in_the_order_drawn_without_the_outside_word(K, drawn):
    words = [4, 1, 4, 4, 2, 2, 0, 4]
    dataset = Draws(*words)
    assert getNegativeSamples(4, dataset, K) == [1, 2, 2, 0][:K]
    assert list(dataset.words) == words[drawn:]  # so not one draw too many


# ------------------------------------------------------------------------------------- skip-gram
@pytest.mark.parametrize("lossAndGradient", LOSSES)
@pytest.mark.parametrize("outside", ["", "a", "cadab"])
def test_skipgram_sums_over_the_outside_words_and_leaves_the_vectors(lossAndGradient, outside):
    V, U = np.random.RandomState(3).randn(2, 4, 3)
    before = V.copy(), U.copy()
    random.seed(8)
    loss, by_V, by_U = skipgram("b", 5, list(outside), INDEX, V, U, Noise(4), lossAndGradient)
    np.testing.assert_array_equal((V, U), before)
    random.seed(8)
    pairs = [lossAndGradient(V[1], INDEX[word], U, Noise(4)) for word in outside]
    expected_by_V = np.zeros((4, 3))
    expected_by_V[1] = sum(pair[1] for pair in pairs)
    assert loss == pytest.approx(sum(pair[0] for pair in pairs), rel=1e-13)
    np.testing.assert_allclose(by_V, expected_by_V, atol=1e-13)
    np.testing.assert_allclose(by_U, sum((p[2] for p in pairs), np.zeros((4, 3))), atol=1e-13)


@pytest.mark.parametrize("loss", [[], LOSSES[:1], LOSSES[1:]])
def test_the_wrapper_is_the_mean_of_fifty_windows(loss, tiny_corpus):
    corpus = tiny_corpus(1)
    index, sizes = corpus.tokens(), []
    vectors = np.random.RandomState(2).randn(2 * len(index), 3)
    V, U = np.split(vectors, 2)

    def model(center, C, *more):
        sizes.append(C)
        return skipgram(center, C, *more)

    random.seed(4)
    mean, gradient = word2vec_sgd_wrapper(model, index, vectors, corpus, 5, *loss)
    end = random.getstate()

    corpus = tiny_corpus(1)  # its subsample is drawn again
    random.seed(4)
    windows = []
    for size in sizes:
        C = random.randint(1, 5)
        center, outside = corpus.getRandomContext(C)
        windows.append(skipgram(center, C, outside, index, V, U, corpus, *loss))
        assert size == C
    assert random.getstate() == end and len(sizes) == 50
    assert mean == pytest.approx(np.mean([window[0] for window in windows]), rel=1e-13)
    expected = [np.mean([window[part] for window in windows], axis=0) for part in (1, 2)]
    np.testing.assert_allclose(gradient, np.concatenate(expected), atol=1e-13)


# ------------------------------------------------------------------------------------- checks
def changed(function):
    """Return a function that takes a change of the results and returns the changed function."""
    return lambda change: lambda *arguments, **K: change(*function(*arguments, **K))


naive, negative, window = map(changed, (*LOSSES, skipgram))


def each_negative_once(v_c, o, U, dataset, K=10):
    words = set(getNegativeSamples(o, dataset, K))
    return negSamplingLossAndGradient(v_c, o, U, Draws(*words), len(words))


def distinct_negatives(v_c, o, U, dataset, K=10):
    words = set()
    while len(words) < K:
        words |= set(getNegativeSamples(o, dataset, 1))
    return negSamplingLossAndGradient(v_c, o, U, Draws(*words), K)


def with_a_negated_argument(x):
    x *= -1
    return sigmoid(-x)


def with_sorted_words(center, size, outside, *more):
    outside.sort()
    return skipgram(center, size, outside, *more)


WRONG = {  # function -> wrong versions of it, and what is said of each
    "sigmoid": [
        (lambda x: sigmoid(-x), "0.26894.*expected.*0.731"),
        (lambda x: 1 / (1 + math.exp(-x)), "TypeError"),
        (lambda x: sys.exit(3), "sys.exit"),
        (lambda x: None, "returns nothing"),
        (lambda x: sigmoid(x)[None], r"shape \(1, 3\).*\(3,\)"),
        (with_a_negated_argument, "argument x"),
    ],
    "naiveSoftmaxLossAndGradient": [
        (naive(lambda J, v, U: (J, -v, U)), "v_c.*2.54.*-1 times.*sign.*your loss"),
        (naive(lambda J, v, U: (J, v, 2 * U)), "U.* 2 times.*your loss"),
        (naive(lambda J, v, U: (J, v, 0 * U)), "U.* zero everywhere"),
        (naive(lambda J, v, U: (J / np.log(10), v, U)), r"2.287.*5.266.*log10"),
        (naive(lambda J, v, U: (np.exp(-J), v, U)), r"0.00516.*expected [\d.]*\.$"),
        (naive(lambda J, v, U: (J, v[None], U)), r"gradCenterVec .*\(1, 3\).*\(3,\)"),
        (naive(lambda J, v, U: ([J], v, U)), r"loss .*\(1,\).*a number"),
        (naive(lambda J, v, U: (J, U, v)), r"gradCenterVec .*\(5, 3\).*\(3,\)"),
        (naive(lambda J, v, U: (J, v)), "3 results"),
    ],
    "negSamplingLossAndGradient": [
        (negative(lambda J, v, U: (J / 10, v, U)), "1.73.*17.32.*1/10"),
        (negative(lambda J, v, U: (J, v, -U)), "U.*-1 times"),
        (negative(lambda J, v, U: (J, v, 0 * U)), "U.* zero everywhere"),
        (each_negative_once, "three times"),
        (distinct_negatives, "1000"),
        (lambda *a, K=10: negSamplingLossAndGradient(*a[:3], Noise(5), K), " 0 .*12: .*getNeg"),
        (lambda *a, K=10: negSamplingLossAndGradient(*a, K=5), " 7 .*12: .*getNeg"),
        (lambda *a, K=5: negSamplingLossAndGradient(*a, K=K), " 7 .*12: .*getNeg"),
        (lambda *a, K=10: negSamplingLossAndGradient(*a), "K = 4: .*12.* 6: .*getNeg"),
    ],
    "skipgram": [
        (window(lambda J, V, U: (J / 6, V / 6, U / 6)), r"naive.*11.166.*1/6"),
        (window(lambda J, V, U: (J, V[::-1], U)), r"naive.* at index"),
        (window(lambda J, V, U: (J, V.sum(axis=0), U)), r"gradCenterVecs .*\(3,\).*\(5, 3\)"),
        (lambda c, n, outside, *more: skipgram(c, n, outside[:1], *more), "naive.*return"),
        (lambda *arguments: skipgram(*arguments[:7]), "negative.*word2vecLossAndGradient"),
        (with_sorted_words, "argument outside"),
    ],
}


@pytest.mark.parametrize(
    "name, number",
    [
        pytest.param(name, i, marks=[pytest.mark.thorough] * (name == "skipgram"))
        for name in WRONG
        for i in range(len(WRONG[name]))
    ],
)
def test_the_check_of_a_function_names_its_mistake(name, number):
    function, said = WRONG[name][number]
    fault = fault_of(name, {name: (function, CHECKS[name][1])})
    assert re.search(said, fault, re.DOTALL), fault


def test_the_handouts_sigmoid_passes_with_a_remark(capsys):
    check = CHECKS["sigmoid"][1]
    assert fault_of("sigmoid", {"sigmoid": (lambda x: 1 / (1 + np.exp(-x)), check)}) == ""
    assert "overflow" in capsys.readouterr().out
    assert fault_of("sigmoid", CHECKS) == ""
    assert "overflow" not in capsys.readouterr().out


# ------------------------------------------------------------------------------------- command
@pytest.mark.thorough
@pytest.mark.parametrize("names", [[], ["sigmoid"]])
def test_the_command_checks_what_it_is_told_and_passes(names):
    result = run_python("word2vec.py", *names)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert [line.strip("= ") for line in lines if line.startswith("==")] == (names or [*CHECKS])
    assert lines[-1] == "All checks passed."


@pytest.fixture
def command(monkeypatch, call_main):
    """Runs `python word2vec.py` in this process with one of its functions replaced: a `Result`."""

    def call(name, function, *arguments):
        monkeypatch.setattr(word2vec, name, function)
        monkeypatch.setitem(CHECKS, name, (function, CHECKS[name][1]))
        monkeypatch.setattr(sys, "argv", ["word2vec.py", *arguments])
        return call_main(lambda _: word2vec.main())

    return call


def test_an_exception_is_one_line_and_the_next_function_is_checked(command):
    written, code = {"np": np}, "def mine(*arguments):\n    return np.lgo(2)\n"
    exec(compile(code, word2vec.__file__, "exec"), written)
    result = command("naiveSoftmaxLossAndGradient", written["mine"])
    assert result.returncode == 1
    assert result.err == "Failed: naiveSoftmaxLossAndGradient, skipgram\n"
    (first, second) = [line for line in result.out.splitlines() if line.startswith("FAILED")]
    assert re.match("FAILED: word2vec.py, line 2, in mine: AttributeError: .*lgo", first)
    assert first == second
    assert result.out.count("with respect to U") == 5  # of the negative sampling


@pytest.mark.thorough
def test_skipgram_is_not_blamed_for_the_loss_that_it_calls(command):
    wrong = negative(lambda J, v, U: (J, v, -U))
    result = command("negSamplingLossAndGradient", wrong, "skipgram")
    assert (result.returncode, result.err) == (1, "Failed: skipgram\n")
    passed, failure = result.out.split("FAILED")
    assert "naive" in passed and "naive" not in failure
    assert "negSamplingLossAndGradient fails its own check" in failure


@pytest.mark.skipif(os.name != "posix", reason="Windows has neither")
@pytest.mark.parametrize("name, status", [("/dev/full", 1), ("a closed pipe", 141)])
def test_output_that_goes_nowhere_ends_the_command_without_a_traceback(name, status):
    if name == "/dev/full":
        writing = os.open(name, os.O_WRONLY)
    else:
        reading, writing = os.pipe()
        os.close(reading)
    done = subprocess.run(
        [sys.executable, "word2vec.py", "sigmoid"], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert done.returncode == status and done.stderr.count(b"\n") == (status == 1), done.stderr
