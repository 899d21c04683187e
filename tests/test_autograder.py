"""The autograder's exercises: what they give points for, and what they say.

    python -m pytest tests/test_autograder.py

The right solutions are those of `solutions.py`; a wrong one differs from them in a place or two.
They are called in this process, by the child's own code; test_sandbox.py is about the processes.
"""

import contextlib
import functools
import json
import os
import random
import re
import sys

import numpy as np
import pytest
from conftest import ROOT
from solutions import CORRECT, VECTORISED, edited

if os.name != "posix":
    pytest.skip("needs a POSIX system", allow_module_level=True)

from autograder import checking, child, exercises, questions  # noqa: E402
from autograder.sandbox import Outcome  # noqa: E402
from utils import gradcheck  # noqa: E402

STYLES = {
    "loops": CORRECT,
    "vectorised": {**CORRECT, "word2vec.py": VECTORISED},
    "ours": {name: (ROOT / name).read_text(encoding="utf-8") for name in CORRECT},
}
QUESTIONS = {name: q for name, q in questions.questions().items() if q.function}
POINTS = {name: [1.0] * len(question.items) for name, question in QUESTIONS.items()}


@pytest.fixture
def call(tmp_path, monkeypatch):
    """A function that calls a submission as the child does, but here: an `Outcome`."""
    count = iter(range(1000))

    def call(sources, exercise):
        folder, events = tmp_path / str(next(count)), []
        folder.mkdir()
        for name, source in sources.items():
            (folder / name).write_bytes(source if isinstance(source, bytes) else source.encode())
        task = {
            "module": exercise.module,
            "function": exercise.question.function,
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
    """A function that grades one question of a submission: points, all lines, remarks."""

    def grade(name, sources=CORRECT, seed=1, change=lambda outcome: outcome):
        exercise = exercise_of(name, seed)
        source = sources[exercise.question.file]
        outcome = change(call(sources, exercise))
        return summary(exercise, outcome, source if isinstance(source, bytes) else source.encode())

    return grade


@functools.cache
def made(seed):
    return exercises.make_exercises(seed)


def exercise_of(name, seed=1):
    return next(exercise for exercise in made(seed) if exercise.question.name == name)


def summary(exercise, outcome, source=b""):
    items, remarks = exercise.grade(outcome, source)
    lines = [f"{line.label} {line.text}" for _, result in items for line in result.lines]
    return [result.points for _, result in items], "\n".join(lines), remarks


# ------------------------------------------------------------------------------ right submissions
@pytest.mark.parametrize("seed, style", [*enumerate(STYLES)])
@pytest.mark.parametrize("name", POINTS)
def test_a_correct_submission_earns_all_points(grade, name, style, seed):
    points, lines, remarks = grade(name, STYLES[style], seed)
    assert (points, lines) == (POINTS[name], "")
    assert remarks == [] or style != "ours"  # loops overflows, vectorised has no empty windows


def test_the_points_are_those_of_the_assignment():
    assert questions.points() == {"a": 12, "b": 4, "c": 4}
    numbers = [item.number for q in questions.questions().values() for item in q.items]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.thorough
def test_inputs_are_new_each_time_and_repeatable():
    def inputs(seed):
        return [case.inputs() for e in exercises.make_exercises(seed) for case in e.cases]

    assert inputs(5) == inputs(5)
    assert sum(a == b for a, b in zip(inputs(5), inputs(6))) == 3  # the ones that overflow


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(10))
def test_every_hint_belongs_to_an_output_that_is_wrong(seed):
    for exercise in exercises.make_exercises(seed):
        checks = [check for case in exercise.cases for check in case.checks]
        shown = {
            hint
            for check in checks
            for hint, wrong in check.mistakes
            if check.item is not None
            and not checking.agrees(np.asarray(wrong), check.expected, check.tolerance)
        }
        assert shown == {hint for check in checks for hint, _ in check.mistakes}
        for check in checks:  # what another item is about is not what this one is about
            for accepted in check.accepted:
                for hint, wrong in check.mistakes:
                    assert not checking.agrees(np.asarray(wrong), accepted, check.tolerance), hint


