"""word2vec.py and sgd.py, each dropped alone into a student's scaffold of 2019."""

import ast
import shutil
import sys

import numpy as np
import pytest
from conftest import ROOT, run_python

RUN = """
import random
import numpy as np
from utils.treebank import StanfordSentiment
import time

from word2vec import *
from sgd import *

random.seed(314)
dataset = StanfordSentiment()
tokens = dataset.tokens()
nWords = len(tokens)
dimVectors = 4
C = 3

random.seed(31415)
np.random.seed(9265)
startTime = time.time()
wordVectors = np.concatenate(
    ((np.random.rand(nWords, dimVectors) - 0.5) / dimVectors, np.zeros((nWords, dimVectors))),
    axis=0)
wordVectors = sgd(
    lambda vec: word2vec_sgd_wrapper(skipgram, tokens, vec, dataset, C,
                                     negSamplingLossAndGradient),
    wordVectors, 0.3, 40, None, True, PRINT_EVERY=10)
print("training took %d seconds" % (time.time() - startTime))
np.save("result.npy", wordVectors)
"""

TREEBANK = """
import random

class StanfordSentiment:
    def tokens(self):
        return {word: i for i, word in enumerate("abcdefg")}

    def sampleTokenIdx(self):
        return random.randint(0, 6)

    def getRandomContext(self, C=5):
        words = "abcdefg"
        return random.choice(words), [random.choice(words) for _ in range(2 * C)]
"""

GRADCHECK = """
import random
import numpy as np

def gradcheck_naive(f, x, gradientText):
    rndstate = random.getstate()
    random.setstate(rndstate)
    fx, grad = f(x)
    h = 1e-4
    it = np.nditer(x, flags=['multi_index'], op_flags=['readwrite'])
    while not it.finished:
        ix = it.multi_index
        x[ix] += h
        random.setstate(rndstate)
        fxh, _ = f(x)
        x[ix] -= 2 * h
        random.setstate(rndstate)
        fxnh, _ = f(x)
        x[ix] += h
        numgrad = (fxh - fxnh) / 2 / h
        reldiff = abs(numgrad - grad[ix]) / max(1, abs(numgrad), abs(grad[ix]))
        if reldiff > 1e-5:
            print("Gradient check failed for %s." % gradientText)
            return
        it.iternext()
    print("Gradient check passed!. Read the docstring of the `gradcheck_naive` method")
"""

UTILS = """
import numpy as np

def normalizeRows(x):
    N = x.shape[0]
    x /= np.sqrt(np.sum(x**2, axis=1)).reshape((N, 1)) + 1e-30
    return x

def softmax(x):
    tmp = np.max(x)
    x -= tmp
    x = np.exp(x)
    x /= np.sum(x)
    return x
"""

STUDENTS_SGD = """
SAVE_PARAMS_EVERY = 5000

def sgd(f, x0, step, iterations, postprocessing=None, useSaved=False, PRINT_EVERY=10):
    x = x0
    for iter in range(1, iterations + 1):
        loss, grad = f(x)
        x = x - step * grad
    return x
"""

