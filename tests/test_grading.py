"""The autograder's command: the run, printed losses, a class, and what the command line says.

python -m pytest tests/test_grading.py
"""

import csv
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT, python_command, run_python
from solutions import CORRECT, edited, make_zip

if os.name != "posix":
    pytest.skip("needs a POSIX system", allow_module_level=True)

from autograder import __main__ as command  # noqa: E402
from autograder import (  # noqa: E402
    archive,
    exercises,
    fingerprints,
    make_fingerprints,
    pack,
    questions,
    results,
    run_part,
    sandbox,
    whole_class,
)
from autograder.checking import Line  # noqa: E402
from autograder.results import Grading, Row  # noqa: E402
from training.fast.sampler import Windows  # noqa: E402

GRADER = ROOT / "autograder"
PUBLISHED = fingerprints.PUBLISHED
PICTURE = (ROOT / "docs" / "word_vectors.png").read_bytes()
EMPTY_MARKER = "    ### YOUR CODE HERE\n    ### END YOUR CODE\n"


# ---------------------------------------------------------------------------------------- the run
def npy(array):
    """An array as np.save writes it."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def with_shape(text):
    """A file whose header tells a shape."""
    return npy(np.zeros((4, 3))).replace(b"(4, 3), ", text.ljust(8))


WRONG_PARAMS = {
    "not an array": (b"hello", "np.save"),
    "empty": (b"", "np.save"),
    "objects": (npy(np.zeros((4, 3))).replace(b"'<f8'", b"'|O' "), "object, not floats"),
    "cut off": (npy(np.zeros((4, 3)))[:-1], "shorter"),
    "too long": (npy(np.zeros((4, 3))) + b"x", "longer"),
    "a lying header": (with_shape(b"(999999999998, 2), "), "shorter"),
    "deeply nested header": (with_shape(b"(" * 8), "np.save"),
    "negative shape": (with_shape(b"(-2,-6),"), "has shape (-2, -6)"),
    "boolean shape": (with_shape(b"(2,True)"), "has shape (2, True)"),
    "complex": (npy(np.zeros((4, 3), dtype=complex)), "not floats"),
    "integers": (npy(np.zeros((4, 3), dtype=int)), "int64, not floats"),
    "odd rows": (npy(np.zeros((5, 3))), "it must be (2V, D)"),
    "a vector": (npy(np.zeros(6)), "it must be (2V, D)"),
    "nan": (npy(np.array([[0.0, 1], [np.nan, 0]])), "first in row 1"),
    "huge numbers": (npy(np.array([[1e300, 1], [1, 0]])), "diverged"),
    "one dimension": (npy(np.ones((39_078, 1))), "has shape (39078, 1)"),
    "another vocabulary": (npy(np.ones((2 * 19_534, 10))), "SST read as ASCII"),
    "zeros": (npy(np.zeros((39_078, 10))), "0 of 10 dimensions"),
    "two dimensions": (npy(np.eye(39_078, 10) * (np.arange(10) < 2)), "2 of 10"),
}


@pytest.mark.parametrize("content, said", WRONG_PARAMS.values(), ids=WRONG_PARAMS)
def test_params_that_no_run_leaves_earn_nothing_and_are_told_why(content, said):
    rows, known, _ = run_part.grade_params({archive.PARAMS: content}, 1)
    assert [row.points for row in rows] == [0, 0] and known is None
    assert said in rows[0].lines[0].text and rows[0].graded


def test_a_run_on_the_stand_in_data_is_not_graded(tmp_path, grader):
    np.save(tmp_path / archive.PARAMS, some_params(shape=(2 * 18_951, 10)))
    status, table, _ = grader(tmp_path, "-q", "run", "--one")
    assert status == 3 and table.count("  ?      c.") == 2
    assert "NOT GRADED" in table and "Rotten Tomatoes" in table


def test_params_in_any_layout_are_read():
    a = np.arange(12.0).reshape(4, 3)
    for array in (a, np.asfortranarray(a), a.astype(">f8"), a.astype(np.float32)):
        assert np.array_equal(run_part.read_params({archive.PARAMS: npy(array)}), a)


def some_params(scale=1.0, shape=run_part.SHAPE):
    return scale * np.random.default_rng(1).normal(size=shape)


@pytest.mark.thorough
@pytest.mark.usefixtures("sst")
def test_random_vectors_earn_nothing():
    first, second = run_part.grade_params({archive.PARAMS: npy(some_params())}, 1)[0]
    assert (first.points, second.points) == (0, 0)
    assert "not trained" in first.lines[0].text and "Before training" in second.lines[0].text


@pytest.mark.thorough
@pytest.mark.usefixtures("sst")
def test_a_table_of_unigram_odds_is_no_run_and_with_noise_gets_a_remark():
    corpus = run_part.load_corpus()
    f = corpus.frequencies
    near, noise = f * (1 - corpus.rejectProb()), f**0.75
    params = np.zeros(run_part.SHAPE)
    params[: len(f), 0] = 1
    params[len(f) :, 0] = np.log(near / near.sum()) - np.log(10 * noise / noise.sum())
    assert run_part.window_loss(params, corpus, 1)[0] == pytest.approx(9.24, abs=0.15)
    rows = run_part.grade_params({archive.PARAMS: npy(params)}, 1)[0]
    assert [row.points for row in rows] == [0, 0]
    noisy = params + some_params(0.001)
    rows, known, remarks = run_part.grade_params({archive.PARAMS: npy(noisy)}, 1)
    assert [row.points for row in rows] == [1, 2] and known is None
    assert "9.24" in remarks[0]


def test_the_share_of_the_points_for_a_loss():
    losses = (9.5, 10.2, 10.3, 12.0, 12.1, float("nan"))
    assert [run_part.share_for(loss) for loss in losses] == [1, 1, 0.5, 0.5, 0, 0]


@pytest.fixture
def no_data(monkeypatch):
    """The treebank is not here, and cannot be had."""

    def no_net(log):
        raise run_part.DatasetError("no net")

    monkeypatch.setattr(run_part, "find_dataset", lambda: None)
    monkeypatch.setattr(run_part, "ensure_dataset", no_net)


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize(
    "known, points",
    [
        (PUBLISHED, [1, 2]),
        ("resumed at 20000", [1, 2]),
        ("only 15000 iterations", [1, 1]),
        ("mean over the window", [1, 0]),
        ("not trained", [0, 0]),
    ],
)
def test_without_data_a_known_run_has_the_loss_that_it_prints(known, points):
    files = {archive.PARAMS: npy(with_fingerprint(known))}
    rows, recognised, _ = run_part.grade_params(files, 1)
    assert recognised == known and [row.points for row in rows] == points
    assert all(row.graded for row in rows) and "no net" in rows[1].lines[0].text


@pytest.mark.thorough
@pytest.mark.usefixtures("no_data")
def test_without_data_another_run_is_not_graded_and_that_is_said(tmp_path, grader):
    """It may be right, so it must not look as if it had lost points."""
    path = make_zip(tmp_path / "a.zip", {archive.PARAMS: npy(some_params())})
    status, table, _ = grader(path, "-q", "run")
    assert status == 3 and "?      c.2" in table and "NOT GRADED" in table and "no net" in table


@pytest.mark.usefixtures("sst")
def test_window_loss_is_that_of_the_textbook():
    """Against word2vec.py's own functions, drawn window by window from the same state."""
    import word2vec

    corpus = run_part.load_corpus()
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
    "name, content, points, said",
    [
        ("word_vectors.png", PICTURE, 1, "pixels"),
        ("plot.png", PICTURE, 1, "should be called word_vectors.png"),
        ("word_vectors.png", b"GIF89a", 0, "not a PNG picture"),
    ],
)
def test_the_picture_must_be_a_png_and_have_its_name(name, content, points, said):
    row = run_part.grade_picture({name: content})
    assert row.points == points and said in row.lines[0].text


