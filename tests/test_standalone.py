"""word2vec.py and sgd.py, each dropped alone into a student's scaffold of 2019."""

import shutil

import numpy as np
import pytest
import solutions
from conftest import ROOT, run_python

RUN = """
import random
import numpy as np
from utils.treebank import StanfordSentiment
from word2vec import *
from sgd import *

random.seed(314)
dataset = StanfordSentiment()
tokens = dataset.tokens()
nWords = len(tokens)
random.seed(31415)
np.random.seed(9265)
wordVectors = np.concatenate(((np.random.rand(nWords, 4) - 0.5) / 4, np.zeros((nWords, 4))), axis=0)
wordVectors = sgd(
    lambda vec: word2vec_sgd_wrapper(skipgram, tokens, vec, dataset, 3, negSamplingLossAndGradient),
    wordVectors, 0.3, 40, None, True, PRINT_EVERY=10)
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
        return random.choice("abcdefg"), [random.choice("abcdefg") for _ in range(2 * C)]
"""

GRADCHECK = """
import random
import numpy as np

def gradcheck_naive(f, x, gradientText):
    rndstate = random.getstate()
    fx, grad = f(x)
    it = np.nditer(x, flags=['multi_index'], op_flags=['readwrite'])
    while not it.finished:
        ix = it.multi_index
        values = []
        for h in (1e-4, -2e-4):
            x[ix] += h
            random.setstate(rndstate)
            values.append(f(x)[0])
        x[ix] += 1e-4
        numgrad = (values[0] - values[1]) / 2e-4
        if abs(numgrad - grad[ix]) / max(1, abs(numgrad), abs(grad[ix])) > 1e-5:
            print("Gradient check failed for %s." % gradientText)
            return
        it.iternext()
    print("Gradient check passed!")
"""

LATER_CHECKS = "grad_tests_softmax = grad_tests_negsamp = lambda *arguments: None\n"

UTILS = """
import numpy as np

def normalizeRows(x):
    x /= np.sqrt(np.sum(x**2, axis=1)).reshape((x.shape[0], 1)) + 1e-30
    return x

def softmax(x):
    x -= np.max(x)
    x = np.exp(x)
    return x / np.sum(x)
"""


@pytest.fixture(scope="module")
def scaffold(tmp_path_factory):
    """A function that makes a scaffold with some files of ours, and a student's for the rest."""

    def make(*ours, gradcheck=GRADCHECK):
        folder = tmp_path_factory.mktemp("scaffold")
        files = {
            "word2vec.py": solutions.solution("loops"),
            "sgd.py": solutions.SGD,
            "run.py": RUN,
            "utils/__init__.py": "",
            "utils/gradcheck.py": gradcheck,
            "utils/treebank.py": TREEBANK,
            "utils/utils.py": UTILS,
        }
        for name, text in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        for name in ours:
            shutil.copy(ROOT / name, folder)
        return folder

    return make


def result_of(folder):
    """Return what the scaffold's run.py prints, and the vectors that it trains."""
    result = run_python("run.py", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout, np.load(folder / "result.npy")


@pytest.fixture(scope="module")
def expected(scaffold):
    """The vectors that the student's own files train."""
    return result_of(scaffold(gradcheck=GRADCHECK + LATER_CHECKS))[1]


@pytest.mark.thorough
@pytest.mark.parametrize("ours", [["word2vec.py"], ["sgd.py"], ["word2vec.py", "sgd.py"]])
def test_a_scaffold_with_files_of_ours_trains_the_same_vectors(scaffold, expected, ours):
    folder = scaffold(*ours, gradcheck=GRADCHECK + LATER_CHECKS)
    log, vectors = result_of(folder)
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-12)
    assert "iter 40: " in log
    if "sgd.py" in ours:  # it has saved a checkpoint, and resumes from that
        log, again = result_of(folder)
        np.testing.assert_array_equal(again, vectors)
        assert "iter 30: " not in log


@pytest.mark.slow
@pytest.mark.parametrize("later, missing", [(LATER_CHECKS, 3), ("", 5)], ids=["2020", "2019"])
def test_our_word2vec_says_which_checks_a_scaffold_does_not_have(scaffold, later, missing):
    result = run_python("word2vec.py", cwd=scaffold("word2vec.py", gradcheck=GRADCHECK + later))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("not checked") == missing
    assert result.stdout.count("Gradient check passed") == 22
    assert "All checks passed" not in result.stdout  # this one goes on after a failure
    assert "check failed" not in result.stdout


def test_our_sgd_checks_itself_in_a_scaffold(scaffold):
    result = run_python("sgd.py", cwd=scaffold("sgd.py"))
    assert (result.returncode, result.stderr) == (0, "")
