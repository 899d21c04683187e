"""The autograder's exercises: what it grades, and what it tells.

    python -m pytest tests/test_autograder.py

The submissions of `submissions.py` are right in all points; a wrong one differs from them in one
place. They are called in this process, by the child's own code; what processes add to that is the
matter of test_sandbox.py.
"""

import contextlib
import functools
import json
import os
import random
import re
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

if os.name != "posix":
    pytest.skip("needs a POSIX system", allow_module_level=True)

from submissions import CORRECT, POINTS, VECTORISED, edited  # noqa: E402

from autograder import child, exercises, results  # noqa: E402
from autograder.sandbox import Limits, Outcome, Sandbox  # noqa: E402
from utils import gradcheck  # noqa: E402

OURS = {name: (ROOT / name).read_text(encoding="utf-8") for name in CORRECT}
STYLES = {"loops": CORRECT, "vectorised": VECTORISED, "ours": OURS}


@pytest.fixture
def call(tmp_path, monkeypatch):
    """A function that calls a submission as the child does, but here: an `Outcome`."""
    count = iter(range(1000))

    def call(sources, exercise):
        folder = tmp_path / str(next(count))
        folder.mkdir()
        for name, source in sources.items():
            (folder / name).write_bytes(source if isinstance(source, bytes) else source.encode())
        events = []
        task = {
            "module": exercise.module,
            "function": exercise.function,
            "calls": json.loads(json.dumps(exercise.calls())),
        }
        with as_before(), monkeypatch.context() as patch:
            for name in ("gradcheck_naive", "grad_tests_softmax", "grad_tests_negsamp"):
                patch.setattr(gradcheck, name, getattr(gradcheck, name))
            patch.setattr(sys, "argv", [])
            patch.setattr(sys, "dont_write_bytecode", True)
            patch.chdir(folder)
            child.work(task, lambda **event: events.append(json.loads(json.dumps(event))))
        return Outcome(events, None, "")

    return call


@contextlib.contextmanager
def as_before():
    """Undo what an import of a submission leaves in this process."""
    path, state = sys.path[:], random.getstate()
    hidden = {name: sys.modules.pop(name, None) for name in ("word2vec", "sgd", "helper")}
    try:
        yield
    finally:
        sys.path[:] = path
        random.setstate(state)
        for name in hidden:
            sys.modules.pop(name, None)
        sys.modules.update({name: module for name, module in hidden.items() if module})


@pytest.fixture
def grade(call):
    """A function that grades one function of a submission: points, all lines, remarks."""

    def grade(function, sources=CORRECT, seed=1, change=lambda outcome: outcome):
        exercise = exercise_of(function, seed)
        source = sources[f"{exercise.module}.py"]
        outcome = change(call(sources, exercise))
        return summary(exercise, outcome, source if isinstance(source, bytes) else source.encode())

    return grade


@functools.cache
def made(seed):
    return exercises.make_exercises(seed)


def exercise_of(function, seed=1):
    return next(exercise for exercise in made(seed) if exercise.function == function)


def summary(exercise, outcome, source=b""):
    items, remarks = exercise.grade(outcome, source)
    lines = [line for _, result in items for line in result.lines]
    return [result.points for _, result in items], "\n".join(lines), remarks


# ------------------------------------------------------------------------------ right submissions
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("function", POINTS)
def test_a_correct_submission_earns_all_points(grade, function, style, seed):
    points, lines, remarks = grade(function, STYLES[style], seed)
    assert (points, lines) == (POINTS[function], "")
    assert remarks == [] or style == "loops"  # which overflows


@pytest.mark.parametrize("function", POINTS)
def test_in_a_process_of_its_own_it_earns_the_same(function):
    exercise = exercise_of(function)
    files = {name: source.encode() for name, source in CORRECT.items()}
    sandbox = Sandbox(Limits(seconds=20))
    outcome = sandbox.run(files, exercise.module, exercise.function, exercise.calls())
    assert outcome.ending is None
    assert summary(exercise, outcome)[:2] == (POINTS[function], "")


def test_the_points_are_those_of_the_assignment():
    made = exercises.make_exercises(0)
    items = [item for exercise in made for item in exercise.items]
    for part in "ab":
        points = sum(item.points for item in items if item.number.startswith(part))
        assert points == results.POINTS[part]
    assert len({item.number for item in items}) == len(items)


def test_inputs_are_new_each_time_and_repeatable():
    def inputs(seed):
        return [c.inputs for e in exercises.make_exercises(seed) for c in e.cases]

    assert inputs(5) == inputs(5)
    # The two that overflow, and the call whose result is what another one is compared with.
    assert sum(a == b for a, b in zip(inputs(5), inputs(6))) == 3 + 2


@pytest.mark.parametrize("seed", range(10))
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
            and not exercises.agrees(np.asarray(wrong), check.expected, check.tolerance)
        }
        assert shown == all_sentences


@pytest.mark.parametrize("seed", range(10))
def test_nothing_wrong_is_accepted(seed):
    """What is accepted, as told by another item, is not what the item itself is about."""
    for check in [c for case in exercise_of("sgd", seed).cases for c in case.checks]:
        for accepted in check.accepted:
            for sentence, wrong in check.mistakes.items():
                assert not exercises.agrees(np.asarray(wrong), accepted, check.tolerance), sentence