# ------------------------------------------------------------------------------------ fingerprints
def with_fingerprint(name):
    """Random vectors, moved to where their projections are those of a run."""
    rows, columns = fingerprints.weights()
    params = some_params(0.5)
    gram = (rows @ rows.T) * (columns @ columns.T)
    wanted = fingerprints.load()["projections"][name] - fingerprints.fingerprint(params)
    return params + np.einsum("k,kr,kd->rd", np.linalg.solve(gram, wanted), rows, columns)


def test_what_is_known_of_the_runs_is_complete():
    known = fingerprints.load()
    finished = set(known["losses"])
    unfinished = {f"only {n} iterations" for n in range(5000, 40_000, 5000)}
    assert {*known["projections"]} == {*finished, *unfinished, "not trained"}
    for name, losses in known["losses"].items():
        first = int(name.split()[-1]) if name.startswith("resumed") else 0
        assert list(losses) == list(range(first + 5000, 40_001, 5000))
    assert {*known["own_losses"], *fingerprints.WRONG_PART} <= finished
    assert {"no annealing", *make_fingerprints.KERNELS} - {PUBLISHED} == {*fingerprints.WRONG_PART}
    assert all(fingerprints.describe(name) for name in known["projections"])


@pytest.mark.thorough
@pytest.mark.parametrize("name", fingerprints.load()["projections"])
def test_each_run_is_recognised_and_no_other(name):
    params = with_fingerprint(name)
    assert fingerprints.recognise(params) == name
    assert fingerprints.recognise(params * (1 + 1e-13)) == name
    assert fingerprints.recognise(params.astype(np.float32)) == name
    params[random.Random(name).randrange(len(params)), 3] += 1e-5
    assert fingerprints.recognise(params) is None
    assert fingerprints.recognise(params[:-2]) is None


@pytest.mark.thorough
@pytest.mark.usefixtures("sst")
def test_vectors_forged_to_have_the_projections_are_found_out_by_their_loss():
    rows, known, _ = run_part.grade_params({archive.PARAMS: npy(with_fingerprint(PUBLISHED))}, 1)
    assert [row.points for row in rows] == [0, 0] and known is None