def test_what_a_file_defines_is_graded_though_its_import_fails(grade):
    """It needs an argument, data and a decorator that are not there; has a future; and no end."""
    begin = (
        '"""Mine."""\nfrom __future__ import annotations\nimport argparse\n'
        "p = argparse.ArgumentParser()\np.add_argument('function')\nargs = p.parse_args()\n"
        "data = open(\n    'data.txt'\n)\n@nothing\n@nothing\ndef f(): pass\n"
        "def g(x: no_such_type): pass\n"
    )
    sources = {"word2vec.py": begin + CORRECT["word2vec.py"] + "assert sigmoid(0) == 3\n"}
    points, lines, remarks = grade("skipgram", sources)
    assert (points, lines) == ([1, 1, 1], "")
    assert "SystemExit: 2" in remarks[0] and "word2vec.py, line 6" in remarks[0]


def test_the_folder_that_a_submission_was_graded_in_is_not_told(grade, tmp_path):
    lines = grade("sgd", edited("x = x - step * grad", "x = open(__file__ + 'x') or x"))[1]
    assert lines.count("(sgd.py, line ") == 4 and str(tmp_path) not in lines


# ------------------------------------------------------------------------------ wrong submissions
# The question and its points | what the table says | what is replaced in a solution --> by what.
# A * stands for `thorough`.
WRONG = r"""
sigmoid 0 0 | the exponent must be -x | 1 + np.exp(-x) --> 1 + np.exp(x)
sigmoid 0 1 | raises TypeError | 1 + np.exp(-x) --> 1 + __import__("math").exp(-x)
sigmoid .5 .5 | x was modified | return s\n --> x *= 1.5\n    return s\n
sigmoid 0 0 | is the return statement missing | return s\n --> pass\n

naive-softmax 1 0 0 | in this order
    | d.dot(outsideVectors), d[:, None] --> d[:, None] * centerWordVec, d.dot(outsideVectors)#
naive-softmax 1 1 0 | too few values: gradOutsideVecs is missing
    | , d[:, None] * centerWordVec[None, :] -->
naive-softmax 0 0 0 | softmax: divide exp(u_w.v_c) by its sum over all words w.
    | softmax(outsideVectors.dot(centerWordVec)) --> np.exp(outsideVectors.dot(centerWordVec))
naive-softmax 0 0 0 | the maximum is subtracted, but
    | d = softmax(outsideVectors.dot(centerWordVec)) -->
        d = outsideVectors.dot(centerWordVec); d = np.exp(d - d.max())
naive-softmax 1 1 0 | each word has a term
    | d[:, None] --> (d * (np.arange(len(d)) == outsideWordIdx))[:, None]
naive-softmax 0 1 1 | to base 10 | -np.log(d[ --> -np.log10(d[
naive-softmax 0 1 1 | loss has shape (7,); it should be a number
    | -np.log(d[outsideWordIdx]) --> -np.log(d)
naive-softmax 0 1 1 | the minus sign is missing | -np.log(d[ --> np.log(d[
naive-softmax 0 1 1 | without the logarithm | -np.log(d[outsideWordIdx]) --> -d[outsideWordIdx]
naive-softmax 1 0 0 | y_hat where y_hat - y is needed | d[outsideWordIdx] -= 1 --> pass
naive-softmax 1 0 0 | (delta[o] += 1); it must be subtracted
    | d[outsideWordIdx] -= 1 --> d[outsideWordIdx] += 1
naive-softmax 1 0 0 | the sign is wrong
    | d[outsideWordIdx] -= 1 --> d[outsideWordIdx] -= 1; d = -d
naive-softmax 1 0 0 | true outside word is left out
    | d[outsideWordIdx] -= 1 --> d[outsideWordIdx] = 0
naive-softmax 1 1 0 | transpose
    | d[:, None] * centerWordVec[None, :] --> d[None, :] * centerWordVec[:, None]
naive-softmax 1 1 0 | wrong rows | d[:, None] --> np.roll(d, 1)[:, None]
naive-softmax 1 1 0 | 2 times the right value | d[:, None] --> 2 * d[:, None]
naive-softmax 1 1 0 | is this part written yet | d[:, None] --> 0 * d[:, None]
naive-softmax 0 .5 .5 | outsideVectors was modified
    | gradOutsideVecs[outsideWordIdx] -= centerWordVec -->
        gradOutsideVecs[outsideWordIdx] -= centerWordVec; outsideVectors += 1; loss -= 1
naive-softmax 1 0 0 | outsideWordIdx = 0 | d[outsideWordIdx] -= 1 --> d[outsideWordIdx or -1] -= 1
naive-softmax 1 0 0 | outsideWordIdx = 5
    | d[outsideWordIdx] -= 1 --> d[outsideWordIdx - (outsideWordIdx == len(d) - 1)] -= 1
naive-softmax 1 0 0 | right for a small vocabulary
    | d[outsideWordIdx] -= 1 --> d[1000:] = 0; d[outsideWordIdx] -= 1

neg-sampling 1 1 1 0 | use np.add.at
    | gradOutsideVecs[k] += (1.0 - z) --> gradOutsideVecs[k] = (1.0 - z)
neg-sampling 1 1 1 0 | here each counts once
    | for k in negSampleWordIndices --> for k in set(negSampleWordIndices)
neg-sampling 1 1 1 0 | while, not if
    | while newidx == outsideWordIdx: --> if newidx == outsideWordIdx:
neg-sampling 1 1 1 0 | must be drawn again | while newidx == outsideWordIdx: --> while False:
neg-sampling 0 0 0 0 | It is all zero
    | u_o = outsideVectors[outsideWordIdx]\n -->
        u_o = outsideVectors[outsideWordIdx]\n    if K == 10: return 0, 0 * u_o, gradOutsideVecs\n
neg-sampling 1 1 0 1 | outsideWordIdx = 0
    | gradOutsideVecs[outsideWordIdx] += (z - 1.0) -->
        gradOutsideVecs[outsideWordIdx] += (outsideWordIdx > 0) * (z - 1.0)
neg-sampling 1 1 1 0 | outsideWordIdx = 5
    | gradOutsideVecs[outsideWordIdx] += (z - 1.0) -->
        gradOutsideVecs[outsideWordIdx] += (outsideWordIdx < len(outsideVectors) - 1) * (z - 1.0)
neg-sampling 1 1 0 0 | true outside word is left out
    | gradOutsideVecs[outsideWordIdx] += (z - 1.0) * centerWordVec --> pass
neg-sampling 1 0 1 1 | true outside word is left out | gradCenterVec += (z - 1.0) * u_o --> pass
neg-sampling 0 1 1 1 | true outside word is left out | loss = -np.log(z)\n --> loss = 0\n
neg-sampling 0 0 0 0 | sign is missing in the negatives' sigmoid
    | sigmoid(-np.dot(u_k --> sigmoid(np.dot(u_k
neg-sampling 0 0 0 0 | The negatives have the wrong sign | [1.0] + [-1.0] * K --> [1.0] + [1.0] * K
neg-sampling 1 0 1 1 | 1 is added for the true word
    | gradCenterVec += (z - 1.0) * u_o --> gradCenterVec += (z + 1.0) * u_o
neg-sampling 1 0 1 1 | 1 is not subtracted
    | gradCenterVec += (z - 1.0) * u_o --> gradCenterVec += z * u_o
neg-sampling 1 0 1 1 | sign of the true word's term
    | gradCenterVec += (z - 1.0) * u_o --> gradCenterVec += (1.0 - z) * u_o
neg-sampling 1 0 1 1 | sign of the negatives' terms
    | gradCenterVec += (1.0 - z) * u_k --> gradCenterVec -= (1.0 - z) * u_k
neg-sampling 1 0 1 1 | Only the last negative counts
    | gradCenterVec += (1.0 - z) * u_k --> gradCenterVec = (1.0 - z) * u_k
neg-sampling 0 0 0 0 | Only the first negative counts
    | for k in negSampleWordIndices: --> for k in negSampleWordIndices[:1]:
neg-sampling 1 1 0 0 | rows 0, 1, 2
    | (gradOutsideVecs, rows, --> (gradOutsideVecs, np.arange(K + 1) % len(outsideVectors),
neg-sampling 0 0 0 1 | 10 negatives instead of K
    | negSampleWordIndices = getNegativeSamples(outsideWordIdx, dataset, K) -->
        negSampleWordIndices = getNegativeSamples(outsideWordIdx, dataset, 10)
neg-sampling 0 0 0 0 | 5 negatives instead of K
    | dataset, K=10):\n    negSample --> dataset, K=5):\n    negSample
neg-sampling 0 0 0 0 | must come from getNegativeSamples(
    | negSampleWordIndices = getNegativeSamples(outsideWordIdx, dataset, K) -->
        negSampleWordIndices = [random.randrange(len(outsideVectors)) for _ in range(K)]
neg-sampling 1 0 0 0 | The logarithm is missing
    | (p - 1) @ U --> (p * (p - 1)) @ U
    | ((p - 1) * signs) --> (p * (p - 1) * signs)
neg-sampling 1 .5 1 1 | gradCenterVec has shape (1, 4); it should be (4,).
    | gradCenterVec = (p - 1) @ U --> gradCenterVec = ((p - 1) @ U)[None]
neg-sampling 0 0 0 0 | The logarithm is missing
    | loss = -np.log(p).sum() --> loss = -p.sum(); p = 1 + p * (p - 1)
neg-sampling 0 0 0 0 | divided by K
    | (1.0 - z) * u_k --> (1.0 - z) / K * u_k
    | (1.0 - z) * centerWordVec\n    return --> (1.0 - z) / K * centerWordVec\n    return
    | loss -= np.log(z) --> loss -= np.log(z) / K

skipgram 0 0 0 | does the loop return early
    | gradOutsideVectors += go\n    return --> gradOutsideVectors += go\n        return
skipgram 0 0 0 | use all of outsideWords
    | for j in range(len(outsideWords)): --> for j in range(min(windowSize, len(outsideWords))):
skipgram 0 1 1 | vector is taken from outsideVectors
    | v = centerWordVectors[c] --> v = outsideVectors[c]
skipgram 0 1 1 | instead of outsideVectors
    | [c], o, outsideVectors, dataset) --> [c], o, centerWordVectors, dataset)
skipgram 0 1 1 | are swapped
    | centerWordVectors[c], o, outsideVectors, dataset) -->
        outsideVectors[c], o, centerWordVectors, dataset)
skipgram 0 0 0 | centre word and the outside words are swapped
    | c = word2Ind[currentCenterWord]\n    for --> o = word2Ind[currentCenterWord]\n    for
    | o = word2Ind[outsideWords[j]] --> c = word2Ind[outsideWords[j]]
skipgram 1 1 0 | add all rows | gradOutsideVectors += go --> gradOutsideVectors[o] += go[o]
skipgram 0 0 0 | mean over the outside words
    | return loss, gradCenterVecs, gradOutsideVectors -->
        n = len(outsideWords) or 1; return loss / n, gradCenterVecs / n, gradOutsideVectors / n
skipgram 1 0 1 | use += in the loop | gradCenterVecs[c] += gc --> gradCenterVecs[c] = gc
skipgram 0 0 0 | twice in the window must count twice
    | for w in outsideWords] --> for w in sorted(set(outsideWords))]
skipgram 0 0 0 | equal to the centre word must count
    | for w in outsideWords] --> for w in outsideWords if w != currentCenterWord]
skipgram 0 1 1 | dataset is not passed on | o, outsideVectors, dataset) --> o, outsideVectors, None)
skipgram 1 0 1 | vectors of the outside words | gradCenterVecs[c] += gc --> gradCenterVecs[o] += gc
skipgram 1 0 1 | only in the row | gradCenterVecs[c] += gc --> gradCenterVecs += gc
skipgram 0 1 1 | used as centre vectors
    | centerWordVectors[c], o, outsideVectors --> centerWordVectors[o], o, outsideVectors
skipgram 0 0 0 | naiveSoftmaxLossAndGradient is always called
    | l, gc, go = word2vecLossAndGradient( --> l, gc, go = naiveSoftmaxLossAndGradient(
skipgram 0 0 0 | negSamplingLossAndGradient is always called
    | l, gc, go = word2vecLossAndGradient( --> l, gc, go = negSamplingLossAndGradient(

sgd 0 1 1 1 | to go down | x - step * grad --> x + step * grad
sgd* 0 1 1 1 | from x0 | x - step * grad --> x0 - step * grad
sgd* 0 1 1 1 | divided by | x - step * grad --> x - step / grad
sgd 0 1 1 1 | The gradient is squared | x - step * grad --> x - step * grad**2
sgd* 0 0 1 1 | by step | x - step * grad --> x - grad
sgd* 0 1 1 1 | not x =- | x = x - step * grad --> x =- step * grad
sgd* 0 0 1 1 | never updated | x = x - step * grad --> pass
sgd* 0 0 0 0 | never updated | x = x - step * grad\n --> y = x - step * grad\n        x = x0\n
sgd 0 0 0 0 | counted from 0, so step is halved after the first.
    | range(done + 1, iterations + 1) --> range(done, iterations)
sgd* 0 0 0 0 | one iteration too many
    | range(done + 1, iterations + 1) --> range(done, iterations + 1)
sgd* 0 0 0 0 | does the loop return early
    | step = step / 2\n    return x --> step = step / 2\n        return x
sgd 0 0 0 0 | is the return statement missing | step = step / 2\n    return x --> step = step / 2
sgd 0 0 0 0 | x is None | x = x - step * grad --> x = (lambda: None)()
sgd 1 0 1 1 | halved only once | i % 20000 == 0 --> i == 20000
sgd 1 0 1 0 | every 10,000 iterations; it must be every 20,000
    | i % 20000 == 0 --> i % 10000 == 0
    | (done / 20000) --> (done / 10000)
sgd 1 1 0 1 | before the step
    | x - step * grad --> (postprocessing or (lambda x: x))(x) - step * grad
    | x = postprocessing(x)\n --> pass\n
sgd 1 1 0 1 | before f is called
    | cost, grad = f(x) --> x = (postprocessing or (lambda x: x))(x); cost, grad = f(x)
    | x = postprocessing(x)\n --> pass\n
sgd* 1 1 1 0 | iteration 20,000 | return max( --> return min(
sgd* 1 1 1 0 | f is called twice | cost, grad = f(x) --> cost, grad = f(x)[0], f(x)[1]
sgd* 0 1 1 0 | One iteration is missing
    | range(done + 1, iterations + 1) --> range(done + 1, iterations)
sgd 1 0 1 1 | never | step = step / 2 --> pass
sgd* 1 0 1 1 | iteration too early | i % 20000 == 0 --> i % 20000 == 19999
sgd* 1 1 0 1 | not applied | x = postprocessing(x) --> pass
sgd 1 1 1 0 | save_params(iteration, x) must be called | save_params(i, x) --> pass
sgd 1 1 1 0 | save_params(iteration, x) must be called | save_params(i, x) --> save_params(i, x0)
sgd* 1 1 1 0 | x0 is used instead | x = saved --> pass
sgd 1 1 1 0 | does not resume from the checkpoint | if useSaved:\n --> if False:\n
sgd 1 1 1 0 | step has its initial value | step = step * 0.5 ** (done / 20000) --> pass
sgd 1 1 1 0 | state of random is not restored | random.setstate(state) --> pass
sgd* 1 1 1 0 | Neither step nor the state
    | random.setstate(state) --> pass
    | step = step * 0.5 ** (done / 20000) --> pass
""".strip()