STUDENTS_WORD2VEC = """
import random
import numpy as np

def sigmoid(x):
    return 1 / (1 + np.exp(-x))

def negSamplingLossAndGradient(v, o, U, dataset, K=10):
    words = [o]
    while len(words) < K + 1:
        word = dataset.sampleTokenIdx()
        if word != o:
            words.append(word)
    loss, grad_v, grad_U = 0.0, np.zeros(v.shape), np.zeros(U.shape)
    for i, word in enumerate(words):
        sign = 1 if i == 0 else -1
        s = sigmoid(sign * U[word] @ v)
        loss -= np.log(s)
        grad_v += sign * (s - 1) * U[word]
        grad_U[word] += sign * (s - 1) * v
    return loss, grad_v, grad_U

def skipgram(center, windowSize, outside, word2Ind, V, U, dataset, lossAndGradient):
    loss, grad_V, grad_U = 0.0, np.zeros(V.shape), np.zeros(U.shape)
    for word in outside:
        c = word2Ind[center]
        one = lossAndGradient(V[c], word2Ind[word], U, dataset)
        loss += one[0]
        grad_V[c] += one[1]
        grad_U += one[2]
    return loss, grad_V, grad_U

def word2vec_sgd_wrapper(model, word2Ind, wordVectors, dataset, windowSize, lossAndGradient):
    N = wordVectors.shape[0] // 2
    loss, grad = 0.0, np.zeros(wordVectors.shape)
    for i in range(50):
        size = random.randint(1, windowSize)
        center, context = dataset.getRandomContext(size)
        one = model(center, size, context, word2Ind, wordVectors[:N], wordVectors[N:], dataset,
                    lossAndGradient)
        loss += one[0] / 50
        grad[:N] += one[1] / 50
        grad[N:] += one[2] / 50
    return loss, grad
"""


@pytest.fixture(scope="module")
def scaffold(tmp_path_factory):
    """A function that makes a scaffold with some files of ours, and the student's for the rest."""

    def make(*ours):
        folder = tmp_path_factory.mktemp("scaffold")
        (folder / "utils").mkdir()
        files = {
            "run.py": RUN,
            "sgd.py": STUDENTS_SGD,
            "word2vec.py": STUDENTS_WORD2VEC,
            "utils/__init__.py": "",
            "utils/treebank.py": TREEBANK,
            "utils/gradcheck.py": GRADCHECK,
            "utils/utils.py": UTILS,
        }
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        for name in ours:
            shutil.copy(ROOT / name, folder)
        return folder

    return make


@pytest.fixture(scope="module")
def expected(scaffold):
    """The vectors that the student's own files train."""
    return result_of(scaffold())[1]


def result_of(folder):
    """What the scaffold's run.py prints and returns."""
    result = run_python("run.py", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert "training took" in result.stdout
    return result.stdout, np.load(folder / "result.npy")


def test_a_scaffold_with_our_word2vec_trains_to_the_vectors_it_would_anyway(scaffold, expected):
    _, vectors = result_of(scaffold("word2vec.py"))
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "ours",
    [pytest.param(["sgd.py"], marks=pytest.mark.thorough), ["word2vec.py", "sgd.py"]],
)
def test_a_scaffold_with_our_sgd_does_too_and_goes_on_from_its_save(scaffold, expected, ours):
    folder = scaffold(*ours)
    log, vectors = result_of(folder)
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-12)
    assert [line for line in log.splitlines() if line.startswith("iter 40: ")]
    assert (folder / "saved_params_40.npy").exists()
    log, again = result_of(folder)
    np.testing.assert_array_equal(again, vectors)
    assert "iter 30" not in log


@pytest.mark.thorough
def test_our_word2vec_checks_itself_in_a_scaffold_without_the_later_checks(scaffold):
    result = run_python("word2vec.py", cwd=scaffold("word2vec.py"))
    assert (result.returncode, result.stderr) == (0, "")
    assert "Gradient check failed" not in result.stdout
    assert "has no expected values" in result.stdout
    assert result.stdout.splitlines()[-1] == "All checks passed."


def test_our_sgd_checks_itself_in_a_scaffold(scaffold):
    result = run_python("sgd.py", cwd=scaffold("sgd.py"))
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    "name, of_the_scaffold",
    [
        ("sgd.py", set()),
        (
            "word2vec.py",
            {"utils.gradcheck.gradcheck_naive", "utils.utils.normalizeRows", "utils.utils.softmax"},
        ),
    ],
)
def test_at_the_top_only_what_every_scaffold_has_is_imported(name, of_the_scaffold):
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    allowed = set(sys.stdlib_module_names) | {"numpy", "scipy"}
    for node in tree.body:
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            assert node.module.split(".")[0] in allowed or names <= of_the_scaffold