@pytest.mark.thorough
@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize(
    "known, wrong, said",
    [
        (PUBLISHED, [], None),
        (PUBLISHED, ["a.8"], "(a.8)"),
        (PUBLISHED, ["b.2"], "(b.2)"),
        ("resumed at 5000", ["a.8", "b.1"], "(a.8)"),
        ("no annealing", ["b.2"], None),
        ("no annealing", [], "no annealing"),
        ("repeated negatives count once", ["b.2"], "count once"),
        ("not trained", ["a.9"], None),
    ],
)
def test_vectors_that_the_code_cannot_have_made_are_told_and_may_cost_the_points(
    known, wrong, said
):
    files = {archive.PARAMS: npy(with_fingerprint(known))}
    rows, remarks, doubts = run_part.grade_run(files, 1, wrong=wrong)
    assert [said in doubt for doubt in doubts] == [True] * bool(said)
    assert any(known in remark for remark in remarks) == (known != PUBLISHED)
    strict = run_part.grade_run(files, 1, wrong=wrong, strict=True)[0]
    assert [r.points for r in strict] == ([0, 0, 0] if said else [r.points for r in rows])


@pytest.mark.slow
@pytest.mark.usefixtures("sst")
def test_each_mistake_changes_the_run_and_the_log_begins_as_published():
    corpus = make_fingerprints.new_corpus()
    start = make_fingerprints.Settings().initial_vectors(len(corpus.words))
    names = set(make_fingerprints.KERNELS) - {"no annealing"}
    runs = {name: make_fingerprints.Run(start, name) for name in names}
    make_fingerprints.train(list(runs.values()), corpus, last=100)
    assert runs[PUBLISHED].right[10] == pytest.approx(19.061546, abs=5e-7)
    prints = [fingerprints.fingerprint(run.params) for run in runs.values()]
    for i, a in enumerate(prints):
        for b in prints[:i]:
            assert np.abs(a - b).max() > 100 * fingerprints.TOLERANCE


@pytest.mark.parametrize(
    "name, hint",
    [
        ("repeated negatives are dropped", "counts k times"),
        ("logarithm forgotten", "logarithm"),
        ("1 added at the true word", "1 is added for the true word"),
    ],
)
def test_a_run_makes_the_mistake_that_its_hint_is_about(name, hint):
    rng, one = np.random.default_rng(1), np.array([0])
    v, u, negatives = rng.normal(size=3), rng.normal(size=(6, 3)), [1, 2, 1, 4, 3]
    case = exercises.negative_sampling_case(v, 0, u, negatives, 5)
    wrong = [next(x for said, x in check.mistakes if hint in said) for check in case.checks]
    params = np.concatenate((np.tile(v, (6, 1)), u))
    after, kernel = params.copy(), make_fingerprints.KERNELS[name]
    windows = Windows(one, one + 1, one, np.array([negatives]), one)
    _, loss = make_fingerprints.descend(after, windows, make_fingerprints.BATCH, kernel)
    gradients = np.split(params - after, 2)
    assert loss * make_fingerprints.BATCH == pytest.approx(wrong[0])
    np.testing.assert_allclose(gradients[0][0], wrong[1], atol=1e-12)
    np.testing.assert_allclose(gradients[1], wrong[2], atol=1e-12)


# --------------------------------------------------------------------------------- printed losses
@pytest.mark.parametrize(
    "printed, run",
    [
        ("9.8122", "published, iteration 40000"),
        ("19.285125", "published, iteration 4000"),  # not a checkpoint
        ("nan", "nan: the run diverged"),
        ("-inf", "-inf: the run diverged"),
    ],
)
def test_a_printed_loss_is_named(grader, printed, run):
    status, out, _ = grader(f"--loss={printed}")
    assert status == 0 and out.startswith(run)


def test_every_loss_that_is_known_is_found():
    for runs in (fingerprints.load()["losses"], fingerprints.load()["own_losses"]):
        for name, losses in runs.items():
            for iteration, loss in losses.items():
                found = fingerprints.runs_with_loss(f"{loss:.6f}")
                assert any(line.startswith(f"{name}, iteration {iteration}") for line in found)


@pytest.mark.parametrize("printed", ["6.836423", "9.812207", "9.81220600001"])
def test_an_unknown_loss_is_said_to_be_unknown(grader, printed):
    status, out, _ = grader("--loss", printed)
    assert status == 1 and printed in out and "9.24" in out


# ------------------------------------------------------------------------------------ the command
@pytest.fixture
def grader(capsys):
    """A function that runs the command in this process: status, output, errors."""

    def run(*arguments):
        try:
            status = command.main([str(argument) for argument in arguments])
        except SystemExit as error:
            status = error.code
        return (status, *capsys.readouterr())

    return run


def run_grader(*arguments, **environment):
    """The command, as a user runs it."""
    return run_python(GRADER, *arguments, cwd="/", **environment)


