"""The autograder: what it grades, what it tells, and what it survives.

    python -m pytest tests/test_autograder.py

`WORD2VEC` and `SGD` are a submission in the manner of a student's, right in all points; a wrong one
differs from it in one place. Hostile ones are appended to it.
"""

import io
import json
import os
import random
import re
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
GRADER = ROOT / "autograder"
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

if os.name != "posix":
    pytest.skip("needs a POSIX system", allow_module_level=True)

from autograder import archive, exercises, fingerprints, pack, results, run_part  # noqa: E402
from autograder.__main__ import grade  # noqa: E402
from autograder.results import Row  # noqa: E402
from autograder.sandbox import Limits, Sandbox, disk_used, uids_of  # noqa: E402

WORD2VEC = """
import argparse
import numpy as np
import random

from utils.gradcheck import gradcheck_naive, grad_tests_softmax, grad_tests_negsamp
from utils.utils import normalizeRows, softmax


def sigmoid(x):
    s = 1 / (1 + np.exp(-x))
    return s


def naiveSoftmaxLossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset):
    y_hat = softmax(np.dot(outsideVectors, centerWordVec))
    loss = -np.log(y_hat[outsideWordIdx])
    delta = y_hat.copy()
    delta[outsideWordIdx] -= 1
    gradCenterVec = np.dot(outsideVectors.T, delta)
    gradOutsideVecs = np.outer(delta, centerWordVec)
    return loss, gradCenterVec, gradOutsideVecs


def getNegativeSamples(outsideWordIdx, dataset, K):
    negSampleWordIndices = [None] * K
    for k in range(K):
        newidx = dataset.sampleTokenIdx()
        while newidx == outsideWordIdx:
            newidx = dataset.sampleTokenIdx()
        negSampleWordIndices[k] = newidx
    return negSampleWordIndices


def negSamplingLossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset, K=10):
    negSampleWordIndices = getNegativeSamples(outsideWordIdx, dataset, K)
    gradCenterVec = np.zeros(centerWordVec.shape)
    gradOutsideVecs = np.zeros(outsideVectors.shape)
    u_o = outsideVectors[outsideWordIdx]
    p = sigmoid(np.dot(u_o, centerWordVec))
    loss = -np.log(p)
    gradCenterVec += (p - 1) * u_o
    gradOutsideVecs[outsideWordIdx] += (p - 1) * centerWordVec
    for k in negSampleWordIndices:
        u_k = outsideVectors[k]
        q = sigmoid(-np.dot(u_k, centerWordVec))
        loss -= np.log(q)
        gradCenterVec += (1 - q) * u_k
        gradOutsideVecs[k] += (1 - q) * centerWordVec
    return loss, gradCenterVec, gradOutsideVecs


def skipgram(currentCenterWord, windowSize, outsideWords, word2Ind,
             centerWordVectors, outsideVectors, dataset,
             word2vecLossAndGradient=naiveSoftmaxLossAndGradient):
    loss = 0.0
    gradCenterVecs = np.zeros(centerWordVectors.shape)
    gradOutsideVectors = np.zeros(outsideVectors.shape)
    c = word2Ind[currentCenterWord]
    for word in outsideWords:
        o = word2Ind[word]
        l, gc, go = word2vecLossAndGradient(centerWordVectors[c], o, outsideVectors, dataset)
        loss += l
        gradCenterVecs[c] += gc
        gradOutsideVectors += go
    return loss, gradCenterVecs, gradOutsideVectors
"""

SGD = """
import glob
import pickle
import random
import numpy as np
import os.path as op

SAVE_PARAMS_EVERY = 5000


def sgd(f, x0, step, iterations, postprocessing=None, useSaved=False, PRINT_EVERY=10):
    ANNEAL_EVERY = 20000
    x = x0
    if not postprocessing:
        postprocessing = lambda x: x
    exploss = None
    for iter in range(1, iterations + 1):
        loss, grad = f(x)
        x = x - step * grad
        x = postprocessing(x)
        if iter % PRINT_EVERY == 0:
            if not exploss:
                exploss = loss
            else:
                exploss = .95 * exploss + .05 * loss
            print("iter %d: %f" % (iter, exploss))
        if iter % ANNEAL_EVERY == 0:
            step *= 0.5
    return x
"""
CORRECT = {"word2vec.py": WORD2VEC, "sgd.py": SGD}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs another user to switch to")


@pytest.fixture(scope="module")
def sandbox():
    return Sandbox(Limits(seconds=20))


@pytest.fixture(scope="module")
def hasty():
    """A sandbox for submissions that would never end, in a temporary folder of its own."""
    sandbox = Sandbox(Limits(seconds=1.5))
    with tempfile.TemporaryDirectory(dir=sandbox.parent) as folder:
        os.chmod(folder, 0o755)
        sandbox.parent = folder
        yield sandbox


def grade_function(sandbox, name, sources=CORRECT, seed=1):
    """Points and lines of the items of one function, by title; and the remarks."""
    files = {file: source.encode() for file, source in sources.items()}
    for exercise in exercises.make_exercises(seed):
        if exercise.function == name:
            outcome = sandbox.run(files, exercise.module, exercise.function, exercise.calls())
            items, remarks = exercise.grade(outcome)
            return [result.points for _, result in items], all_lines(items), remarks
    raise AssertionError(name)


def all_lines(items):
    return "\n".join(line for _, result in items for line in result.lines)


def edited(file, old, new):
    """The correct submission with one place of one file changed."""
    assert CORRECT[file].count(old) == 1, old
    return {**CORRECT, file: CORRECT[file].replace(old, new)}


FULL = {
    "sigmoid": [1, 1],
    "naiveSoftmaxLossAndGradient": [1, 1, 1],
    "negSamplingLossAndGradient": [1, 1, 1, 1],
    "skipgram": [1, 1, 1],
    "sgd": [2, 1, 1],
}


# ------------------------------------------------------------------------------ right submissions
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("function", FULL)
def test_a_correct_submission_earns_all_points(sandbox, function, seed):
    points, lines, _ = grade_function(sandbox, function, seed=seed)
    assert (points, lines) == (FULL[function], "")


@pytest.mark.parametrize("function", FULL)
def test_our_own_functions_earn_all_points_without_a_remark(sandbox, function):
    ours = {name: (ROOT / name).read_text(encoding="utf-8") for name in CORRECT}
    assert grade_function(sandbox, function, ours) == (FULL[function], "", [])


def test_the_points_are_those_of_the_assignment():
    made = exercises.make_exercises(0)
    points = [(e.part, item.points) for e in made for item in e.items]
    assert sum(p for part, p in points if part == "a") == results.MOST["a"] == 12
    assert sum(p for part, p in points if part == "b") == results.MOST["b"] == 4
    numbers = [item.number for e in made for item in e.items]
    assert len(set(numbers)) == len(numbers)