VARIATIONS = {
    "own getNegativeSamples lost": ("def getNegativeSamples", "def lost"),
    "negatives as an array": (
        "    for k in negSampleWordIndices:\n        u_k",
        "    for k in np.array(negSampleWordIndices):\n        u_k",
    ),
    "helper module": ("import random\n", "import random, helper\n"),
    "loss is an array of one": ("    loss = -np.log(p)\n", "    loss = np.array([-np.log(p)])\n"),
    "checks at import that fail": (
        "def skipgram(",
        "gradcheck_naive(lambda x: (np.sum(x), 3 * x), np.ones(2), 'wrong')\n\n\ndef skipgram(",
    ),
    "arguments parsed at import": (
        "def skipgram(",
        "p = argparse.ArgumentParser()\n"
        "p.add_argument('function', nargs='?', default='all')\np.parse_args()\n\n\ndef skipgram(",
    ),
    "random numbers at import": ("def skipgram(", "np.random.seed(1)\n\n\ndef skipgram("),
}


@pytest.mark.parametrize("edit", VARIATIONS.values(), ids=VARIATIONS)
def test_harmless_variations_earn_all_points(grade, edit):
    sources = {**edited("word2vec.py", *edit), "helper.py": "import math\n"}
    points, lines, remarks = grade("negSamplingLossAndGradient", sources)
    assert (points, lines) == ([1, 1, 1, 1], "")
    assert "imported" not in "".join(remarks)


@pytest.mark.parametrize(
    "end, said",
    [("raise SystemExit(2)", "SystemExit: 2"), ("assert sigmoid(0) == 3", "AssertionError")],
)
def test_what_a_file_defines_before_its_import_fails_is_graded(grade, end, said):
    sources = {**CORRECT, "word2vec.py": CORRECT["word2vec.py"] + f"\n{end}\n"}
    points, _, remarks = grade("skipgram", sources)
    assert points == [1, 1, 1]
    assert "cannot be imported" in remarks[0] and said in remarks[0]


def test_what_a_file_defines_after_its_import_has_failed_is_graded(grade):
    """It needs an argument, data and a decorator that are not there; and has a future."""
    begin = (
        '"""Mine."""\nfrom __future__ import annotations\nimport argparse\n'
        "p = argparse.ArgumentParser()\np.add_argument('function')\nargs = p.parse_args()\n"
        "data = open(\n    'data.txt'\n)\n@nothing\n@nothing\ndef f(): pass\n"
        "def g(x: no_such_type): pass\n"
    )
    sources = {**CORRECT, "word2vec.py": begin + CORRECT["word2vec.py"]}
    points, lines, remarks = grade("skipgram", sources)
    assert (points, lines) == ([1, 1, 1], "")
    assert "SystemExit: 2  (word2vec.py, line 6: args = p.parse_args())" in remarks[0]


def test_where_a_submission_was_graded_is_not_told(grade, tmp_path):
    """Not even by an error in a folder within, which has another name each time."""
    sources = edited("sgd.py", "x = x - step * grad", "x = open(__file__ + 'x') or x")
    lines = grade("sgd", sources)[1]
    assert lines.count("(sgd.py, line ") == 4 and str(tmp_path) not in lines


@pytest.mark.parametrize("wrap, said", [("list", "is a list"), ("np.matrix", "is a matrix")])
def test_gradients_in_another_form_count_and_are_told(grade, wrap, said):
    source = CORRECT["word2vec.py"].replace(
        "return loss, gradCenterVec, gradOutsideVecs",
        f"return loss, {wrap}(gradCenterVec), {wrap}(gradOutsideVecs)",
    )
    points, lines, remarks = grade(
        "naiveSoftmaxLossAndGradient", {**CORRECT, "word2vec.py": source}
    )
    assert (points, lines) == ([1, 1, 1], "")
    assert f"gradCenterVec {said}" in remarks[0] and f"gradOutsideVecs {said}" in remarks[1]


def test_a_row_for_a_vector_counts_and_is_told(grade):
    sources = edited(
        "word2vec.py", "np.dot(outsideVectors.T, delta)", "np.dot(outsideVectors.T, delta)[None]"
    )
    points, lines, remarks = grade("naiveSoftmaxLossAndGradient", sources)
    assert (points, lines) == ([1, 1, 1], "")
    assert len(remarks) == 1  # though the next calls have other shapes
    assert "has shape (1, 4); the values count, but it should be (4,)" in remarks[0]


def test_a_loss_in_a_list_counts_and_should_be_a_number(grade):
    source = CORRECT["word2vec.py"].replace(
        "return loss, gradCenterVec,", "return [loss], gradCenterVec,"
    )
    points, _, remarks = grade("naiveSoftmaxLossAndGradient", {**CORRECT, "word2vec.py": source})
    assert (
        points == [1, 1, 1]
        and "loss is a list; the values count, but return a number" in remarks[0]
    )


@pytest.mark.parametrize("form", ["list(s)", "s.tolist()", "tuple(s)"])
def test_a_sigmoid_that_returns_a_list_counts(grade, form):
    sources = edited("word2vec.py", "    return s\n", f"    return {form} if np.ndim(x) else s\n")
    assert grade("sigmoid", sources)[:2] == ([1, 1], "")