def checked_results(path):
    """The content of a results.json, which must be as Gradescope wants it."""
    content = json.loads(path.read_text(encoding="ascii"))
    assert set(content) == {
        *("score", "execution_time", "output", "visibility", "stdout_visibility", "tests"),
        *("leaderboard", "extra_data"),
    }
    assert isinstance(content["score"], (int, float)) and isinstance(content["output"], str)
    assert (content["visibility"], content["stdout_visibility"]) == ("visible", "hidden")
    for test in content["tests"]:
        assert 0 <= test["score"] <= test["max_score"] and isinstance(test["number"], str)
        assert test["status"] in ("passed", "failed") and test["visibility"] == "visible"
    return content


def squeezed(table):
    return [" ".join(line.split()) for line in table.splitlines()]


def folder_of(tmp_path, sources=CORRECT):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, source in sources.items():
        (folder / name).write_text(source, encoding="utf-8")
    return folder


def test_our_own_zip_gets_20(full_run, tmp_path):
    """What collect_submission.sh packs after the full run."""
    files = {name: (ROOT / name).read_bytes() for name in CORRECT}
    for name in (archive.PARAMS, "word_vectors.png"):
        files[name] = (full_run / name).read_bytes()
    path, out = make_zip(tmp_path / "assignment2.zip", files), tmp_path / "results.json"
    done = run_grader(path, "--results", out)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    content = checked_results(out)
    assert content["score"] == 20 and all(t["status"] == "passed" for t in content["tests"])
    assert "Equal to the published result" in done.stdout and "Remark" not in done.stdout