def rows_of(table):
    """Question, points, what is said, and the places: pairs of old and new."""
    for row in re.split(r"\n+(?=\S)", table):
        row = re.sub(r"-->\n +", "--> ", row).replace("\n   ", "").replace("\\n", "\n")
        question, said, *places = row.split(" | ")
        name, *points = question.split()
        places = [re.fullmatch("(.*) -->(?: (.*))?", place, re.DOTALL) for place in places]
        places = [(place[1], place[2] or "") for place in places]
        marks = [pytest.mark.thorough] * name.endswith("*")
        points = [*map(float, points)]
        yield pytest.param(name.strip("*"), points, said.strip("-"), places, marks=marks)


@pytest.mark.parametrize("name, points, said, places", list(rows_of(WRONG)))
def test_a_mistake_costs_its_points_and_is_named(grade, name, points, said, places):
    sources = None
    for old, new in places:
        sources = edited(old, new, sources)
    got, lines, _ = grade(name, sources)
    assert got == points, lines
    assert said in lines
    told = ("was modified", "raises", "returns nothing", "too few values", "half the points")
    assert any(words in lines for words in told) or ("expected" in lines and "got" in lines)


# As above; what is said is a remark.
HARMLESS = r"""
sigmoid 1 1 | overflows | x): --> x):
sigmoid 1 1 | overflows
    | 1 / (1 + np.exp(-x)) --> np.vectorize(lambda t: 1 / (1 + __import__("math").exp(-t)))(x)
sigmoid 1 1 | is a list | return s\n --> return s.tolist() if np.ndim(x) else s\n
sigmoid 1 1 | is a tuple | return s\n --> return tuple(s.ravel()) if np.ndim(x) == 1 else s\n
naive-softmax 1 1 1 | overflows | softmax(outsideVectors.dot(centerWordVec)) -->
        np.exp(outsideVectors.dot(centerWordVec)) / np.exp(outsideVectors.dot(centerWordVec)).sum()
naive-softmax 1 1 1 | gradCenterVec is a list
    | loss, d.dot(outsideVectors) --> loss, d.dot(outsideVectors).tolist()
naive-softmax 1 1 1 | gradOutsideVecs is a matrix
    | d[:, None] * centerWordVec[None, :] --> (d[:, None] * centerWordVec).view(np.matrix)
naive-softmax 1 1 1 | loss is a list | return loss, d.dot --> return [loss], d.dot
neg-sampling 1 1 1 1 | - | def getNegativeSamples --> def lost
neg-sampling 1 1 1 1 | - | in negSampleWordIndices:\n --> in np.array(negSampleWordIndices):\n
neg-sampling 1 1 1 1 | - | import random\n --> import random, helper\n
neg-sampling 1 1 1 1 | - | loss = -np.log(z)\n --> loss = np.array([-np.log(z)])\n
neg-sampling 1 1 1 1 | - | def skipgram( -->
        gradcheck_naive(lambda x: (np.sum(x), 3 * x), np.ones(2), "wrong")\n\n\ndef skipgram(
neg-sampling 1 1 1 1 | - | def skipgram( -->
        p = argparse.ArgumentParser()\np.add_argument("x", nargs="?")\np.parse_args()\ndef skipgram(
neg-sampling 1 1 1 1 | - | def skipgram( --> np.random.seed(1)\n\n\ndef skipgram(
skipgram 1 1 1 | without outside words
    | for j in range(len(outsideWords)): --> outsideWords[0]\n    for j in range(len(outsideWords)):
skipgram 1 1 1 | is the default | naiveSoftmaxLossAndGradient):\n    loss = 0.0 -->
        negSamplingLossAndGradient):\n    loss = 0.0
skipgram 1 1 1 | is the default
    | =naiveSoftmaxLossAndGradient):\n    loss = 0.0 --> ):\n    loss = 0.0
sgd 1 1 1 1 | x0 was modified | x = x - step * grad --> x -= step * grad
""".strip()