def test_inputs_are_new_each_time_and_repeatable():
    def inputs(seed):
        return [c.inputs for e in exercises.make_exercises(seed) for c in e.cases]

    assert inputs(5) == inputs(5)
    fixed = sum(a == b for a, b in zip(inputs(5), inputs(6)))
    assert fixed == 3  # the remarks about overflow


@pytest.mark.parametrize("seed", range(20))
def test_every_mistake_shows(seed):
    """Some output that earns points is another one if the mistake is made."""
    for exercise in exercises.make_exercises(seed):
        checks = [check for case in exercise.cases for check in case.checks]
        all_sentences = {sentence for check in checks for sentence in check.mistakes}
        shown = {
            sentence
            for check in checks
            for sentence, wrong in check.mistakes.items()
            if check.item is not None
            and not (
                np.shape(wrong) == np.shape(check.expected)
                and exercises.close(wrong, check.expected, check.tolerance)
            )
        }
        assert shown == all_sentences


VARIATIONS = {
    "own getNegativeSamples lost": ("word2vec.py", "def getNegativeSamples", "def lost"),
    "vectorised": (
        "word2vec.py",
        "    for k in negSampleWordIndices:\n        u_k",
        "    for k in np.array(negSampleWordIndices):\n        u_k",
    ),
    "helper module": ("word2vec.py", "import random\n", "import random, helper\n"),
    "loss is an array of one": (
        "word2vec.py",
        "    loss = -np.log(p)\n",
        "    loss = np.array([-np.log(p)])\n",
    ),
    "prints a lot": (
        "word2vec.py",
        "    loss = -np.log(p)\n",
        "    loss = -np.log(p)\n    print('x' * 3_000_000)\n",
    ),
}


@pytest.mark.parametrize("edit", VARIATIONS.values(), ids=VARIATIONS)
def test_harmless_variations_earn_all_points(sandbox, edit):
    sources = {**edited(*edit), "helper.py": "import math\n"}
    assert grade_function(sandbox, "negSamplingLossAndGradient", sources)[:2] == ([1, 1, 1, 1], "")


# ------------------------------------------------------------------------------ wrong submissions
# What is changed in word2vec.py or sgd.py: function, old, new, points, what the table says of it.
WRONG = {
    "sigmoid of -x": ("sigmoid", "np.exp(-x)", "np.exp(x)", [0, 0], "the exponent must be -x"),
    "sigmoid of a number only": (
        "sigmoid",
        "np.exp(-x)",
        "__import__('math').exp(-x)",
        [0, 1],
        "raises TypeError",
    ),
    "sigmoid is not filled in": (
        "sigmoid",
        "    s = 1 / (1 + np.exp(-x))\n",
        "    pass\n",
        [0, 0],
        "raises NameError",
    ),
    "sigmoid changes x": (
        "sigmoid",
        "    s = 1 / (1 + np.exp(-x))\n",
        "    s = 1 / (1 + np.exp(-x))\n    x *= 1.5\n",
        [0.5, 0.5],
        "x was modified",
    ),
    "loss without minus": (
        "naiveSoftmaxLossAndGradient",
        "loss = -np.log(y_hat",
        "loss = np.log(y_hat",
        [0, 1, 1],
        "the minus sign is missing",
    ),
    "loss without log": (
        "naiveSoftmaxLossAndGradient",
        "loss = -np.log(y_hat[outsideWordIdx])",
        "loss = -y_hat[outsideWordIdx]",
        [0, 1, 1],
        "without the logarithm",
    ),
    "y-hat without y": (
        "naiveSoftmaxLossAndGradient",
        "delta[outsideWordIdx] -= 1",
        "pass",
        [1, 0, 0],
        "y_hat where y_hat - y is needed",
    ),
    "y - y-hat": (
        "naiveSoftmaxLossAndGradient",
        "    gradCenterVec = np.dot(outsideVectors.T, delta)",
        "    delta = -delta\n    gradCenterVec = np.dot(outsideVectors.T, delta)",
        [1, 0, 0],
        "the sign is the other way round",
    ),
    "true word left out of the softmax gradient": (
        "naiveSoftmaxLossAndGradient",
        "delta[outsideWordIdx] -= 1",
        "delta[outsideWordIdx] = 0",
        [1, 0, 0],
        "true outside word is left out",
    ),
    "transposed": (
        "naiveSoftmaxLossAndGradient",
        "np.outer(delta, centerWordVec)",
        "np.outer(centerWordVec, delta)",
        [1, 1, 0],
        "transpose",
    ),
    "row vector": (
        "naiveSoftmaxLossAndGradient",
        "np.dot(outsideVectors.T, delta)",
        "np.dot(outsideVectors.T, delta)[None]",
        [1, 0, 1],
        "should have shape (4,), not (1, 4)",
    ),
    "wrong row": (
        "naiveSoftmaxLossAndGradient",
        "np.outer(delta, centerWordVec)",
        "np.roll(np.outer(delta, centerWordVec), 1, axis=0)",
        [1, 1, 0],
        "wrong rows",
    ),
    "twice": (
        "naiveSoftmaxLossAndGradient",
        "np.outer(delta, centerWordVec)",
        "2 * np.outer(delta, centerWordVec)",
        [1, 1, 0],
        "2 times what it should be",
    ),
    "all zero": (
        "naiveSoftmaxLossAndGradient",
        "np.outer(delta, centerWordVec)",
        "np.zeros_like(outsideVectors)",
        [1, 1, 0],
        "has this part been filled in",
    ),
    "nothing returned": (
        "naiveSoftmaxLossAndGradient",
        "    gradOutsideVecs = np.outer(delta, centerWordVec)\n",
        "    return\n",
        [0, 0, 0],
        "NoneType",
    ),
    "argument modified": (
        "naiveSoftmaxLossAndGradient",
        "    gradOutsideVecs = np.outer(delta, centerWordVec)\n",
        "    gradOutsideVecs = np.outer(delta, centerWordVec)\n    outsideVectors *= 0.5\n",
        [0.5, 0.5, 0.5],
        "outsideVectors was modified",
    ),
    "repeated negatives once": (
        "negSamplingLossAndGradient",
        "gradOutsideVecs[k] += (1 - q)",
        "gradOutsideVecs[k] = (1 - q)",
        [1, 1, 1, 0],
        "use np.add.at",
    ),
    "negatives made unique": (
        "negSamplingLossAndGradient",
        "for k in negSampleWordIndices",
        "for k in set(negSampleWordIndices)",
        [1, 1, 1, 0],
        "here each counts once",
    ),
    "true word left out of gradOutsideVecs": (
        "negSamplingLossAndGradient",
        "    gradOutsideVecs[outsideWordIdx] += (p - 1) * centerWordVec\n",
        "",
        [1, 1, 0, 0],
        "true outside word is left out",
    ),
    "true word left out of gradCenterVec": (
        "negSamplingLossAndGradient",
        "    gradCenterVec += (p - 1) * u_o\n",
        "",
        [1, 0, 1, 1],
        "true outside word is left out",
    ),
    "true word left out of the loss": (
        "negSamplingLossAndGradient",
        "    loss = -np.log(p)\n",
        "    loss = 0\n",
        [0, 1, 1, 1],
        "true outside word is left out",
    ),
    "negatives with the wrong sign": (
        "negSamplingLossAndGradient",
        "sigmoid(-np.dot(u_k",
        "sigmoid(np.dot(u_k",
        [0, 0, 0, 0],
        "wrong sign",
    ),
    "gradient put on the place in the list": (
        "negSamplingLossAndGradient",
        "gradOutsideVecs[k] += (1 - q) * centerWordVec",
        "gradOutsideVecs[negSampleWordIndices.index(k)] += (1 - q) * centerWordVec",
        [1, 1, 0, 0],
        "",
    ),
    "outside word among the negatives": (
        "negSamplingLossAndGradient",
        "while newidx == outsideWordIdx",
        "while False",
        [1, 1, 1, 0],
        "must be drawn again",
    ),
    "mean over the window": (
        "skipgram",
        "    return loss, gradCenterVecs, gradOutsideVectors",
        "    n = len(outsideWords)\n"
        "    return loss / n, gradCenterVecs / n, gradOutsideVectors / n",
        [0, 0, 0],
        "mean over the outside words",
    ),
    "last word only": (
        "skipgram",
        "gradCenterVecs[c] += gc",
        "gradCenterVecs[c] = gc",
        [1, 0, 1],
        "use += in the loop",
    ),
    "gradient in the row of the outside word": (
        "skipgram",
        "gradCenterVecs[c] += gc",
        "gradCenterVecs[o] += gc",
        [1, 0, 1],
        "vectors of the outside words",
    ),
    "gradient in all rows": (
        "skipgram",
        "gradCenterVecs[c] += gc",
        "gradCenterVecs += gc",
        [1, 0, 1],
        "row of the centre word alone",
    ),
    "centre vector of the outside word": (
        "skipgram",
        "word2vecLossAndGradient(centerWordVectors[c]",
        "word2vecLossAndGradient(centerWordVectors[o]",
        [0, 1, 1],
        "taken as centre vectors",
    ),
    "the loss function is not the argument": (
        "skipgram",
        "l, gc, go = word2vecLossAndGradient(",
        "l, gc, go = naiveSoftmaxLossAndGradient(",
        [0, 0, 0],
        "expected",
    ),
    "step added": ("sgd", "x - step * grad", "x + step * grad", [0, 0, 0], "must be subtracted"),
    "no annealing": ("sgd", "step *= 0.5", "pass", [2, 0, 1], "never halved"),
    "halved early": (
        "sgd",
        "iter % ANNEAL_EVERY == 0",
        "iter % ANNEAL_EVERY == ANNEAL_EVERY - 1",
        [2, 0, 1],
        "iteration early",
    ),
    "one iteration short": (
        "sgd",
        "range(1, iterations + 1)",
        "range(1, iterations)",
        [0, 0, 0],
        "One iteration is missing",
    ),
    "x is not updated": ("sgd", "        x = x - step * grad\n", "", [0, 0, 0], "never updated"),
    "no postprocessing": ("sgd", "        x = postprocessing(x)\n", "", [2, 1, 0], "not applied"),
}