@pytest.mark.thorough
def test_the_command_prints_a_table_and_writes_results(tmp_path):
    sources = edited("gradCenterVecs[c] += gc", "gradCenterVecs[c] = gc")
    path, out = make_zip(tmp_path / "a\x1b[2J.zip", sources), tmp_path / "results.json"
    done = run_grader(path, "--results", out, "--seed", 7, LC_ALL="C", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (1, "")
    assert "--seed 7" in done.stdout and "use += in the loop" in done.stdout
    assert sandbox.find_wall().value in " ".join(done.stdout.split())
    assert "\x1b" not in done.stdout and "a?[2J.zip" in done.stdout
    for line in (
        "(a) word2vec.py 11 / 12",
        "(b) sgd.py 4 / 4",
        "sgd.py is complete. Next: `python run.py` trains the vectors and draws them.",
        "(c) the run 0 / 4",
        "to do c.1 run: saved_params_40000.npy 0 / 1",
        "total 15 / 20",
    ):
        assert line in squeezed(done.stdout)
    content = checked_results(out)
    assert content["score"] == 15 and content["extra_data"]["seed"] == "7"
    assert content["tests"][-2]["output"] == "See c.1."


def test_one_question_is_graded_after_those_it_rests_on(tmp_path, grader):
    status, table, _ = grader(folder_of(tmp_path), "-q", "neg-sampling")
    rows = [line for line in squeezed(table) if re.match(r"(ok|WRONG) ", line)]
    assert [row.split()[1] for row in rows] == ["a.1", "a.2", "a.6", "a.7", "a.8", "a.9"]
    assert status == 0 and "total 6 / 6" in squeezed(table)
    assert "(b)" not in table and "(c)" not in table and "complete" not in table


@pytest.mark.thorough
def test_a_file_itself_is_graded_for_its_part(tmp_path, grader):
    sources = edited("x - step * grad", "x - helper.times(step, grad)")
    sources["sgd.py"] = "import helper\n" + sources["sgd.py"]
    sources["helper.py"] = "from operator import mul as times\n"
    status, table, _ = grader(folder_of(tmp_path, sources) / "sgd.py")
    assert status == 0 and "total 4 / 4" in squeezed(table)
    assert "is complete. Next:" in table


def test_other_points_for_the_parts(tmp_path, grader):
    path, out = folder_of(tmp_path), tmp_path / "results.json"
    status, table, _ = grader(path, "-q", "sigmoid", "--points", "30,8,2", "--results", out)
    assert status == 0 and "(a) word2vec.py 5 / 5" in squeezed(table)
    assert "ok a.1 sigmoid of an array 2.5 / 2.5" in squeezed(table)
    assert checked_results(out)["score"] == 5


def test_points_that_are_no_whole_numbers_add_up():
    rows = [Row("sigmoid", f"a.{i}", "t", 1, 1, []) for i in range(12)]
    rows[0] = rows[0]._replace(points=0.5)
    points = {"a": 12, "b": 4, "c": 4}
    grading = Grading([], points, rows).worth({"a": 10, "b": 4, "c": 2})
    assert results.most(grading.rows) == 10 and results.total(grading.rows) == 9.5833
    assert [row.passed() for row in grading.rows] == [False] + [True] * 11


def test_the_lines_of_a_row_are_indented_and_wrapped():
    row = Row("sgd", "b.1", "t", 0, 1, [Line("word " * 40, "hint"), Line("two\nlines")])
    grading = Grading(["h"], {"a": 12, "b": 4, "c": 4}, [row], remarks=["x " * 80])
    lines = results.table(grading).splitlines()
    assert max(map(len, lines)) <= results.WIDTH and " " * 9 + "lines" in lines
    assert sum(line.startswith(" " * 19 + "word") for line in lines) >= 1


USAGE = {
    "nothing": ([], "nothing to grade"),
    "no such file": (["none.zip"], "there is no none.zip"),
    "no such file, in red": (["\x1b[31m.zip"], "there is no ?[31m.zip"),
    "another module": (["run.py"], "sgd.py and word2vec.py are"),
    "no folder for the results": (["a.zip", "--results", "/no/folder/x"], "/no/folder/x"),
    "results naming a folder": (["a.zip", "--results", "/"], "write /:"),
    "csv naming a submission": (["a.zip", "--csv", "./a.zip"], "a.zip"),
    "results naming a pipe": (["a.zip", "--results", "pipe"], "pipe"),
    "feedback among submissions": (["class", "--feedback", "class/texts"], "class/texts"),
    "feedback naming a file": (["a.zip", "--feedback", "run.py"], "run.py"),
    "results of several": (["a.zip", "a.zip", "--results", "r.json"], "use --csv"),
    "results of a class": (["class", "--results", "r.json"], "use --csv"),
    "a negative seed": (["a.zip", "--seed", "-1"], "must not be negative"),
    "no loss": (["--loss", "9,812206"], "9,812206"),
    "a loss of few digits": (["--loss", "9.8"], "such as 9.812206"),
    "two points": (["a.zip", "--points", "12,4"], "such as 12,4,2"),
    "points below 0": (["a.zip", "--points=12,4,-1"], "such as 12,4,2"),
    **{
        f"{seconds} seconds": (["a.zip", f"--seconds={seconds}"], "must be from 1 to 3600")
        for seconds in ("nan", "0", "1e20")
    },
}


@pytest.mark.parametrize("arguments, said", USAGE.values(), ids=USAGE)
def test_usage(tmp_path, monkeypatch, grader, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "class").mkdir()
    for name in ("a.zip", "class/a.zip", "class/b.zip"):
        make_zip(tmp_path / name, {})
    (tmp_path / "run.py").touch()
    os.mkfifo(tmp_path / "pipe")  # not /dev/null, which root would lose if this failed
    before = sorted(tmp_path.rglob("*"))
    status, out, errors = grader(*arguments)
    assert (status, out) == (2, "") and sorted(tmp_path.rglob("*")) == before
    assert re.search(r"^autograder: error: ", errors, re.MULTILINE) and said in errors


def test_a_fault_of_the_grader_itself_leaves_valid_results(tmp_path, monkeypatch, grader):
    def fail(*_):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(command, "grade", fail)
    out = tmp_path / "results.json"
    status, _, errors = grader(make_zip(tmp_path / "a.zip", CORRECT), "--results", out)
    assert status == 3 and "ours" in checked_results(out)["output"]
    assert "ZeroDivisionError" in errors


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["zip", "class", "folder"])
def test_without_a_wall_other_peoples_code_runs_only_if_trusted(
    tmp_path, monkeypatch, grader, kind
):
    monkeypatch.setattr(command, "find_wall", lambda: sandbox.Wall.NONE)
    folder, out = folder_of(tmp_path), tmp_path / "results.json"
    path = make_zip(tmp_path / "a.zip", CORRECT) if kind == "zip" else folder
    more = ["--csv", tmp_path / "x.csv"] if kind == "class" else ["--results", out]
    status, table, errors = grader(path, "-q", "sigmoid", *more)
    if kind == "folder":  # one's own
        assert status == 0 and sandbox.Wall.NONE.value in " ".join(table.split())
        return
    assert (status, table) == (3, "") and errors.count("\n") == 1
    assert "--trust" in errors and not (tmp_path / "x.csv").exists()
    assert kind == "class" or "--trust" in checked_results(out)["output"]
    assert grader(path, "-q", "sigmoid", *more, "--trust")[0] == 0


# ----------------------------------------------------------------------- what a submission lacks
def test_what_is_no_zip_gets_a_verdict(tmp_path, grader):
    (tmp_path / "a.zip").write_bytes(b"def sigmoid(x): ...")
    status, table, _ = grader(tmp_path / "a.zip")
    assert status == 1 and table.count("not a usable zip") == 1
    assert "total 0 / 20" in squeezed(table)


def test_files_of_other_names_are_told_once(tmp_path, grader):
    out = tmp_path / "results.json"
    files = dict.fromkeys(("Word2Vec.py", "\x1b[2J.py", "__MACOSX/._sgd.py", "utils/utils.py"), "")
    status, table, _ = grader(make_zip(tmp_path / "a.zip", files), "--results", out)
    assert status == 1
    said = "no word2vec.py and no sgd.py; found Word2Vec.py, ?[2J.py, utils/utils.py"
    assert squeezed(table).count(said) == 1
    assert [t["output"] for t in checked_results(out)["tests"]].count("See a.1.") == 15