@pytest.mark.parametrize("name, points, said, places", list(rows_of(HARMLESS)))
def test_what_is_harmless_costs_nothing_and_is_a_remark(grade, name, points, said, places):
    got, lines, remarks = grade(name, {**edited(*places[0]), "helper.py": "import math\n"})
    assert (got, lines) == (points, "")
    remarks = [remark for remark in remarks if said == "overflows" or "overflows" not in remark]
    assert len(remarks) == bool(said) and said in "".join(remarks)


def test_lines_come_in_an_order_that_helps(grade):
    """The hint, then the input, what was expected, what came out; an exception before the input."""
    _, lines, _ = grade("sigmoid", edited("1 + np.exp(-x)", "1 + np.exp(x)"))
    labels = [line.split()[0] for line in lines.split("\n") if line[0] != " "]
    assert labels == ["hint", "input", "expected", "got"] * 2
    _, lines, _ = grade("skipgram", edited("o = word2Ind[outsideWords[j]]", "o = word2Ind['!']"))
    assert lines.index("KeyError: '!'") < lines.index("input")
    assert "word2vec.py, line" in lines and "word2Ind['!']" in lines


def test_what_is_shown_is_what_was_used(grade):
    """The printed input, fed to a right function again, gives the printed expected value."""
    _, lines, _ = grade("naive-softmax", edited("loss = -np.log(d[", "loss = np.log(d["))
    shown, _, rest = lines.partition("expected")
    text = " ".join(shown.partition("input")[2].split())
    values = re.split(r"(?:centerWordVec|outsideWordIdx|outsideVectors) = ", text)[1:]
    v, o, u = (np.array(json.loads(value)) for value in values)
    scores = u @ v
    loss = np.log(np.exp(scores).sum()) - scores[o]
    assert float(rest.split("loss = ")[1].split()[0]) == pytest.approx(loss, rel=1e-5)