@pytest.mark.parametrize("function, old, new, points, said", WRONG.values(), ids=WRONG)
def test_wrong_by_one_thing_is_told(sandbox, function, old, new, points, said):
    file = "sgd.py" if function == "sgd" else "word2vec.py"
    got, lines, _ = grade_function(sandbox, function, edited(file, old, new))
    assert got == points, lines
    assert said in lines
    assert "was modified" in lines or "raises" in lines or ("expected" in lines and "got" in lines)


def test_what_is_shown_is_what_was_used(sandbox):
    """The printed input, fed to a right function again, gives the printed expected value."""
    sources = edited("word2vec.py", "loss = -np.log(y_hat", "loss = np.log(y_hat")
    _, lines, _ = grade_function(sandbox, "naiveSoftmaxLossAndGradient", sources)
    shown, _, rest = lines.partition("expected")
    text = " ".join(shown.removeprefix("input").split())
    values = re.split(r"(?:centerWordVec|outsideWordIdx|outsideVectors) = ", text)[1:]
    v, o, u = (np.array(json.loads(value)) for value in values)
    scores = u @ v
    loss = np.log(np.exp(scores).sum()) - scores[o]
    assert float(rest.split("loss = ")[1].split()[0]) == pytest.approx(loss, rel=1e-5)


def test_a_modified_argument_does_not_hide_that_a_later_case_is_wrong(sandbox):
    sources = edited(
        "word2vec.py",
        "    gradOutsideVecs = np.outer(delta, centerWordVec)\n",
        "    gradOutsideVecs = np.outer(delta, centerWordVec)\n    outsideVectors += 1\n"
        "    if outsideWordIdx == 0: loss = 0\n",
    )
    points, lines, _ = grade_function(sandbox, "naiveSoftmaxLossAndGradient", sources)
    assert points == [0, 0.5, 0.5] and "expected" in lines


def test_an_unstable_sigmoid_costs_nothing_and_is_told(sandbox):
    points, lines, remarks = grade_function(sandbox, "sigmoid")
    assert (points, lines) == ([1, 1], "") and "overflows" in remarks[0]
    stable = edited("word2vec.py", "1 / (1 + np.exp(-x))", "0.5 * (1 + np.tanh(0.5 * x))")
    assert grade_function(sandbox, "sigmoid", stable) == ([1, 1], "", [])


def test_a_starting_point_that_sgd_modifies_costs_nothing_and_is_told(sandbox):
    sources = edited("sgd.py", "x = x - step * grad", "x -= step * grad")
    points, lines, remarks = grade_function(sandbox, "sgd", sources)
    assert (points, lines) == ([2, 1, 1], "") and "x0 was modified" in remarks[0]