def test_a_broken_file_is_told_once(tmp_path, grader):
    files = {**CORRECT, "word2vec.py": "\n\ndef f(:\n"}
    table = grader(folder_of(tmp_path, files), "-q", "neg-sampling")[1]
    assert table.count("SyntaxError") == 1 and "line 3" in table
    assert table.count("WRONG") == 6 and "Fix sigmoid" not in table


@pytest.mark.thorough
def test_what_rests_on_something_wrong_says_so(tmp_path, grader):
    sources = edited("    s = 1 / (1 + np.exp(-x))\n", EMPTY_MARKER)
    table = squeezed(grader(folder_of(tmp_path, sources), "-q", "neg-sampling")[1])
    assert table.count("hint Fix sigmoid first if this function calls it.") == 4
    assert table.count("not written yet") == 2


@pytest.mark.thorough
def test_ctrl_c_ends_with_a_line(tmp_path):
    source = CORRECT["word2vec.py"] + "\n\nwhile True: pass\n"
    path = make_zip(tmp_path / "a.zip", {"word2vec.py": source})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(**python_command(GRADER, path, "--trust"), **pipes)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, out, errors) == (130, "", "autograder: stopped\n")


# ----------------------------------------------------------------------------- made one's own
@pytest.fixture
def changed_questions(tmp_path, monkeypatch):
    """A function that changes one place of questions.ini, in a copy of it."""

    def change(old, new):
        text = questions.FILE.read_text(encoding="utf-8")
        assert text.count(old) == 1
        (tmp_path / "questions.ini").write_text(text.replace(old, new), encoding="utf-8")
        monkeypatch.setattr(questions, "FILE", tmp_path / "questions.ini")
        questions.load.cache_clear()
        questions.questions.cache_clear()

    yield change
    monkeypatch.undo()
    questions.load.cache_clear()
    questions.questions.cache_clear()


def test_a_hint_and_its_points_are_lines_of_a_file(tmp_path, grader, changed_questions):
    changed_questions("[sigmoid]\n", "[sigmoid]\n1 + sigmoid(x) => Who added 1?\n")
    sources = edited("1 / (1 + np.exp(-x))", "1 + 1 / (1 + np.exp(-x))")
    assert "Who added 1?" in grader(folder_of(tmp_path, sources), "-q", "sigmoid")[1]
    changed_questions("a.1 => 1 sigmoid", "a.1 => 2.5 the sigmoid")
    table = grader(tmp_path / "mine", "-q", "sigmoid")[1]
    assert "WRONG a.1 the sigmoid of an array 0 / 2.5" in squeezed(table)


def test_a_question_can_be_dropped(tmp_path, grader, changed_questions):
    text = questions.FILE.read_text(encoding="utf-8")
    changed_questions(text[text.index("[question sigmoid]") : text.index("[question naive")], "")
    table = grader(folder_of(tmp_path), "-q", "neg-sampling")[1]
    assert "total 4 / 4" in squeezed(table) and questions.points()["a"] == 10


def test_a_question_is_added_as_the_docs_say(tmp_path, monkeypatch, grader, changed_questions):
    page = (ROOT / "docs" / "grading.md").read_text(encoding="utf-8")
    page = page.partition("**Add a question.**")[2]
    content, code = (block.partition("\n")[2] for block in page.split("```")[1:4:2])
    changed_questions("[question run]", f"{content}\n[question run]")
    names = vars(exercises).copy()
    exec(code.partition("CASES")[0], names)
    monkeypatch.setitem(exercises.CASES, "cosine", names["cosine_cases"])
    files = {"word2vec.py": "def cosine(a, b):\n    return a @ b\n"}
    status, table, _ = grader(folder_of(tmp_path, files), "-q", "cosine")
    assert status == 1 and "This is the dot product" in table
    assert "WRONG a.13 cosine of two vectors 0 / 2" in squeezed(table)


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("[sigmoid]\n", "[sigmoid]\nsigmoid(y) => y?\n", "sigmoid(y)"),
        ("[sigmoid]\n", "[sigmoid]\n1 + => y?\n", "1 +"),
        ("[sigmoid]\n", "", "[question run]"),
        ("a.1 => 1 sigmoid", "a.1 => one sigmoid", "a.1"),
        ("a.1 => 1 sigmoid of an array\n", "", "[question sigmoid]"),
        ("[question sigmoid]", "[question tanh]", "tanh"),
        ("half => ", "halves => ", "half"),
        ("a.1 => 1 sigmoid of an array\n", "a.1\n", "line"),
    ],
)
def test_a_slip_in_questions_ini_is_a_line(tmp_path, grader, changed_questions, old, new, said):
    changed_questions(old, new)
    sources = edited("    s = 1 / (1 + np.exp(-x))\n", "    s = 1 / (1 + np.exp(-x))\n    x *= 2\n")
    status, _, errors = grader(folder_of(tmp_path, sources), "-q", "neg-sampling")
    assert status == 3 and said in errors and errors.count("\n") == 1