def test_any_number_is_a_multiple_of_another_and_that_is_no_hint(grade):
    sources = edited("-np.log(d[outsideWordIdx])", "-np.log(d.max() * 0.9)")
    assert "hint" not in grade("naive-softmax", sources)[1]
    sources = edited("-np.log(d[outsideWordIdx])", "-np.log(d[outsideWordIdx]) / len(d)")
    assert "It is 0.142857 times" in grade("naive-softmax", sources)[1]


@pytest.mark.parametrize(
    "old, new",
    [
        ("loss = -np.log(d[", "loss = -2 * np.log(d["),
        ("    d[outsideWordIdx] -= 1\n", "    raise ValueError\n"),
        ("d = softmax(", "d = np.errstate(all='raise')(softmax)("),  # it underflows
    ],
)
def test_what_is_wrong_is_not_said_to_overflow(grade, old, new):
    assert grade("naive-softmax", edited(old, new))[2] == []


def test_a_fault_of_the_softmax_costs_skipgram_nothing(grade):
    sources = edited(
        "gradOutsideVecs[outsideWordIdx] -= centerWordVec",
        "gradOutsideVecs[outsideWordIdx] -= centerWordVec; outsideVectors *= 0.5",
    )
    assert grade("naive-softmax", sources)[0] == [0.5, 0.5, 0.5]
    assert grade("skipgram", sources)[:2] == ([1, 1, 1], "")