@pytest.mark.parametrize(
    "broken, said",
    [
        ("def broken(:\n", "SyntaxError"),
        ("import no_such_module\n", "no_such_module"),
        ("raise SystemExit(0)\n", "SystemExit"),
        ("1 / 0\n", "line 1: 1 / 0"),
        ("import os; os._exit(0)\n", "no result: the process ended early"),
        ("import os; os.abort()\n", "died of signal 6"),
        ("\x00\n", "null bytes"),
        ("x = '\udcff'\n", ""),
    ],
)
def test_a_file_that_cannot_be_imported_does_not_take_the_points_of_the_other(
    sandbox, broken, said
):
    good = {name: source.encode() for name, source in CORRECT.items()}
    for file, function, other in (
        ("word2vec.py", "skipgram", "sgd"),
        ("sgd.py", "sgd", "skipgram"),
    ):
        files = {**good, file: broken.encode("utf-8", "surrogateescape")}
        for exercise in exercises.make_exercises(1):
            if exercise.function not in (function, other):
                continue
            calls = exercise.calls()
            items, _ = exercise.grade(sandbox.run(files, exercise.module, exercise.function, calls))
            points = [result.points for _, result in items]
            assert points == ([0] * len(items) if exercise.function == function else FULL[other])
            if exercise.function == function:
                assert said in all_lines(items)


def test_a_function_that_is_not_there_is_named(sandbox):
    points, lines, _ = grade_function(
        sandbox, "skipgram", edited("word2vec.py", "def skipgram", "def skip_gram")
    )
    assert points == [0, 0, 0] and "has no attribute 'skipgram'" in lines


def test_an_exception_is_told_with_its_place(sandbox):
    sources = edited("word2vec.py", "o = word2Ind[word]", "o = word2Ind[word + '!']")
    lines = grade_function(sandbox, "skipgram", sources)[1]
    assert "KeyError: 'f!'" in lines and "word2vec.py, line" in lines and "word + '!'" in lines


# ---------------------------------------------------------------------------- hostile submissions
OPEN_FILES = """
def open_files():
    numbers = []
    for number in range(3, 20):
        try:
            os.fstat(number)
            numbers.append(number)
        except OSError:
            pass
    return numbers
"""


def attack(code, function="skipgram"):
    """The correct submission, whose function does something else first."""
    return {
        name: source.replace(f"def {function}(", f"def right_{function}(")
        + f"\n\nimport os, sys, time\n{OPEN_FILES}\ndef {function}(*args, **kwargs):\n    {code}\n"
        + f"    return right_{function}(*args, **kwargs)\n"
        for name, source in CORRECT.items()
    }


HOSTILE = {
    "exits": ("os._exit(0)", "no result"),
    "exits with a status": ("os._exit(7)", "exit status 7"),
    "raises SystemExit": ("sys.exit('20/20')", "SystemExit: 20/20"),
    "raises KeyboardInterrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "loops": ("while True: pass", "longer than 1.5 s"),
    "sleeps": ("time.sleep(100)", "longer than 1.5 s"),
    "sleeps with its outputs closed": (
        "os.closerange(0, 60); time.sleep(100)",
        "longer than 1.5 s",
    ),
    "fills memory": ("x = bytearray(8 * 2**30)", "MemoryError"),
    "recurses": ("exec('def f(): f()\\nf()', {})", "RecursionError"),
    "crashes": ("import ctypes; ctypes.string_at(0)", "signal 11"),
    "prints results": (
        "print('{\"outputs\": [1, 2, 3]}'); os.write(2, b'{}'); os._exit(0)",
        "no result",
    ),
    "forges its report": (
        '[os.write(fd, b\'{"outputs": [[[[1]]], {"shape": [-1], "data": ["x"]}, 7]}\\n\')'
        " for fd in open_files()]; os._exit(0)",
        "nothing that can be read",
    ),
    "reports garbage": (
        "[os.write(fd, b'[' * 100_000 + b'\\xff\\n') for fd in open_files()]; os._exit(0)",
        "no result",
    ),
    "reports without end": (
        "\n    while True: [os.write(fd, b'x' * 9999) for fd in open_files()]",
        "longer than 1.5 s",
    ),
    "kills its parent": ("os.kill(os.getppid(), 9); os._exit(0)", ""),
    "fills the disk": (
        "\n    for i in range(10**6): open(str(i), 'wb').write(bytes(2**20))",
        "it wrote more than 64 MB",
    ),
    "fills the disk elsewhere": (
        "\n    for i in range(10**6):\n"
        "        open('/tmp/fill-%d-%d' % (os.getuid(), i), 'wb').write(bytes(2**20))",
        "it wrote more than 64 MB",
    ),
    "nests folders": ("\n    while True: os.mkdir('d'); os.chdir('d')", "or too many files"),
    "returns an array without end": ("return (np.zeros(10**7),) * 3", "array of float64"),
    "returns an object": ("return (object(),) * 3", "type object"),
    "returns a generator": ("return (i for i in (1, 2, 3))", "generator"),
}
AS_OTHER_USER_ONLY = {"kills its parent", "fills the disk elsewhere"}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_gets_nothing_and_the_grader_survives(hasty, name):
    if name in AS_OTHER_USER_ONLY and hasty.uid is None:
        pytest.skip("needs another user to switch to")
    code, said = HOSTILE[name]
    began = time.monotonic()
    points, lines, _ = grade_function(hasty, "skipgram", attack(code))
    assert time.monotonic() - began < 15
    assert points == [0, 0, 0]
    assert said in lines
    assert os.listdir(hasty.parent) == []
    assert list(Path("/tmp").glob(f"fill-{hasty.uid}-*")) == []


EARNED = {
    "patches numpy.allclose": "np.allclose = np.isclose = np.array_equal = lambda *a, **k: True",
    "patches json": "import json; json.dumps = lambda *a, **k: '{}'",
    "writes results.json": "open('results.json', 'w').write('{\"score\": 20}')",
    "leaves threads": "import threading; threading.Thread(target=time.sleep, args=(99,)).start()",
    "changes the folder": "os.chdir('/')",
    "ignores signals": "import signal; [signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]",
}


@pytest.mark.parametrize("code", EARNED.values(), ids=EARNED)
def test_tricks_earn_nothing_for_a_wrong_function(hasty, code):
    sources = attack(f"{code}\n    return 1.0, args[4] * 0 + 1, args[5] * 0 + 1")
    assert grade_function(hasty, "skipgram", sources)[0] == [0, 0, 0]


@pytest.mark.parametrize(
    "encoded",
    [
        None,
        [],
        "x",
        {},
        {"shape": [1]},
        {"shape": [2], "data": [1.0]},
        {"shape": [-1], "data": []},
        {"shape": [10**30], "data": []},
        {"shape": [True], "data": [1.0]},
        {"shape": [1] * 99, "data": [1.0]},
        {"shape": [1], "data": ["1"]},
        {"shape": [1], "data": [[1.0]]},
        {"shape": [1], "data": [10**400]},
        {"shape": "a", "data": "b"},
    ],
)
def test_a_report_that_is_no_array_is_none(encoded):
    assert exercises.numbers(encoded) == "nothing that can be read"