def test_the_pack_holds_the_options_and_no_solution(tmp_path):
    names = pack.pack(tmp_path / "a.zip", options="--points=12,4,2 --strict-run")
    assert {"setup.sh", "run_autograder", "autograder/questions.ini", "options"} <= set(names)
    assert not {"word2vec.py", "sgd.py", "autograder/make_fingerprints.py"} & set(names)


# ---------------------------------------------------------------------------------------- a class
def read_csv(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_folder_of_zips_and_folders_is_a_class(tmp_path):
    folder, grades, texts = tmp_path / "class", tmp_path / "grades.csv", tmp_path / "texts"
    for name in ("fay", "__MACOSX", ".git", "gus_assignsubmission_file_", "hal"):
        (folder / name).mkdir(parents=True)
    prints = CORRECT["word2vec.py"] + "print('iter 10: 1.5\\nhello')\n"
    make_zip(folder / "anna.zip", {"word2vec.py": prints})
    make_zip(folder / "=ben.zip", edited("1 + np.exp(-x)", "1 + np.exp(x)"))
    make_zip(folder / "carl.zip", {"word2vec.py": "print('{}')\nimport os\nos._exit(9)\n"})
    (folder / "dora.zip").write_bytes(b"Rar!")
    (folder / "emil.tar.gz").write_bytes(b"")
    (folder / "fay" / "Word2Vec.py").write_text("", encoding="utf-8")
    nested = {f"me/{name}": text for name, text in CORRECT.items()}
    make_zip(folder / "gus_assignsubmission_file_" / "assignment2.zip", nested)
    (folder / "notes.txt").write_text("no submission", encoding="utf-8")
    options = ["-q", "sigmoid", "--points", "24,4,4", "--seed", 5, "--trust"]
    done = run_grader(folder, "--csv", grades, "--feedback", texts, *options)
    assert (done.returncode, done.stderr) == (3, ""), done.stdout  # Emil is for the teacher.
    rows = read_csv(grades)
    assert list(rows[0]) == ["submission", "sigmoid", "total", "seed", "wall", "remark"]
    assert {row["submission"]: (row["total"], row["sigmoid"]) for row in rows} == {
        "'=ben.zip": ("0", "0"),
        "anna.zip": ("4", "4"),
        "carl.zip": ("0", "0"),
        "dora.zip": ("0", "0"),
        "emil.tar.gz": ("", ""),
        "fay": ("0", "0"),
        "gus_assignsubmission_file_": ("4", "4"),
        "hal": ("0", "0"),
    }
    remarks = {row["submission"]: row["remark"] for row in rows}
    assert remarks["anna.zip"] == "" and "exponent" in remarks["'=ben.zip"]
    assert "status 9" in remarks["carl.zip"] and "RAR" in remarks["dora.zip"]
    assert "NOT GRADED" in remarks["emil.tar.gz"]
    assert remarks["fay"] == "no word2vec.py; found Word2Vec.py" != remarks["hal"]
    assert {row["seed"] for row in rows} == {"5", ""} and rows[1]["wall"]
    assert "[8/8] " in done.stdout and "notes.txt" in done.stdout
    assert len(list(texts.iterdir())) == 8
    feedback = (texts / "anna.zip.txt").read_text(encoding="utf-8")
    assert "hello" in feedback and "iter 10" not in feedback  # the progress of sgd is no news
    assert "exponent must be -x" in (texts / "_ben.zip.txt").read_text(encoding="utf-8")
    assert "    {}" in (texts / "carl.zip.txt").read_text(encoding="utf-8")


def test_where_submissions_are_found(tmp_path):
    layouts = {
        "zips": ("a.zip", "b.ZIP", "unpacked/word2vec.py", ".hidden/sgd.py", "__MACOSX/x.zip"),
        "gradescope": ("submission_1/sgd.py", "submission_2/Sgd.py", "submission_metadata.yml"),
        "moodle": ("Ann_1_file_/a.zip", "Bob_2_file_/a.zip", "Bob_2_file_/b.zip"),
        "canvas": ("annlee_12_34_assignment2.zip", "boboh_12_56_assignment2-1.zip", "x.rar"),
        "mine": ("sgd.py", "assignment2.zip", "old/sgd.py", "older/sgd.py"),
        "nested": ("me/word2vec.py", "utils/utils.py"),
    }
    for layout, names in layouts.items():
        for name in names:
            (tmp_path / layout / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / layout / name).touch()

    def found(layout):
        submissions, left_out = whole_class.find_submissions([tmp_path / layout])
        names = {s.name: s.path and s.path.relative_to(tmp_path / layout) for s in submissions}
        return {name: path and path.as_posix() for name, path in names.items()}, left_out

    assert found("zips") == ({n: n for n in ("a.zip", "b.ZIP", "unpacked")}, [])
    metadata = ["submission_metadata.yml"]
    assert found("gradescope") == ({f"submission_{i}": f"submission_{i}" for i in (1, 2)}, metadata)
    bobs = {f"Bob_2_file_/{name}": f"Bob_2_file_/{name}" for name in ("a.zip", "b.zip")}
    assert found("moodle") == ({"Ann_1_file_": "Ann_1_file_/a.zip", **bobs}, [])
    assert found("canvas") == ({**{n: n for n in layouts["canvas"]}, "x.rar": None}, [])
    assert found("mine")[0] == {
        "assignment2.zip": "assignment2.zip",
        "old": "old",
        "older": "older",
        "sgd.py": None,
    }
    assert found("nested") == ({"me": "me", "utils": "utils"}, [])
    looks = {layout for layout in layouts if whole_class.is_class(tmp_path / layout)}
    assert looks == {"zips", "moodle", "canvas"}
    (tmp_path / "gradescope" / "submission_2" / "word2vec.py").touch()
    assert whole_class.is_class(tmp_path / "gradescope")


def test_submissions_of_one_name_are_told_apart(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "assignment2.zip").touch()
    paths = [tmp_path / "a" / "assignment2.zip", tmp_path / "b" / "assignment2.zip"]
    submissions, _ = whole_class.find_submissions(paths)
    assert [submission.name for submission in submissions] == [str(path) for path in paths]
    (tmp_path / "a\n\x1b[31m.zip").touch()
    submissions, _ = whole_class.find_submissions([tmp_path / "a\n\x1b[31m.zip"])
    assert submissions[0].name == "a??[31m.zip"  # in one line


# Stands for the grader: the name of the submission says what it does.
FAKE = """
import json, os, pathlib, sys, time
submission, file = pathlib.Path(sys.argv[-1]), sys.argv[sys.argv.index("--results") + 1]
if submission.name.startswith("dies"):
    sys.exit("killed in action")
if submission.name.startswith("slow"):
    time.sleep(30)
tests = [
    {"score": 2.0, "max_score": 3, "extra_data": {"question": q, "graded": True}}
    for q in ("sgd", "sgd", "run")
]
extra = {"seed": "1", "wall": "NONE", "reasons": ["\\rlate.", "run"], "notes": [], "printed": {}}
with open(file, "w") as out:
    json.dump({"score": 6.0, "output": "", "tests": tests, "extra_data": extra}, out)
"""


def fake_class(tmp_path, names):
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.touch()
    return [whole_class.Submission(p.name, p) for p in paths], [sys.executable, "-c", FAKE]


@pytest.mark.thorough
def test_one_bad_submission_does_not_stop_the_others(tmp_path, capsys):
    submissions, fake = fake_class(tmp_path, ["a.zip", "dies.zip", "-b.zip", "slow.zip"])
    grades = tmp_path / "grades.csv"
    assert whole_class.grade_all(submissions, fake, ("sgd", "run"), grades, longest=2) == 3
    rows = read_csv(grades)
    assert [row["total"] for row in rows] == ["6", "", "6", ""]
    assert [row["sgd"] for row in rows] == ["4", "", "4", ""]
    assert rows[0]["remark"] == "'\rlate; run"
    assert "killed in action" in rows[1]["remark"] and "timed out" in rows[3]["remark"]
    assert "[4/4]" in capsys.readouterr().out


def test_what_was_graded_before_an_interruption_is_kept(tmp_path, monkeypatch):
    submissions, fake = fake_class(tmp_path, ["a.zip", "slow.zip", "b.zip"])
    grades = tmp_path / "grades.csv"

    def interrupted(line, **_):
        if line.startswith("[2/"):
            raise KeyboardInterrupt

    monkeypatch.setattr("builtins.print", interrupted)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        whole_class.grade_all(submissions, fake, ("sgd",), grades)
    assert time.monotonic() - began < 20
    assert [row["submission"] for row in read_csv(grades)] == ["a.zip", "b.zip"]


@pytest.mark.slow
def test_hostile_and_forged_submissions_of_a_class_cost_the_others_nothing(full_run, tmp_path):
    run = {name: (full_run / name).read_bytes() for name in (archive.PARAMS, "word_vectors.png")}
    kinds = {
        "right.zip": ({**CORRECT, **run}, 20),
        "strictly no run.zip": ({**edited("1 + np.exp(-x)", "1 + np.exp(x)"), **run}, 11),
        "kills.zip": ({**CORRECT, "word2vec.py": "import os\nos.kill(os.getppid(), 9)\n"}, 4),
        "loops.zip": ({**CORRECT, "sgd.py": "while True: pass\n"}, 12),
    }
    (tmp_path / "class").mkdir()
    for name, (files, _) in kinds.items():
        make_zip(tmp_path / "class" / name, files)
    options = ["--csv", tmp_path / "grades.csv", "--seconds", 5, "--strict-run", "--trust"]
    done = run_grader(tmp_path / "class", *options)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    rows = read_csv(tmp_path / "grades.csv")
    assert list(rows[0])[1:7] == list(questions.questions())
    totals = {row["submission"]: float(row["total"]) for row in rows}
    assert totals == {name: points for name, (_, points) in kinds.items()}