# ------------------------------------------------------------------------------------ not written
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
def test_what_is_not_written_yet_is_told_in_three_words(grade, stub):
    head, _ = CORRECT["word2vec.py"].split("    loss = 0.0\n    gradCenterVecs = np.zeros(center")
    points, lines, remarks = grade("skipgram", {"word2vec.py": head + stub})
    assert (points, remarks) == ([0, 0, 0], [])
    assert [line.strip() for line in lines.split("\n")] == ["not written yet"] * 3


def test_an_unwritten_step_of_sgd_is_told_in_a_function_of_its_own_too(grade):
    stub = "        cost = 0\n        ### YOUR CODE HERE (~2 lines)\n\n        ### END YOUR CODE\n"
    sources = edited("        cost, grad = f(x)\n        x = x - step * grad\n", stub)
    assert set(grade("sgd", sources)[1].split("\n")) == {" not written yet"}
    sources = edited("x = x - step * grad", "x = descend(x, grad, step)")  # as in our starter
    sources["sgd.py"] += "\n\ndef descend(x, gradient, step):\n    ### YOUR CODE HERE (~1 line)\n\n"
    for line in ("    ### END YOUR CODE\n", "    pass\n"):  # the first makes no Python
        sources["sgd.py"] += line
        assert set(grade("sgd", sources)[1].split("\n")) == {" not written yet"}
    sources["sgd.py"] += "    return x - step * gradient\n"
    assert grade("sgd", sources)[0] == [1, 1, 1, 1]