def test_what_was_reported_before_a_crash_counts(sandbox):
    sources = edited(
        "word2vec.py",
        "    s = 1 / (1 + np.exp(-x))\n",
        "    if np.ndim(x) == 0: import os; os._exit(0)\n    s = 1 / (1 + np.exp(-x))\n",
    )
    assert grade_function(sandbox, "sigmoid", sources)[0] == [1, 0]


def test_the_environment_is_empty_and_the_folder_fresh(sandbox, monkeypatch):
    monkeypatch.setenv("SECRET", "hush")
    code = "raise ValueError(sorted(os.environ), sorted(os.listdir('.')), sys.stdin.read())"
    lines = grade_function(sandbox, "skipgram", attack(code))[1]
    assert "SECRET" not in lines and "HOME" in lines
    assert "['sgd.py', 'utils', 'word2vec.py'], ''" in lines


@needs_root
def test_the_submission_is_another_user_for_good(sandbox):
    code = "os.setuid(0)"
    assert "PermissionError" in grade_function(sandbox, "skipgram", attack(code))[1]
    code = "raise ValueError(os.getresuid(), os.getgroups())"
    uid = sandbox.uid
    assert f"({uid}, {uid}, {uid}), []" in grade_function(sandbox, "skipgram", attack(code))[1]


DAEMON = """
    import subprocess
    for _ in range(2):
        if os.fork():
            os._exit(0)
        os.setsid()
    while True:
        time.sleep(0.01)
"""
FORK_BOMB = """
    while True:
        try: os.fork()
        except OSError: pass
"""


@needs_root
@pytest.mark.parametrize("code", [DAEMON, FORK_BOMB], ids=["daemon", "fork bomb"])
def test_no_process_stays_behind(hasty, code):
    points, lines, _ = grade_function(hasty, "skipgram", attack(code))
    assert points == [0, 0, 0], lines
    assert processes_of(hasty.uid) == []


def processes_of(uid):
    """Processes of a user, the dead that nobody has waited for left out."""
    return [
        path.parent.name
        for path in Path("/proc").glob("[0-9]*/status")
        if uid in uids_of(path) and "\nState:\tZ" not in path.read_text(encoding="utf-8")
    ]


def test_disk_used_counts_what_is_too_deep_or_too_much_as_infinite(tmp_path):
    (tmp_path / "a").write_bytes(bytes(10_000))
    assert 10_000 <= disk_used([tmp_path]) < 100_000
    for i in range(50):
        (tmp_path / str(i)).touch()
    assert disk_used([tmp_path], most_entries=20) == float("inf")
    assert disk_used([tmp_path / "none"]) == 0
    deep = tmp_path.joinpath("deep", *["d" * 100] * 10)
    deep.mkdir(parents=True)
    assert disk_used([tmp_path]) == float("inf")


# --------------------------------------------------------------------------------------- archives
PNG = (
    b"\x89PNG\r\n\x1a\n"
    + struct.pack(">I", 13)
    + b"IHDR"
    + struct.pack(">IIBBBBB", 640, 480, 8, 2, 0, 0, 0)
    + bytes(4)
    + struct.pack(">I", 0)
    + b"IDAT"
    + bytes(4)
)