# ------------------------------------------------------------------------------ wrong submissions
LAST = "outsideWordIdx == len(outsideVectors) - 1"
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
    "sigmoid changes x": (
        "sigmoid",
        "    s = 1 / (1 + np.exp(-x))\n",
        "    s = 1 / (1 + np.exp(-x))\n    x *= 1.5\n",
        [0.5, 0.5],
        "x was modified",
    ),
    "no return": ("sigmoid", "    return s\n", "", [0, 0], "is the line with return missing"),
    # ---- naive softmax
    "gradients in the other order": (
        "naiveSoftmaxLossAndGradient",
        "    gradOutsideVecs = np.outer(delta, centerWordVec)\n",
        "    gradOutsideVecs = np.outer(delta, centerWordVec)\n"
        "    return loss, gradOutsideVecs, gradCenterVec\n",
        [1, 0, 0],
        "in this order",
    ),
    "two outputs": (
        "naiveSoftmaxLossAndGradient",
        "    gradOutsideVecs = np.outer(delta, centerWordVec)\n",
        "    return loss, gradCenterVec\n",
        [1, 1, 0],
        "too few values: gradOutsideVecs is missing",
    ),
    "not normalised": (
        "naiveSoftmaxLossAndGradient",
        "softmax(np.dot(outsideVectors, centerWordVec))",
        "np.exp(np.dot(outsideVectors, centerWordVec))",
        [0, 0, 0],
        "This is no softmax",
    ),
    "the row of the outside word alone": (
        "naiveSoftmaxLossAndGradient",
        "np.outer(delta, centerWordVec)",
        "np.outer(delta * (np.arange(len(delta)) == outsideWordIdx), centerWordVec)",
        [1, 1, 0],
        "each word has a term",
    ),
    "loss to base 10": (
        "naiveSoftmaxLossAndGradient",
        "-np.log(y_hat[",
        "-np.log10(y_hat[",
        [0, 1, 1],
        "to base 10",
    ),
    "loss of many numbers": (
        "naiveSoftmaxLossAndGradient",
        "loss = -np.log(y_hat[outsideWordIdx])",
        "loss = -np.log(y_hat)",
        [0, 1, 1],
        "It should be a number",
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
    "y added": (
        "naiveSoftmaxLossAndGradient",
        "delta[outsideWordIdx] -= 1",
        "delta[outsideWordIdx] += 1",
        [1, 0, 0],
        "(delta[o] += 1); it must be subtracted",
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
    "argument modified": (
        "naiveSoftmaxLossAndGradient",
        "    gradOutsideVecs = np.outer(delta, centerWordVec)\n",
        "    gradOutsideVecs = np.outer(delta, centerWordVec)\n    outsideVectors *= 0.5\n",
        [0.5, 0.5, 0.5],
        "outsideVectors was modified",
    ),
    "word 0 forgotten": (
        "naiveSoftmaxLossAndGradient",
        "delta[outsideWordIdx] -= 1",
        "delta[outsideWordIdx or -1] -= 1",
        [1, 0, 0],
        "outsideWordIdx = 0",
    ),
    "last word forgotten": (
        "naiveSoftmaxLossAndGradient",
        "delta[outsideWordIdx] -= 1",
        f"delta[outsideWordIdx - ({LAST})] -= 1",
        [1, 0, 0],
        "outsideWordIdx = 5",
    ),
    "small vocabularies only": (
        "naiveSoftmaxLossAndGradient",
        "    delta = y_hat.copy()\n",
        "    y_hat[1000:] = 0\n    delta = y_hat.copy()\n",
        [1, 0, 0],
        "right for a small vocabulary",
    ),
    # ---- negative sampling
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
    "repeated negatives once in loss and gradCenterVec": (
        "negSamplingLossAndGradient",
        "        loss -= np.log(q)\n        gradCenterVec += (1 - q) * u_k\n",
        "    for k in set(negSampleWordIndices):\n"
        "        u_k = outsideVectors[k]\n"
        "        q = sigmoid(-np.dot(u_k, centerWordVec))\n"
        "        loss -= np.log(q)\n        gradCenterVec += (1 - q) * u_k\n"
        "    for k in negSampleWordIndices:\n"
        "        q = sigmoid(-np.dot(outsideVectors[k], centerWordVec))\n",
        [1, 1, 1, 0],
        "here each counts once",
    ),
    "if for while": (
        "negSamplingLossAndGradient",
        "        while newidx == outsideWordIdx:",
        "        if newidx == outsideWordIdx:",
        [1, 1, 1, 0],
        "while, not if",
    ),
    "outside word among the negatives": (
        "negSamplingLossAndGradient",
        "while newidx == outsideWordIdx",
        "while False",
        [1, 1, 1, 0],
        "must be drawn again",
    ),
    "zeros for K = 10": (
        "negSamplingLossAndGradient",
        "    return loss, gradCenterVec, gradOutsideVecs\n\n\ndef skipgram",
        "    if K == 10: return 0.0, 0 * gradCenterVec, 0 * gradOutsideVecs\n"
        "    return loss, gradCenterVec, gradOutsideVecs\n\n\ndef skipgram",
        [0, 0, 0, 0],
        "It is all zero",
    ),
    "word 0 has no row": (
        "negSamplingLossAndGradient",
        "    gradOutsideVecs[outsideWordIdx] += (p - 1) * centerWordVec\n",
        "    if outsideWordIdx: gradOutsideVecs[outsideWordIdx] += (p - 1) * centerWordVec\n",
        [1, 1, 0, 1],
        "outsideWordIdx = 0",
    ),
    "last word has no row": (
        "negSamplingLossAndGradient",
        "    gradOutsideVecs[outsideWordIdx] += (p - 1) * centerWordVec\n",
        f"    gradOutsideVecs[outsideWordIdx] += (not {LAST}) * (p - 1) * centerWordVec\n",
        [1, 1, 1, 0],
        "outsideWordIdx = 5",
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
    "sign lost in the negatives": (
        "negSamplingLossAndGradient",
        "sigmoid(-np.dot(u_k",
        "sigmoid(np.dot(u_k",
        [0, 0, 0, 0],
        "The sign is lost in the negatives' sigmoid",
    ),
    "1 added at the true word": (
        "negSamplingLossAndGradient",
        "gradCenterVec += (p - 1) * u_o",
        "gradCenterVec += (p + 1) * u_o",
        [1, 0, 1, 1],
        "1 is added for the true word",
    ),
    "gradient put on the place in the list": (
        "negSamplingLossAndGradient",
        "gradOutsideVecs[k] += (1 - q) * centerWordVec",
        "gradOutsideVecs[negSampleWordIndices.index(k)] += (1 - q) * centerWordVec",
        [1, 1, 0, 0],
        "expected",
    ),
    "sign of the negatives' terms": (
        "negSamplingLossAndGradient",
        "gradCenterVec += (1 - q) * u_k",
        "gradCenterVec -= (1 - q) * u_k",
        [1, 0, 1, 1],
        "sign of the negatives' terms",
    ),
    "sign of the true word's term": (
        "negSamplingLossAndGradient",
        "gradCenterVec += (p - 1) * u_o",
        "gradCenterVec += (1 - p) * u_o",
        [1, 0, 1, 1],
        "sign of the true word's term",
    ),
    "1 not subtracted": (
        "negSamplingLossAndGradient",
        "gradCenterVec += (p - 1) * u_o",
        "gradCenterVec += p * u_o",
        [1, 0, 1, 1],
        "1 is not subtracted",
    ),
    "the last negative only": (
        "negSamplingLossAndGradient",
        "gradCenterVec += (1 - q) * u_k",
        "gradCenterVec = (1 - q) * u_k",
        [1, 0, 1, 1],
        "Only the last negative counts",
    ),
    "the first negative only": (
        "negSamplingLossAndGradient",
        "for k in negSampleWordIndices:",
        "for k in negSampleWordIndices[:1]:",
        [0, 0, 0, 0],
        "Only the first negative counts",
    ),
    "ten negatives always": (
        "negSamplingLossAndGradient",
        "    negSampleWordIndices = getNegativeSamples(outsideWordIdx, dataset, K)\n    grad",
        "    negSampleWordIndices = getNegativeSamples(outsideWordIdx, dataset, 10)\n    grad",
        [0, 0, 0, 1],
        "10 negatives are drawn where it must be K, here 5",
    ),
    "five negatives by default": (
        "negSamplingLossAndGradient",
        "dataset, K=10):",
        "dataset, K=5):",
        [0, 0, 0, 0],
        "5 negatives are drawn where it must be K, here 10",
    ),
    # ---- skip-gram
    "returns in the loop": (
        "skipgram",
        "    return loss, gradCenterVecs, gradOutsideVectors",
        "        return loss, gradCenterVecs, gradOutsideVectors",
        [0, 0, 0],
        "does the loop return early",
    ),
    "a window cut short": (
        "skipgram",
        "for word in outsideWords:",
        "for word in outsideWords[:windowSize]:",
        [0, 0, 0],
        "outsideWords is the window",
    ),
    "centre vector from outsideVectors": (
        "skipgram",
        "word2vecLossAndGradient(centerWordVectors[c]",
        "word2vecLossAndGradient(outsideVectors[c]",
        [0, 1, 1],
        "vector is taken from outsideVectors",
    ),
    "centre vectors for outside vectors": (
        "skipgram",
        "o, outsideVectors, dataset)",
        "o, centerWordVectors, dataset)",
        [0, 1, 1],
        "handed on where outsideVectors must be",
    ),
    "one row of the outside gradient": (
        "skipgram",
        "gradOutsideVectors += go",
        "gradOutsideVectors[o] += go[o]",
        [1, 1, 0],
        "add all rows",
    ),
    "mean over the window": (
        "skipgram",
        "    return loss, gradCenterVecs, gradOutsideVectors",
        "    n = len(outsideWords) or 1\n"
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
    "repeated outside words once": (
        "skipgram",
        "for word in outsideWords:",
        "for word in sorted(set(outsideWords)):",
        [0, 0, 0],
        "twice in the window counts twice",
    ),
    "outside words equal to the centre skipped": (
        "skipgram",
        "        o = word2Ind[word]\n",
        "        o = word2Ind[word]\n        if o == c: continue\n",
        [0, 0, 0],
        "equal to the centre word counts",
    ),
    "data set not handed on": (
        "skipgram",
        "o, outsideVectors, dataset)",
        "o, outsideVectors, None)",
        [0, 1, 1],
        "dataset is not handed on",
    ),
    "another default loss": (
        "skipgram",
        "word2vecLossAndGradient=naiveSoftmaxLossAndGradient):",
        "word2vecLossAndGradient=negSamplingLossAndGradient):",
        [0, 1, 1],
        "must be naiveSoftmaxLossAndGradient",
    ),
    "no default loss": (
        "skipgram",
        "dataset,\n             word2vecLossAndGradient=naiveSoftmaxLossAndGradient):",
        "dataset, word2vecLossAndGradient):",
        [0, 1, 1],
        "must be naiveSoftmaxLossAndGradient",
    ),
    "crash on an empty window": (
        "skipgram",
        "    for word in outsideWords:",
        "    outsideWords[0]\n    for word in outsideWords:",
        [0, 0, 0],
        "without outside words has loss 0",
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
    # ---- sgd
    "step added": ("sgd", "x - step * grad", "x + step * grad", [0, 1, 1, 1], "to go down"),
    "from x0 each time": ("sgd", "x - step * grad", "x0 - step * grad", [0, 1, 1, 1], "from x0"),
    "step divided": ("sgd", "x - step * grad", "x - step / grad", [0, 1, 1, 1], "divided by"),
    "step left out": ("sgd", "x - step * grad", "x - grad", [0, 0, 1, 1], "by the step"),
    "x is not updated": (
        "sgd",
        "        x = x - step * grad\n",
        "",
        [0, 0, 1, 1],
        "never updated",
    ),
    "x lost": ("sgd", "x = x - step * grad", "x =- step * grad", [0, 1, 1, 1], "not x =-"),
    "x0 returned and saved": (
        "sgd",
        "        x = x - step * grad\n",
        "        y = x - step * grad\n        x = x0\n",
        [0, 0, 0, 0],
        "never updated",
    ),
    "counted from 0": (
        "sgd",
        "range(start_iter + 1, iterations + 1)",
        "range(start_iter, iterations)",
        [0, 0, 0, 0],
        "counted from 0, so the step is halved after the first.",
    ),
    "counted from 0, one too many": (
        "sgd",
        "range(start_iter + 1, iterations + 1)",
        "range(start_iter, iterations + 1)",
        [0, 0, 0, 0],
        "and there is one too many",
    ),
    "one iteration only": (
        "sgd",
        "            step *= 0.5\n    return x",
        "            step *= 0.5\n        return x",
        [0, 0, 0, 0],
        "does the loop return early",
    ),
    "no return in sgd": (
        "sgd",
        "0.5\n    return x",
        "0.5\n",
        [0] * 4,
        "is the line with return missing",
    ),
    "halved once": (
        "sgd",
        "iter % ANNEAL_EVERY == 0",
        "iter == ANNEAL_EVERY",
        [1, 0, 1, 1],
        "halved only once",
    ),
    "halved too often": (
        "sgd",
        "ANNEAL_EVERY = 20000",
        "ANNEAL_EVERY = 10000",
        [1, 0, 1, 0],
        "every 10,000 iterations; it must be every 20,000",
    ),
    "postprocessing first": (
        "sgd",
        "        x = x - step * grad\n        x = postprocessing(x)\n",
        "        x = postprocessing(x)\n        x = x - step * grad\n",
        [1, 1, 0, 1],
        "",
    ),
    "goes on from the oldest save": (
        "sgd",
        "newest = max(",
        "newest = min(",
        [1, 1, 1, 0],
        "the newest one is that of 20,000",
    ),
    "f called twice": (
        "sgd",
        "        loss, grad = f(x)\n",
        "        loss, grad = f(x)[0], f(x)[1]\n",
        [1, 1, 1, 0],
        "f is called twice",
    ),
    "one iteration short": (
        "sgd",
        "range(start_iter + 1, iterations + 1)",
        "range(start_iter + 1, iterations)",
        [0, 1, 1, 0],
        "One iteration is missing",
    ),
    "no annealing": ("sgd", "step *= 0.5\n    return", "pass\n    return", [1, 0, 1, 1], "never"),
    "halved early": (
        "sgd",
        "iter % ANNEAL_EVERY == 0",
        "iter % ANNEAL_EVERY == ANNEAL_EVERY - 1",
        [1, 0, 1, 1],
        "iteration early",
    ),
    "no postprocessing": (
        "sgd",
        "        x = postprocessing(x)\n",
        "",
        [1, 1, 0, 1],
        "not applied",
    ),
    "never saves": (
        "sgd",
        "            save_params(iter, x)\n",
        "            pass\n",
        [1, 1, 1, 0],
        "save_params(iteration, x) must write",
    ),
    "saves x0": (
        "sgd",
        "            save_params(iter, x)",
        "            save_params(iter, x0)",
        [1, 1, 1, 0],
        "save_params(iteration, x) must write",
    ),
    "starts from x0 again": (
        "sgd",
        "            x = saved\n",
        "            pass\n",
        [1, 1, 1, 0],
        "x0 is taken",
    ),
    "knows no save": (
        "sgd",
        "    if useSaved:\n        start",
        "    if False:\n        start",
        [1, 1, 1, 0],
        "does not go on from the save",
    ),
    "step not restored": (
        "sgd",
        "step *= 0.5 ** (start_iter / ANNEAL_EVERY)",
        "pass",
        [1, 1, 1, 0],
        "step is that of the beginning",
    ),
    "state of random not restored": (
        "sgd",
        "random.setstate(state)",
        "pass",
        [1, 1, 1, 0],
        "state of random is not restored",
    ),
}


@pytest.mark.parametrize("function, old, new, points, said", WRONG.values(), ids=WRONG)
def test_wrong_by_one_thing_is_told(grade, function, old, new, points, said):
    file = "sgd.py" if function == "sgd" else "word2vec.py"
    got, lines, _ = grade(function, edited(file, old, new))
    assert got == points, lines
    assert said in lines
    told = ("was modified", "raises", "returns nothing", "too few values")
    assert any(words in lines for words in told) or ("expected" in lines and "got" in lines)
    if "hint" in lines:
        assert lines.index("hint") < lines.index("input")
    if "raises" in lines and "hint" not in lines:
        assert lines.index("raises") < lines.index("input")


@pytest.mark.parametrize(
    "step", ["x - step - grad", "x * step * grad", "x - step ** grad", "x - step // grad"]
)
def test_one_character_wrong_in_the_step_does_not_cost_all(grade, step):
    sources = edited("sgd.py", "x - step * grad", step)
    assert grade("sgd", sources)[0] == [0, 0, 1, 1]


# As above for what takes more than one place: function, what is replaced by what, points, told.
WRONG_IN_PLACES = {
    "logarithm forgotten": (
        "negSamplingLossAndGradient",
        {"(p - 1)": "p * (p - 1)", "(1 - q)": "q * (1 - q)"},
        [1, 0, 0, 0],
        "The logarithm is forgotten",
    ),
    "logarithm forgotten in the loss too": (
        "negSamplingLossAndGradient",
        {"-np.log(p)": "-p", "np.log(q)": "q", "(p - 1)": "p * (p - 1)", "(1 - q)": "q * (1 - q)"},
        [0, 0, 0, 0],
        "The logarithm is forgotten",
    ),
    "mean over the negatives": (
        "negSamplingLossAndGradient",
        {"(1 - q)": "(1 - q) / K", "np.log(q)": "np.log(q) / K"},
        [0, 0, 0, 0],
        "divided by K",
    ),
    "neither step nor state restored": (
        "sgd",
        {"random.setstate(state)": "pass", "step *= 0.5 ** (start_iter / ANNEAL_EVERY)": "pass"},
        [1, 1, 1, 0],
        "Neither the step nor the state",
    ),
    "from x0 each time, without annealing": (
        "sgd",
        {"x - step": "x0 - step", "step *= 0.5\n    return": "pass\n    return"},
        [0, 0, 1, 1],
        "from x0",
    ),
}


@pytest.mark.parametrize(
    "function, changes, points, said", WRONG_IN_PLACES.values(), ids=WRONG_IN_PLACES
)
def test_wrong_in_several_places_is_told(grade, function, changes, points, said):
    file = "sgd.py" if function == "sgd" else "word2vec.py"
    source = CORRECT[file]
    for old, new in changes.items():
        assert old in source
        source = source.replace(old, new)
    got, lines, _ = grade(function, {**CORRECT, file: source})
    assert got == points, lines
    assert said in lines


VECTORISED_WRONG = {
    "repeated negatives lost by +=": (
        "negSamplingLossAndGradient",
        "np.add.at(gradOutsideVecs, indices, np.outer(sign * delta, centerWordVec))",
        "gradOutsideVecs[indices] += np.outer(sign * delta, centerWordVec)",
        [1, 1, 1, 0],
        "use np.add.at",
    ),
    "sign of the negatives forgotten": (
        "negSamplingLossAndGradient",
        "np.where(np.arange(K + 1) == 0, 1, -1)",
        "np.ones(K + 1)",
        [0, 0, 0, 0],
        "The negatives have the wrong sign",
    ),
    "logarithm forgotten": (
        "negSamplingLossAndGradient",
        "delta = expit(x) - 1\n",
        "delta = expit(x) * (expit(x) - 1)\n",
        [1, 0, 0, 0],
        "The logarithm is forgotten",
    ),
    "delta turned round": (
        "naiveSoftmaxLossAndGradient",
        "np.exp(log_y_hat) - y",
        "y - np.exp(log_y_hat)",
        [1, 0, 0],
        "the sign is the other way round",
    ),
    "y added": (
        "naiveSoftmaxLossAndGradient",
        "np.exp(log_y_hat) - y",
        "np.exp(log_y_hat) + y",
        [1, 0, 0],
        "it must be subtracted",
    ),
}


@pytest.mark.parametrize(
    "function, old, new, points, said", VECTORISED_WRONG.values(), ids=VECTORISED_WRONG
)
def test_mistakes_are_told_in_vectorised_code_too(grade, function, old, new, points, said):
    got, lines, _ = grade(function, edited("word2vec.py", old, new, VECTORISED))
    assert got == points, lines
    assert said in lines


def test_what_is_shown_is_what_was_used(grade):
    """The printed input, fed to a right function again, gives the printed expected value."""
    sources = edited("word2vec.py", "loss = -np.log(y_hat", "loss = np.log(y_hat")
    _, lines, _ = grade("naiveSoftmaxLossAndGradient", sources)
    shown, _, rest = lines.partition("expected")
    text = " ".join(shown.partition("input")[2].split())
    values = re.split(r"(?:centerWordVec|outsideWordIdx|outsideVectors) = ", text)[1:]
    v, o, u = (np.array(json.loads(value)) for value in values)
    scores = u @ v
    loss = np.log(np.exp(scores).sum()) - scores[o]
    assert float(rest.split("loss = ")[1].split()[0]) == pytest.approx(loss, rel=1e-5)


def test_a_modified_argument_does_not_hide_that_a_later_case_is_wrong(grade):
    sources = edited(
        "word2vec.py",
        "    gradOutsideVecs = np.outer(delta, centerWordVec)\n",
        "    gradOutsideVecs = np.outer(delta, centerWordVec)\n    outsideVectors += 1\n"
        "    if outsideWordIdx == 0: loss = 0\n",
    )
    points, lines, _ = grade("naiveSoftmaxLossAndGradient", sources)
    assert points == [0, 0.5, 0.5] and "expected" in lines


def test_an_unstable_sigmoid_costs_nothing_and_is_told(grade):
    points, lines, remarks = grade("sigmoid")
    assert (points, lines) == ([1, 1], "") and "overflows" in remarks[0]


def test_the_remark_on_overflow_is_for_those_who_do_not_subtract_the_maximum(grade):
    function = "naiveSoftmaxLossAndGradient"
    assert grade(function)[2] == []  # it uses the course's softmax
    naive = "softmax(np.dot(outsideVectors, centerWordVec))"
    exp = "np.exp(np.dot(outsideVectors, centerWordVec))"
    points, _, remarks = grade(function, edited("word2vec.py", naive, f"{exp} / {exp}.sum()"))
    assert points == [1, 1, 1] and "overflows for large scores" in remarks[0]


@pytest.mark.parametrize(
    "old, new",
    [
        ("loss = -np.log(y_hat[", "loss = -2 * np.log(y_hat["),
        ("    delta = y_hat.copy()\n", "    delta = y_hat.copy()\n    raise ValueError\n"),
        ("= softmax(", "= np.errstate(all='raise')(softmax)("),  # it underflows
    ],
)
def test_what_is_wrong_is_not_said_to_overflow(grade, old, new):
    assert grade("naiveSoftmaxLossAndGradient", edited("word2vec.py", old, new))[2] == []


def test_an_overflow_that_raises_is_told(grade):
    sigmoid = "np.vectorize(lambda t: 1 / (1 + __import__('math').exp(-t)))(x)"
    points, _, remarks = grade("sigmoid", edited("word2vec.py", "1 / (1 + np.exp(-x))", sigmoid))
    assert points == [1, 1] and "overflows" in remarks[0]


def test_any_number_is_a_multiple_of_another_and_that_is_no_hint(grade):
    sources = edited("word2vec.py", "y_hat[outsideWordIdx])", "y_hat.max() * 0.9)")
    assert "times what it should be" not in grade("naiveSoftmaxLossAndGradient", sources)[1]
    sources = edited("word2vec.py", "y_hat[outsideWordIdx])", "y_hat[outsideWordIdx]) / len(y_hat)")
    assert "It is 0.142857 times" in grade("naiveSoftmaxLossAndGradient", sources)[1]


def test_a_starting_point_that_sgd_modifies_costs_nothing_and_is_told(grade):
    points, lines, remarks = grade("sgd", edited("sgd.py", "x = x - step", "x -= step"))
    assert (points, lines) == ([1, 1, 1, 1], "") and "x0 was modified" in remarks[0]


# ----------------------------------------------------------------------------------- not written
STUBS = {
    "raises": "    raise NotImplementedError\n",
    "raises with a word": "    raise NotImplementedError('skipgram')\n",
    "pass": "    pass\n",
    "a bare marker": (
        "    loss = 0.0\n    gradCenterVecs = np.zeros(centerWordVectors.shape)\n"
        "    gradOutsideVectors = np.zeros(outsideVectors.shape)\n\n"
        "    ### YOUR CODE HERE (~8 Lines)\n\n    ### END YOUR CODE\n\n"
        "    return loss, gradCenterVecs, gradOutsideVectors\n"
    ),
    "a marker with pass": (
        "    ### YOUR CODE HERE\n    # nothing yet\n    pass\n    ### END YOUR CODE\n"
        "    return loss\n"
    ),
    "a marker without an end": "    ### YOUR CODE HERE\n    raise NotImplementedError()\n",
}


@pytest.mark.parametrize("stub", STUBS.values(), ids=STUBS)
def test_what_is_not_written_yet_is_told_in_three_words(call, stub):
    source = CORRECT["word2vec.py"]
    head, body = source.split("    loss = 0.0\n    gradCenterVecs = np.zeros(center")
    source = (head + stub).encode()
    exercise = exercise_of("skipgram")
    items, remarks = exercise.grade(call({"word2vec.py": source}, exercise), source)
    assert [result for _, result in items] == [(0, ["not written yet"], False)] * 3
    assert remarks == []


def test_an_unwritten_step_of_sgd_is_told(grade):
    stub = (
        "        loss = None\n        ### YOUR CODE HERE (~2 lines)\n\n        ### END YOUR CODE\n"
    )
    old = "        loss, grad = f(x)\n        x = x - step * grad\n"
    points, lines, _ = grade("sgd", edited("sgd.py", old, stub))
    assert points == [0] * 4 and set(lines.splitlines()) == {"not written yet"}


def test_an_unwritten_step_that_is_a_function_of_its_own_is_told(grade):
    """As in our starter."""
    sources = edited("sgd.py", "x = x - step * grad", "x = descend(x, grad, step)")
    stub = "\n\ndef descend(x, gradient, step):\n    ### YOUR CODE HERE (~1 line)\n\n"
    sources["sgd.py"] += stub + "    ### END YOUR CODE\n"
    assert set(grade("sgd", sources)[1].splitlines()) == {"not written yet"}  # and no Python
    sources["sgd.py"] += "    pass\n"
    assert set(grade("sgd", sources)[1].splitlines()) == {"not written yet"}
    sources["sgd.py"] += "    return x - step * gradient\n"
    assert grade("sgd", sources)[0] == [1, 1, 1, 1]


def test_a_marker_with_code_behind_it_is_graded(grade):
    old = "        l, gc, go = word2vec"
    marked = "        ### YOUR CODE HERE\n" + old
    assert grade("skipgram", edited("word2vec.py", old, marked))[0] == [1, 1, 1]


def test_the_markers_of_other_functions_do_not_matter(grade):
    source = CORRECT["word2vec.py"] + "\n\ndef more():\n    ### YOUR CODE HERE\n    pass\n"
    source = "def less():\n    ### YOUR CODE HERE\n    ### END YOUR CODE\n    pass\n\n" + source
    assert grade("skipgram", {**CORRECT, "word2vec.py": source})[0] == [1, 1, 1]


# ------------------------------------------------------------------------------ what goes wrong
@pytest.mark.parametrize(
    "broken, said",
    [
        ("def broken(:\n", "SyntaxError"),
        ("import no_such_module\n", "no_such_module"),
        ("raise SystemExit(0)\n", "SystemExit"),
        ("1 / 0\n", "line 1: 1 / 0"),
        ("\x00\n", "null bytes"),
        ("x = '\udcff'\n", ""),
    ],
)
@pytest.mark.parametrize("file, function", [("word2vec.py", "skipgram"), ("sgd.py", "sgd")])
def test_a_file_that_cannot_be_imported_costs_its_own_points(grade, file, function, broken, said):
    sources = {**CORRECT, file: broken.encode("utf-8", "surrogateescape")}
    points, lines, _ = grade(function, sources)
    assert points == [0] * len(POINTS[function]) and said in lines


def test_a_function_that_is_not_there_is_named(grade):
    sources = edited("word2vec.py", "def skipgram", "def skip_gram")
    points, lines, _ = grade("skipgram", sources)
    assert points == [0, 0, 0] and "has no attribute 'skipgram'" in lines


def test_an_exception_is_told_with_its_place(grade):
    sources = edited("word2vec.py", "o = word2Ind[word]", "o = word2Ind[word + '!']")
    lines = grade("skipgram", sources)[1]
    assert "KeyError: 'f!'" in lines and "word2vec.py, line" in lines and "word + '!'" in lines


def test_what_was_reported_before_a_crash_counts(grade):
    def crash(outcome):
        return Outcome(outcome.events[:2], "the process died", "")

    assert grade("sigmoid", change=crash)[0] == [1, 0]


def too_slow(outcome):
    """As an sgd of which everything but the 40,007 iterations comes in time."""
    return Outcome(outcome.events[:-1], "it took longer than 20 s; does it loop for ever?", "")


def even_slower(outcome):
    """As an sgd of which not even 5,000 iterations come in time."""
    return Outcome(outcome.events[:-3], "it took longer than 20 s; does it loop for ever?", "")


@pytest.mark.parametrize("slow", [too_slow, even_slower])
def test_a_right_but_slow_sgd_keeps_its_points(grade, slow):
    points, lines, remarks = grade("sgd", change=slow)
    assert (points, lines) == ([1, 1, 1, 1], "")
    assert "it was judged by a few" in remarks[0]


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("            save_params(iter, x)\n", "            pass\n", "must write"),
        ("random.setstate(state)", "pass", "state of random is not restored"),
    ],
)
def test_a_very_slow_sgd_without_saves_is_found_out(grade, old, new, said):
    points, lines, _ = grade("sgd", edited("sgd.py", old, new), change=even_slower)
    assert points == [1, 1, 1, 0] and said in lines


def test_a_slow_sgd_that_does_not_anneal_is_found_out(grade):
    sources = edited("sgd.py", "step *= 0.5\n    return", "pass\n    return")
    assert grade("sgd", sources, change=too_slow)[0] == [1, 0, 1, 1]


def test_an_sgd_that_dies_in_the_long_run_is_not_taken_for_a_slow_one(grade):
    def died(outcome):
        return Outcome(outcome.events[:-1], "the process died of signal 11", "")

    points, lines, _ = grade("sgd", change=died)
    assert points == [1, 0, 1, 1] and "no result: the process died of signal 11" in lines


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
    event = {"outputs": [encoded] * 3, "after": encoded, "warnings": encoded, "imported": encoded}
    for exercise in made(1):
        points, _, _ = summary(exercise, Outcome([event] * 9, None, ""))
        assert set(points) == {0}


def test_events_that_are_no_reports_earn_nothing():
    for event in ({}, {"error": [1]}, {"outputs": 3}, {"failure": {}}, {"outputs": [{"was": []}]}):
        for exercise in made(1):
            assert set(summary(exercise, Outcome([event], None, ""))[0]) == {0}


def test_text_of_a_submission_cannot_harm_the_terminal(grade):
    old = "    c = word2Ind[currentCenterWord]\n"
    error = r"raise ValueError('\x1b[2J\ud800\x00' + 'x' * 10**6)"
    lines = grade("skipgram", edited("word2vec.py", old, f"    {error}\n"))[1]
    assert "ValueError" in lines
    assert "\x1b" not in lines and "\x00" not in lines and len(lines) < 10_000
    lines.encode("utf-8")


@pytest.mark.parametrize(
    "shape, data", [([0], []), ([0, 3], []), ([], [1e308]), ([7, 4], [1e308] * 28)]
)
@pytest.mark.filterwarnings("error")
def test_odd_arrays_are_wrong_and_no_more(shape, data):
    event = {"outputs": [{"shape": shape, "data": data}] * 3}
    for exercise in made(1):
        outcome = Outcome([event] * len(exercise.cases), None, "")
        assert set(summary(exercise, outcome)[0]) == {0}