def test_other_markers_do_not_matter(grade):
    old = "        l, gc, go = word2vec"
    source = edited(old, "        ### YOUR CODE HERE\n" + old)["word2vec.py"]
    source += "\n\ndef more():\n    ### YOUR CODE HERE\n    pass\n"
    source = "def less():\n    ### YOUR CODE HERE\n    ### END YOUR CODE\n    pass\n\n" + source
    assert grade("skipgram", {"word2vec.py": source})[0] == [1, 1, 1]


# ------------------------------------------------------------------------------ what goes wrong
@pytest.mark.parametrize(
    "broken, said, short",
    [
        ("def broken(:\n", "SyntaxError", "SyntaxError in {file}, line 1"),
        ("import no_such_module\n", "no_such_module", "ModuleNotFoundError in {file}, line 1"),
        ("\nraise SystemExit(0)\n", "SystemExit", "SystemExit in {file}, line 2"),
        ("1 / 0\n", "line 1: 1 / 0", "ZeroDivisionError in {file}, line 1"),
        ("\x00\n", "null bytes", "Error in {file}"),
        ("x = '\udcff'\n", "", "Error in {file}"),
    ],
)
@pytest.mark.parametrize("file, name", [("word2vec.py", "skipgram"), ("sgd.py", "sgd")])
def test_a_file_that_cannot_be_loaded_is_told_with_the_place(call, file, name, broken, said, short):
    exercise, source = exercise_of(name), broken.encode("utf-8", "surrogateescape")
    items, _ = exercise.grade(call({file: source}, exercise), source)
    for _, result in items:
        assert result.points == 0 and result.broken and said in result.lines[0].text
        assert short.format(file=file) in result.why