def npy(array):
    """An array as np.save writes it."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def make_zip(path, files, prefix=""):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(name if isinstance(name, zipfile.ZipInfo) else prefix + name, content)
    return path


def complete(params=b"", picture=PNG):
    return {**CORRECT, "saved_params_40000.npy": params, "word_vectors.png": picture}


def link(name, target):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, target


def test_a_plain_zip_is_read_without_a_note(tmp_path):
    files, notes = archive.read_submission(make_zip(tmp_path / "a.zip", complete(b"x")))
    assert notes == []
    assert {name: len(content) for name, content in files.items()} == {
        name: len(content) for name, content in complete(b"x").items()
    }


@pytest.mark.parametrize(
    "name", ["../sgd.py", "/tmp/sgd.py", "a/../../sgd.py", "..\\sgd.py", "C:\\sgd.py"]
)
def test_names_that_lead_out_are_ignored_and_told(tmp_path, name):
    path = make_zip(tmp_path / "a.zip", {"word2vec.py": WORD2VEC, name: SGD})
    files, notes = archive.read_submission(path)
    assert list(files) == ["word2vec.py"]
    assert "leads out of the archive" in notes[0]
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_links_are_ignored_and_told(tmp_path):
    path = make_zip(
        tmp_path / "a.zip", dict([link("sgd.py", "/etc/passwd"), ("word2vec.py", WORD2VEC)])
    )
    files, notes = archive.read_submission(path)
    assert list(files) == ["word2vec.py"] and "it is a link" in notes[0]
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "sgd.py").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "word2vec.py")
    files, notes = archive.read_submission(folder)
    assert files == {} and len(notes) == 3


def test_a_bomb_is_not_unpacked(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"word2vec.py": b" " * 2**26, "sgd.py": SGD})
    assert path.stat().st_size < 100_000
    files, notes = archive.read_submission(path)
    assert list(files) == ["sgd.py"] and "larger than 1,048,576 bytes" in notes[0]


def test_no_more_is_read_than_the_limit(tmp_path):
    with zipfile.ZipFile(make_zip(tmp_path / "a.zip", {"sgd.py": b" " * 2**20})) as zipped:
        ((entry,), _) = archive.zip_entries(zipped)
        assert len(entry.read(10)) == 11


def test_a_bomb_that_lies_about_its_size_is_not_unpacked(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"word2vec.py": b" " * 2**26})
    data = path.read_bytes().replace(struct.pack("<I", 2**26), struct.pack("<I", 10))
    path.write_bytes(data)
    files, notes = archive.read_submission(path)
    assert all(len(content) <= 10 for content in files.values())


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "it is empty"),
        (b"Rar!\x1a\x07" + bytes(100), "it is RAR"),
        (b"7z\xbc\xaf'\x1c" + bytes(100), "it is 7z"),
        (b"<html>", "it is HTML"),
        (b"def sigmoid(x): ...", "not a zip file"),
        (b"PK\x05\x06" + bytes(18), None),
    ],
)
def test_what_is_no_zip_gets_a_verdict(tmp_path, sandbox, content, said):
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    grading = grade(path, 1, sandbox)
    assert grading.score() == 0
    assert said is None or said in grading.header[-1]
    assert "word2vec.py is missing" in results.table(grading)


def test_broken_archives_never_raise_anything_else(tmp_path):
    whole = make_zip(tmp_path / "a.zip", complete(b"x" * 300)).read_bytes()
    rng = random.Random(1)
    path = tmp_path / "b.zip"
    for trial in range(400):
        data = bytearray(whole[: rng.randrange(len(whole))] if trial % 4 == 0 else whole)
        for _ in range(rng.randrange(1, 6) if data else 0):
            # The directory stands at the end, where most faults matter.
            at = (
                rng.randrange(len(data))
                if rng.random() < 0.3
                else rng.randrange(max(1, len(data) - 400), len(data) + 1) - 1
            )
            data[at] = rng.randrange(256)
        path.write_bytes(data)
        try:
            archive.read_submission(path)
        except archive.UnreadableSubmission:
            pass


def test_a_nested_folder_is_graded_all_the_same(tmp_path):
    files, notes = archive.read_submission(make_zip(tmp_path / "a.zip", CORRECT, "assignment2/"))
    assert set(files) == set(CORRECT) and "lie in the folder 'assignment2'" in notes[0]


def test_what_a_mac_adds_is_passed_over(tmp_path):
    clutter = {
        "__MACOSX/._word2vec.py": b"\0\5",
        ".DS_Store": b"",
        "._sgd.py": b"\0",
        "__pycache__/sgd.py": b"",
    }
    files, notes = archive.read_submission(make_zip(tmp_path / "a.zip", {**clutter, **CORRECT}))
    assert set(files) == set(CORRECT) and notes == []


def test_the_folder_that_a_mac_adds_is_not_taken_for_the_submission(tmp_path):
    forks = {f"__MACOSX/{name}": b"\0\5" for name in complete()}
    files = {f"me/{name}": source for name, source in CORRECT.items()}
    assert set(archive.read_submission(make_zip(tmp_path / "a.zip", forks | files)).files) == set(
        CORRECT
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice_is_not_taken(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        for source in (SGD, "wrong"):
            zipped.writestr("sgd.py", source)
    files, notes = archive.read_submission(tmp_path / "a.zip")
    assert files == {} and "2 times" in notes[0]


def test_names_that_could_do_harm_are_passed_over(tmp_path, sandbox):
    odd = ["x" * 300 + ".py", "\x1b[2J.png", "é.py", "a b.py", ".py", "con\n.png", "é.png"]
    path = make_zip(tmp_path / "a.zip", {**dict.fromkeys(odd, b""), **CORRECT})
    assert set(archive.read_submission(path).files) == {*CORRECT, "é.png"}


def test_an_encrypted_member_is_told(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"sgd.py": SGD})
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1
    path.write_bytes(data)
    files, notes = archive.read_submission(path)
    assert files == {} and "encrypted" in notes[0]


# ---------------------------------------------------------------------------------------- the run
def wrong_params():
    """Parameters that are not to be used, and what is said of them."""
    good = npy(np.zeros((4, 3)))
    huge = good.replace(b"(4, 3), ", b"(999999999998, 2), ")
    fakes = npy(np.zeros((4, 3))).replace(b"'<f8'", b"'|O' ")
    return {
        "missing": (None, "is missing"),
        "not an array": (b"hello", "not a file that np.save makes"),
        "empty": (b"", "not a file that np.save makes"),
        "zip of arrays": (b"PK\x03\x04" + bytes(50), "not a file that np.save makes"),
        "objects": (fakes, "Python objects"),
        "cut off": (good[:-1], "cut off"),
        "too long": (good + b"x", "cut off, or longer"),
        "a lying header": (huge, "cut off"),
        "deeply nested header": (
            good.replace(b"(4, 3), ", b"(" * 8),
            "not a file that np.save makes",
        ),
        "integers": (npy(np.zeros((4, 3), dtype=int)), "int64, not floats"),
        "complex": (npy(np.zeros((4, 3), dtype=complex)), "not floats"),
        "odd rows": (npy(np.zeros((5, 3))), "it must be (2V, D)"),
        "a vector": (npy(np.zeros(6)), "it must be (2V, D)"),
        "nan": (npy(np.array([[0.0, 1], [np.nan, 0]])), "nan or infinity, first in row 1"),
        "huge numbers": (npy(np.array([[1e300, 1], [1, 0]])), "diverged"),
    }


@pytest.mark.parametrize("name", wrong_params())
def test_params_that_cannot_be_graded_get_a_sentence(name):
    content, said = wrong_params()[name]
    files = {} if content is None else {archive.PARAMS: content}
    first, second = run_part.grade_params(files, 1)
    assert (first.points, second.points) == (0, 0)
    assert said in first.lines[0]


def test_params_in_any_layout_are_read():
    a = np.arange(12.0).reshape(4, 3)
    for array in (a, np.asfortranarray(a), a.astype(">f8"), a.astype(np.float32)):
        assert np.array_equal(run_part.read_params({archive.PARAMS: npy(array)}), a)


@pytest.mark.usefixtures("sst")
def test_another_vocabulary_is_named():
    params = npy(np.zeros((2 * 18_951, 10)))
    first, second = run_part.grade_params({archive.PARAMS: params}, 1)
    assert (first.points, second.points) == (1, 0)
    assert "19,539 words" in second.lines[0] and "Rotten Tomatoes" in second.lines[0]


def test_without_data_the_loss_is_not_graded_and_that_is_said(monkeypatch):
    def no_data(log):
        raise run_part.DatasetError("no net")

    monkeypatch.setattr(run_part, "find_dataset", lambda: None)
    monkeypatch.setattr(run_part, "ensure_dataset", no_data)
    scores = run_part.grade_params({archive.PARAMS: npy(np.zeros((2 * fingerprints.V, 10)))}, 1)
    assert (
        scores[1].points == 0
        and "NOT GRADED" in scores[1].lines[0]
        and "no net" in scores[1].lines[0]
    )


@pytest.mark.usefixtures("sst")
@pytest.mark.parametrize("scale, points", [(0.0, 0), (1.0, 0)])
def test_untrained_params_have_a_high_loss(scale, points):
    params = scale * np.random.default_rng(1).normal(size=(2 * fingerprints.V, 10))
    score = run_part.grade_params({archive.PARAMS: npy(params)}, 1)[1]
    assert score.points == points and "Before training it is about 20" in score.lines[0]


@pytest.mark.usefixtures("sst")
def test_window_loss_is_that_of_the_textbook():
    """Against word2vec.py's own functions, drawn window by window from the same state."""
    import word2vec

    corpus, _ = run_part.load_corpus()
    n = len(corpus.words)
    params = np.random.default_rng(2).normal(scale=0.5, size=(2 * n, 10))
    corpus.subsample()
    state = random.getstate()
    mean, _ = run_part.window_loss(params, corpus, seed=3, n_windows=20)
    assert random.getstate() == state
    random.seed(3)
    total, index = 0.0, corpus.tokens()
    for _ in range(20):
        center, outside = corpus.getRandomContext(random.randint(1, 5))
        for word in outside:
            total += word2vec.negSamplingLossAndGradient(
                params[index[center]], index[word], params[n:], corpus
            )[0]
    random.setstate(state)
    assert mean == pytest.approx(total / 20, rel=1e-12)