def test_a_function_that_is_not_there_is_named(grade):
    points, lines, _ = grade("skipgram", edited("def skipgram", "def skip_gram"))
    assert points == [0, 0, 0] and "word2vec.py has no function skipgram" in lines


def ended(n_events, timed_out=False):
    """A change of an outcome: the process ended after so many events."""
    return lambda outcome: Outcome(outcome.events[:n_events], "it ended", "", timed_out)


def test_what_was_reported_before_a_crash_counts(grade):
    points, lines, _ = grade("sigmoid", change=ended(2))
    assert points == [1, 0] and "no result: it ended" in lines


@pytest.mark.parametrize("n", [-1, -3])  # neither 40,007 iterations in time, nor 5,000
def test_a_right_but_slow_sgd_keeps_its_points(grade, n):
    points, lines, remarks = grade("sgd", change=ended(n, timed_out=True))
    assert (points, lines) == ([1, 1, 1, 1], "") and "shorter" in remarks[0]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "n, old, new, points",
    [
        (-3, "save_params(i, x)", "pass", [1, 1, 1, 0]),
        (-3, "random.setstate(state)", "pass", [1, 1, 1, 0]),
        (-1, "step = step / 2", "pass", [1, 0, 1, 1]),
    ],
)
def test_a_mistake_of_a_slow_sgd_is_found(grade, n, old, new, points):
    assert grade("sgd", edited(old, new), change=ended(n, timed_out=True))[0] == points


def test_an_sgd_that_dies_in_the_long_run_is_not_taken_for_a_slow_one(grade):
    assert grade("sgd", change=ended(-1))[0] == [1, 0, 1, 1]


NO_ARRAYS = [None, [], "x", {}, {"shape": [1]}, {"shape": [2], "data": [1.0]}]
NO_ARRAYS += [{"shape": [-1], "data": []}, {"shape": [10**30], "data": []}]
NO_ARRAYS += [{"shape": [True], "data": [1.0]}, {"shape": [1] * 99, "data": [1.0]}]
NO_ARRAYS += [{"shape": [1], "data": [x]} for x in ("1", [1.0], 10**400)]
NO_ARRAYS += [{"shape": "a", "data": "b"}]
ODD = [([0], []), ([0, 3], []), ([], [1e308]), ([7, 4], [1e308] * 28)]
EVENTS = [{"outputs": [x] * 3, "after": x, "overflowed": x, "imported": x} for x in NO_ARRAYS]
EVENTS += [{"outputs": [{"shape": shape, "data": data}] * 3} for shape, data in ODD]
EVENTS += [{}, {"error": [1]}, {"error": {"kind": []}}, {"outputs": 3}, {"outputs": [{"was": []}]}]
EVENTS += [{"missing": 1, "imported": {}}, {"missing": 1, "imported": 3}]


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.filterwarnings("error")
def test_an_odd_report_earns_nothing_and_no_more(event):
    for exercise in made(1):
        for events in ([event], [event] * len(exercise.cases)):
            assert set(summary(exercise, Outcome(events, None, ""))[0]) == {0}


def test_text_of_a_submission_cannot_harm_the_terminal(grade):
    error = r"raise ValueError('\x1b[2J\ud800\x00' + 'x' * 10**6)"
    lines = grade("skipgram", edited("o = word2Ind[outsideWords[j]]", error))[1]
    assert "ValueError" in lines
    assert "\x1b" not in lines and "\x00" not in lines and len(lines) < 10_000
    lines.encode("utf-8")