@pytest.mark.parametrize(
    "content, points",
    [(PNG, 1), (b"", 0), (b"GIF89a", 0), (PNG[:20], 0), (PNG.replace(b"IDAT", b"IDOT"), 0)],
)
def test_the_picture_must_be_a_png(content, points):
    assert run_part.grade_picture({"word_vectors.png": content}).points == points
    other = run_part.grade_picture({"plot.png": content})
    assert other.points == points
    assert not points or "word_vectors.png" in other.lines[1]


# ----------------------------------------------------------------------------------- fingerprints
def test_fingerprints_json_is_complete():
    data = json.loads(fingerprints.FILE.read_text(encoding="utf-8"))
    assert [tuple(p) for p in data["positions"]] == list(fingerprints.POSITIONS)
    assert list(data["fingerprints"]) == list(fingerprints.FAULTS)
    assert all(len(values) == 16 for values in data["fingerprints"].values())


def with_fingerprint(values, dtype=np.float64):
    params = np.zeros((2 * fingerprints.V, fingerprints.D), dtype=dtype)
    for position, value in zip(fingerprints.POSITIONS, values):
        params[position] = value
    return params


@pytest.mark.parametrize("name", fingerprints.FAULTS)
def test_each_run_is_recognised_and_no_other(name):
    values = fingerprints.load()[name]
    assert fingerprints.recognise(with_fingerprint(values)) == name
    assert fingerprints.recognise(with_fingerprint(values * (1 + 1e-13))) == name
    assert fingerprints.recognise(with_fingerprint(values, np.float32)) == name
    for i in range(16):
        perturbed = values.copy()
        perturbed[i] += 1e-7
        assert fingerprints.recognise(with_fingerprint(perturbed)) is None
    assert fingerprints.recognise(with_fingerprint(values)[:-2]) is None


def test_the_published_fingerprint_agrees_with_the_published_numbers():
    """Rows of `great` and `rain` as several people have published them."""
    published = fingerprints.load()[fingerprints.PUBLISHED]
    at = {position: value for position, value in zip(fingerprints.POSITIONS, published)}
    assert at[90, 2] == pytest.approx(0.1899364351254, abs=1e-13)
    assert at[4365, 5] == pytest.approx(-0.1733969491636, abs=1e-13)


@pytest.mark.usefixtures("sst")
def test_the_beginning_of_the_run_is_that_of_the_textbook():
    """Two iterations of the correct run, against word2vec_sgd_wrapper."""
    import word2vec

    corpus = fingerprints.new_corpus()
    start = fingerprints.start_vectors(len(corpus.words))
    run = fingerprints.Run(fingerprints.FAULTS[fingerprints.PUBLISHED], start)
    fingerprints.train([run], corpus, last=2)
    after = random.getstate()

    corpus, params = fingerprints.new_corpus(), fingerprints.start_vectors(len(corpus.words))
    assert np.array_equal(params, start)
    for _ in range(2):
        params = (
            params
            - 0.3
            * word2vec.word2vec_sgd_wrapper(
                word2vec.skipgram,
                corpus.tokens(),
                params,
                corpus,
                5,
                word2vec.negSamplingLossAndGradient,
            )[1]
        )
    assert random.getstate() == after
    np.testing.assert_allclose(run.params, params, rtol=0, atol=1e-15)


@pytest.mark.usefixtures("sst")
def test_each_fault_changes_the_run_and_the_log_begins_as_published():
    corpus = fingerprints.new_corpus()
    start = fingerprints.start_vectors(len(corpus.words))
    runs = {
        kernel: fingerprints.Run(fingerprints.Fault("", kernel=kernel), start)
        for kernel in fingerprints.KERNELS
    }
    fingerprints.train(list(runs.values()), corpus, last=300)
    assert runs["correct"].log[10] == pytest.approx(19.061546, abs=5e-7)
    prints = [fingerprints.fingerprint(run.params) for run in runs.values()]
    for i, a in enumerate(prints):
        for b in prints[:i]:
            assert np.abs(a - b).max() > 1e-9


@pytest.mark.usefixtures("sst")
def test_the_data_in_another_encoding_has_another_numbering():
    utf8, gbk = fingerprints.new_corpus(), fingerprints.new_corpus("gbk")
    assert len(utf8.words) == len(gbk.words) == fingerprints.V
    assert utf8.frequencies.sum() - gbk.frequencies.sum() == 3
    assert utf8.words[:5] == gbk.words[:5] == ["the", "rock", "is", "destined", "to"]


# ---------------------------------------------------------------------- the command and Gradescope
def run_grader(*arguments, **environment):
    """Status, output and errors of the command."""
    command = [sys.executable, str(GRADER), *map(str, arguments)]
    env = {**os.environ, **environment}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, cwd="/")
    return done.returncode, done.stdout, done.stderr


def checked_results(path):
    """The content of a results.json that fits the schema."""
    content = json.loads(path.read_text(encoding="ascii"))
    assert results.schema_errors(content) == []
    return content


def test_our_own_zip_gets_20(full_run, tmp_path):
    """What collect_submission.sh packs after the full run."""
    for name in ("collect_submission.sh", "word2vec.py", "sgd.py", "run.py"):
        shutil.copy(ROOT / name, tmp_path)
    subprocess.run(
        ["sh", "collect_submission.sh", str(full_run)], cwd=tmp_path, check=True, timeout=60
    )
    out = tmp_path / "results.json"
    status, table, errors = run_grader(tmp_path / "assignment2.zip", "--results", out)
    assert (status, errors) == (0, ""), table
    content = checked_results(out)
    assert content["score"] == 20 and all(t["status"] == "passed" for t in content["tests"])
    assert "Equal to the published result" in table and "Remark" not in table


def test_the_command_prints_a_table_and_writes_results(tmp_path):
    sources = edited("word2vec.py", "gradCenterVecs[c] += gc", "gradCenterVecs[c] = gc")
    path, out = make_zip(tmp_path / "assignment2.zip", sources), tmp_path / "results.json"
    status, table, errors = run_grader(
        path, "--results", out, "--seed", 7, LC_ALL="C", PYTHONUTF8="0"
    )
    assert (status, errors) == (1, "")
    assert "--seed 7" in table and "use += in the loop" in table
    for line in (
        "(a) word2vec.py 11 / 12",
        "(b) sgd.py 4 / 4",
        "(c) the run 0 / 4",
        "total 15 / 20",
    ):
        assert line in [" ".join(printed.split()) for printed in table.splitlines()]
    content = checked_results(out)
    assert content["score"] == 15 and content["extra_data"] == {"seed": "7"}
    assert out.stat().st_mode & 0o777 == 0o644

    def but_for_the_user(table):
        return re.sub(r"\(uid \d+\)", "", table)

    assert but_for_the_user(run_grader(path, "--seed", 7)[1]) == but_for_the_user(table)


@pytest.mark.parametrize(
    "code", [HOSTILE["loops"][0], DAEMON, FORK_BOMB], ids=["loop", "daemon", "fork bomb"]
)
def test_results_are_valid_whatever_the_submission_does(tmp_path, code):
    """As grading users do: by the command, with a file to write results to."""
    out = tmp_path / "results.json"
    sources = {"word2vec.py": attack(code)["word2vec.py"], "sgd.py": SGD}
    status, _, errors = run_grader(
        make_zip(tmp_path / "a.zip", sources), "--results", out, "--seconds", 2
    )
    assert (status, errors) == (1, "")
    assert checked_results(out)["score"] == 13  # all but skip-gram and the run


def test_text_of_a_submission_cannot_harm_terminal_or_json(tmp_path, sandbox):
    sources = attack(r"raise ValueError('\x1b[2J\ud800\x00' + 'x' * 10**6)")
    lines = grade_function(sandbox, "skipgram", sources)[1]
    assert "\x1b" not in lines and "\x00" not in lines and len(lines) < 10_000
    lines.encode("utf-8")


@pytest.mark.parametrize(
    "arguments",
    [["none.zip"], [], ["a.zip", "--results", "/no/such/folder/x"], ["a.zip", "--seed", "-1"]],
)
def test_usage(tmp_path, arguments):
    make_zip(tmp_path / "a.zip", CORRECT)
    arguments = [str(tmp_path / a) if a.endswith(".zip") else a for a in arguments]
    status, out, errors = run_grader(*arguments)
    assert (status, out) == (2, "") and "autograder: error:" in errors


def test_a_fault_of_the_grader_itself_leaves_valid_results(tmp_path, monkeypatch, capsys):
    from autograder import __main__ as command

    def fail(*_):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(command, "grade_functions", fail)
    monkeypatch.setattr(command, "Sandbox", lambda *a, **k: None)
    monkeypatch.setattr(command, "grade", fail)
    path = make_zip(tmp_path / "a.zip", CORRECT)
    assert command.main([str(path), "--results", str(tmp_path / "results.json")]) == 3
    assert "ours" in checked_results(tmp_path / "results.json")["output"]
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_the_schema_check_finds_faults():
    good = results.as_json(results.Grading([Row("t", "a.1", 1, 2, ["x"])], [], ["h"]), 1.0, 5)
    assert results.schema_errors(good) == []
    for change in (
        {"score": "20"},
        {"visibility": "public"},
        {"surprise": 1},
        {"tests": {}},
        {"score": True},
        {"tests": [{**good["tests"][0], "status": "ok"}]},
        {"tests": [{**good["tests"][0], "number": 1}]},
        {"tests": [{**good["tests"][0], "score": 3}]},
        {"tests": [None]},
    ):
        assert results.schema_errors({**good, **change}), change
    assert results.schema_errors([]) and results.schema_errors(None)
    assert results.schema_errors(results.failure("x")) == []


@pytest.fixture
def gradescope(tmp_path):
    """A grading machine: the packed autograder unpacked, and a folder for a submission."""
    packed = tmp_path / "autograder.zip"
    done = subprocess.run(
        [sys.executable, str(GRADER / "pack.py"), "--output", str(packed)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    base = tmp_path / "autograder"
    for name in ("source", "submission", "results"):
        (base / name).mkdir(parents=True)
    with zipfile.ZipFile(packed) as zipped:
        zipped.extractall(base / "source")
        modes = {info.filename: info.external_attr >> 16 for info in zipped.infolist()}
    assert modes["setup.sh"] & modes["run_autograder"] & 0o111 == 0o111
    (base / "venv" / "bin").mkdir(parents=True)
    (base / "venv" / "bin" / "python").write_text(
        f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8"
    )
    (base / "venv" / "bin" / "python").chmod(0o755)
    return base


def run_autograder(base):
    script = base / "source" / "run_autograder"
    # No data set there, and none to be had: an address that refuses at once.
    env = {**os.environ, "AUTOGRADER": str(base), "SST_ZIP": str(base / "none.zip")}
    subprocess.run(["bash", str(script)], env=env, check=True, timeout=120, capture_output=True)
    return checked_results(base / "results" / "results.json")


def test_the_packed_autograder_grades_a_folder_as_gradescope_has_it(gradescope):
    assert not (gradescope / "source" / "word2vec.py").exists()  # the solution stays at home
    for name, source in CORRECT.items():
        (gradescope / "submission" / name).write_text(source, encoding="utf-8")
    content = run_autograder(gradescope)
    assert content["score"] == 16 and len(content["tests"]) == 18
    if os.geteuid() == 0:
        for name in ("source", "submission", "results"):
            assert (gradescope / name).stat().st_mode & 0o077 == 0


@needs_root
def test_the_submission_cannot_read_the_autograder(gradescope):
    code = f"raise ValueError(os.listdir({str(gradescope / 'source')!r}))"
    for name, source in attack(code).items():
        (gradescope / "submission" / name).write_text(source, encoding="utf-8")
    tests = run_autograder(gradescope)["tests"]
    assert "PermissionError" in next(t["output"] for t in tests if "skip-gram" in t["name"])


def test_a_grader_that_dies_leaves_valid_results(gradescope):
    grader = gradescope / "source" / "autograder" / "__main__.py"
    grader.write_text("1 / 0\n", encoding="utf-8")
    content = run_autograder(gradescope)
    assert content["score"] == 0 and "Submit again" in content["output"]


def test_packing_twice_gives_the_same_archive(tmp_path):
    names = pack.pack(tmp_path / "a.zip")
    pack.pack(tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert {"setup.sh", "run_autograder", "autograder/fingerprints.json"} <= set(names)
    assert not {"word2vec.py", "sgd.py"} & set(names)


@pytest.mark.usefixtures("sst")
def test_the_data_can_be_packed_too(tmp_path):
    names = pack.pack(tmp_path / "a.zip", with_data=True)
    assert "utils/datasets/stanfordSentimentTreebank/datasetSentences.txt" in names


@pytest.mark.parametrize("script", ["setup.sh", "run_autograder"])
def test_scripts_parse(script):
    assert os.access(GRADER / script, os.X_OK)
    subprocess.run(["bash", "-n", str(GRADER / script)], check=True)
