"""The autograder's command: the run, printed losses, a class, and what the command line says.

python -m pytest tests/test_grading.py
"""

import contextlib
import csv
import io
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
GRADER = ROOT / "autograder"
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

if os.name != "posix":
    pytest.skip("needs a POSIX system", allow_module_level=True)

from submissions import CORRECT, edited, make_zip  # noqa: E402

from autograder import __main__ as command  # noqa: E402
from autograder import archive, fingerprints, pictures, results, run_part, whole_class  # noqa: E402
from autograder.results import Grading, Row  # noqa: E402
from autograder.sandbox import Sandbox, UnfitSystem  # noqa: E402

PUBLISHED = fingerprints.PUBLISHED


# --------------------------------------------------------------------------------------- pictures
def png(width=640, height=480, colour=2, bits=8, interlaced=0, extra=b"", missing=0):
    """A PNG picture in black; `extra` pixels too many, or `missing` bytes too few."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    size = pictures.bytes_of_pixels(width, height, samples * bits, interlaced)
    pixels = zlib.compress(bytes(size - missing) + extra)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    parts = (b"IHDR", header), (b"IDAT", pixels[:9]), (b"IDAT", pixels[9:]), (b"IEND", b"")
    return pictures.SIGNATURE + b"".join(chunk(*part) for part in parts)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def promising(width, height):
    """A picture of few bytes whose header promises many."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")
    return pictures.SIGNATURE + b"".join(chunk(*part) for part in parts)


GOOD_PICTURES = {
    "colour": png(),
    "grey": png(colour=0, bits=1, width=17),
    "palette": png(colour=3, bits=4, width=101),
    "interlaced": png(interlaced=1, width=19, height=17),
    "deep": png(colour=6, bits=16),
    "matplotlib's": (ROOT / "docs" / "word_vectors.png").read_bytes(),
    "followed by something": png() + b"more",
}
BAD_PICTURES = {
    "nothing": (b"", "does not begin"),
    "a GIF": (b"GIF89a", "does not begin"),
    "24 bytes": (png()[:24], "cut off"),
    "cut off": (png()[:-13], "cut off"),
    "cut off between chunks": (png()[: 8 + 25], "cut off"),
    "signature alone": (pictures.SIGNATURE, "header"),
    "no header": (pictures.SIGNATURE + chunk(b"IEND", b""), "header"),
    "a short header": (pictures.SIGNATURE + chunk(b"IHDR", b"1234"), "header"),
    "a wrong checksum": (png()[:40] + b"\xff" + png()[41:], "checksum"),
    "too few pixels": (png(missing=1), "pixels (IDAT)"),
    "too many pixels": (png(extra=b"\0"), "pixels (IDAT)"),
    "tiny": (png(8, 8), "too few"),
    "many promised": (promising(40_000, 40_000), "more than a plot needs"),
    "none there": (promising(640, 480), "pixels (IDAT)"),
    "a bomb": (png(16, 16, extra=bytes(10**7)), "pixels (IDAT)"),
}


@pytest.mark.parametrize("content", GOOD_PICTURES.values(), ids=GOOD_PICTURES)
def test_a_png_is_a_picture(content):
    row = run_part.grade_picture({"word_vectors.png": content})
    assert row.points == 1, row
    row = run_part.grade_picture({"plot.png": content})
    assert row.points == 1 and "It should be called word_vectors.png." in row.lines


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_what_is_no_png_is_none_and_told_why(name):
    content, said = BAD_PICTURES[name]
    row = run_part.grade_picture({"word_vectors.png": content})
    assert row.points == 0 and said in row.lines[0]


@pytest.mark.parametrize(
    "place, value", [(24, 3), (25, 7), (26, 1), (27, 1), (28, 2), (24, 0)], ids=str
)
def test_a_header_that_the_standard_does_not_have_is_refused(place, value):
    header = bytearray(png()[16:29])
    header[place - 16] = value
    content = pictures.SIGNATURE + chunk(b"IHDR", bytes(header)) + png()[33:]
    with pytest.raises(pictures.NoPicture, match="not one of the standard's"):
        pictures.png_size(content)


# The pass in which each pixel of 8 x 8 comes, as the standard draws it.
ADAM7 = """
1 6 4 6 2 6 4 6
7 7 7 7 7 7 7 7
5 6 5 6 5 6 5 6
7 7 7 7 7 7 7 7
3 6 4 6 3 6 4 6
7 7 7 7 7 7 7 7
5 6 5 6 5 6 5 6
7 7 7 7 7 7 7 7
"""


@pytest.mark.parametrize("width, height, bits", [(16, 16, 24), (17, 23, 1), (1, 30, 8), (33, 5, 4)])
def test_interlaced_rows_are_counted_as_the_standard_draws_them(width, height, bits):
    tile = np.array([line.split() for line in ADAM7.split("\n")[1:-1]], dtype=int)
    passes = np.tile(tile, (5, 5))[:height, :width]
    rows = [np.count_nonzero(row == n) for n in range(1, 8) for row in passes if n in row]
    expected = sum(1 + -(-pixels * bits // 8) for pixels in rows)
    assert pictures.bytes_of_pixels(width, height, bits, True) == expected


def test_pixels_that_are_not_packed_are_refused():
    content = png()[:33] + chunk(b"IDAT", b"not packed") + chunk(b"IEND", b"")
    with pytest.raises(pictures.NoPicture, match="unpacked"):
        pictures.png_size(content)


def test_broken_pictures_never_raise_anything_else():
    whole, rng = png(32, 32), random.Random(1)
    for _ in range(300):
        broken = bytearray(whole[: rng.randrange(len(whole) + 1)])
        for _ in range(rng.randrange(3) if broken else 0):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        with contextlib.suppress(pictures.NoPicture):
            assert pictures.png_size(bytes(broken)) == (32, 32)


# ---------------------------------------------------------------------------------------- the run
def npy(array):
    """An array as np.save writes it."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def with_shape(text):
    """A file of which the header tells a shape."""
    return npy(np.zeros((4, 3))).replace(b"(4, 3), ", text.ljust(8))


WRONG_PARAMS = {
    "not an array": (b"hello", "not a file that np.save makes"),
    "empty": (b"", "not a file that np.save makes"),
    "zip of arrays": (b"PK\x03\x04" + bytes(50), "not a file that np.save makes"),
    "objects": (npy(np.zeros((4, 3))).replace(b"'<f8'", b"'|O' "), "Python objects"),
    "cut off": (npy(np.zeros((4, 3)))[:-1], "cut off"),
    "too long": (npy(np.zeros((4, 3))) + b"x", "cut off, or longer"),
    "a lying header": (with_shape(b"(999999999998, 2), "), "cut off"),
    "deeply nested header": (with_shape(b"(" * 8), "not a file that np.save makes"),
    "negative shape": (with_shape(b"(-2,-6),"), "has shape (-2, -6)"),
    "boolean shape": (with_shape(b"(2,True)"), "has shape (2, True)"),
    "integers": (npy(np.zeros((4, 3), dtype=int)), "int64, not floats"),
    "complex": (npy(np.zeros((4, 3), dtype=complex)), "not floats"),
    "odd rows": (npy(np.zeros((5, 3))), "it must be (2V, D)"),
    "a vector": (npy(np.zeros(6)), "it must be (2V, D)"),
    "nan": (npy(np.array([[0.0, 1], [np.nan, 0]])), "nan or infinity, first in row 1"),
    "huge numbers": (npy(np.array([[1e300, 1], [1, 0]])), "diverged"),
    "one dimension": (npy(np.ones((39_078, 1))), "has shape (39078, 1)"),
    "another vocabulary": (npy(np.ones((2 * 18_951, 10))), "Rotten Tomatoes"),
    "zeros": (npy(np.zeros((39_078, 10))), "lie in 0 of 10 dimensions"),
    "two dimensions": (npy(np.eye(39_078, 10) * (np.arange(10) < 2)), "lie in 2 of 10"),
}


@pytest.mark.parametrize("name", WRONG_PARAMS)
def test_params_that_no_run_leaves_earn_nothing_and_are_told_why(name):
    content, said = WRONG_PARAMS[name]
    rows, known, _ = run_part.grade_params({archive.PARAMS: content}, 1)
    assert [row.points for row in rows] == [0, 0] and known is None
    assert said in rows[0].lines[0], rows


def test_no_run_is_not_run_yet():
    rows, remarks = run_part.grade_run({}, 1)
    assert [row.points for row in rows] == [0, 0, 0] and remarks == []
    assert not any(row.begun for row in rows) and "not run yet" in rows[0].lines[0]


def test_params_in_any_layout_are_read():
    a = np.arange(12.0).reshape(4, 3)
    for array in (a, np.asfortranarray(a), a.astype(">f8"), a.astype(np.float32)):
        assert np.array_equal(run_part.read_params({archive.PARAMS: npy(array)}), a)


def some_params(scale=1.0):
    return scale * np.random.default_rng(1).normal(size=run_part.SHAPE)


@pytest.mark.usefixtures("sst")
def test_random_vectors_earn_nothing():
    first, second = run_part.grade_params({archive.PARAMS: npy(some_params())}, 1).rows
    assert (first.points, second.points) == (0, 0)
    assert "not trained" in first.lines[-1] and "Before training" in second.lines[0]


def unigram_odds(corpus):
    """Vectors that know nothing but how frequent each word is: one number a word."""
    f = corpus.frequencies
    near, noise = f * (1 - corpus.rejectProb()), f**0.75
    odds = np.log(near / near.sum()) - np.log(10 * noise / noise.sum())
    params = np.zeros(run_part.SHAPE)
    params[: len(f), 0] = 1
    params[len(f) :, 0] = odds
    return params


@pytest.mark.thorough
@pytest.mark.usefixtures("sst")
def test_a_table_of_unigram_odds_is_no_run_and_with_noise_gets_a_remark():
    corpus, _ = run_part.load_corpus()
    params = unigram_odds(corpus)
    assert run_part.window_loss(params, corpus, 1)[0] == pytest.approx(9.24, abs=0.15)
    rows = run_part.grade_params({archive.PARAMS: npy(params)}, 1).rows
    assert [row.points for row in rows] == [0, 0]
    noisy = params + some_params(0.001)
    rows, known, remarks = run_part.grade_params({archive.PARAMS: npy(noisy)}, 1)
    assert [row.points for row in rows] == [1, 2] and known is None
    assert "A loss by itself shows little" in remarks[0]


@pytest.mark.parametrize(
    "loss, points", [(9.5, 2), (10.2, 2), (10.3, 1), (12.0, 1), (12.1, 0), (float("nan"), 0)]
)
def test_points_for_a_loss(monkeypatch, loss, points):
    monkeypatch.setattr(run_part, "load_corpus", lambda: (None, "SST"))
    monkeypatch.setattr(run_part, "window_loss", lambda *_: (loss, 0.04))
    assert run_part.grade_loss(None, None, 1)[0].points == points


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
def test_without_data_a_known_run_has_the_loss_that_it_prints(monkeypatch, known, points):
    monkeypatch.setattr(fingerprints, "recognise", lambda params: known)
    rows = run_part.grade_params({archive.PARAMS: npy(some_params())}, 1).rows
    assert [row.points for row in rows] == points
    assert all(row.graded for row in rows) and "no net" in rows[1].lines[0]


@pytest.mark.usefixtures("no_data")
def test_without_data_another_run_is_not_graded_and_that_is_said(tmp_path, grader):
    """It may be right, so it must not look as if it had lost points."""
    path = make_zip(tmp_path / "a.zip", {archive.PARAMS: npy(some_params())})
    status, table, _ = grader(path, "-q", "run")
    assert status == 3 and "?      c.2" in table and "c.2 is NOT GRADED" in table
    rows = run_part.grade_params({archive.PARAMS: npy(some_params())}, 1).rows
    assert [row.points for row in rows] == [1, 0] and "no net" in rows[1].lines[0]


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


# ----------------------------------------------------------------------------------- fingerprints
def with_fingerprint(values, dtype=np.float64):
    """Random vectors, moved to where their projections are these."""
    rows, columns = fingerprints.weights()
    params = some_params(0.5)
    gram = (rows @ rows.T) * (columns @ columns.T)
    share = np.linalg.solve(gram, values - fingerprints.fingerprint(params))
    return (params + np.einsum("k,kr,kd->rd", share, rows, columns)).astype(dtype)


def test_fingerprints_json_is_complete():
    data = fingerprints.load()
    assert list(data["projections"]) == list(fingerprints.FAULTS)
    assert all(values.shape == (16,) for values in data["projections"].values())
    trained = [name for name, fault in fingerprints.FAULTS.items() if fault.stop == 40_000]
    assert list(data["losses"]) == trained
    saves = {}
    for name in trained:
        first = fingerprints.FAULTS[name].resume + 5000
        saves[name] = list(range(first, 40_001, 5000))
    assert {name: list(losses) for name, losses in data["losses"].items()} == saves
    assert set(data["own_losses"]) < set(trained)


@pytest.mark.parametrize("name", fingerprints.FAULTS)
def test_each_run_is_recognised_and_no_other(name):
    params = with_fingerprint(fingerprints.load()["projections"][name])
    assert fingerprints.recognise(params) == name
    assert fingerprints.recognise(params * (1 + 1e-13)) == name
    assert fingerprints.recognise(params.astype(np.float32)) == name
    params[random.Random(name).randrange(len(params)), 3] += 1e-5
    assert fingerprints.recognise(params) is None
    assert fingerprints.recognise(params[:-2]) is None


def test_sixteen_numbers_in_zeros_are_not_the_published_result():
    """As an earlier grader could be had."""
    params = np.zeros(run_part.SHAPE)
    params[90, :] = [0.5682557965917, 0.1769376699230, 0.1899364351254, -0.2780914082048,
                     -0.8753156815200, -0.1461644015133, 0.2393909224973, -0.3107029172058,
                     0.6199832095634, 0.1661798446200]  # fmt: skip
    assert fingerprints.recognise(params) is None


@pytest.mark.thorough
@pytest.mark.usefixtures("sst")
def test_vectors_forged_to_have_the_projections_are_found_out_by_their_loss():
    params = with_fingerprint(fingerprints.load()["projections"][PUBLISHED])
    rows, known, _ = run_part.grade_params({archive.PARAMS: npy(params)}, 1)
    assert [row.points for row in rows] == [0, 0] and known is None


def test_right_vectors_of_wrong_code_are_remarked_on(monkeypatch):
    monkeypatch.setattr(fingerprints, "recognise", lambda params: PUBLISHED)
    monkeypatch.setattr(run_part, "grade_loss", lambda *_: (run_part.row("c.2", 2, []), []))
    files = {archive.PARAMS: npy(some_params()), "word_vectors.png": png()}
    rows, remarks = run_part.grade_run(files, 1, ["a.8"])
    assert sum(row.points for row in rows) == 4
    assert "(a.8): it cannot have made them" in remarks[0]
    assert run_part.grade_run(files, 1)[1] == []


@pytest.mark.parametrize(
    "known, wrong, impossible",
    [
        ("resumed at 5000", ["a.8", "b.1"], "(a.8)"),
        ("read in another encoding", ["a.8"], "(a.8)"),
        ("no annealing", ["b.2"], None),
        ("repeated negatives count once", ["a.9"], None),
        ("not trained", ["a.9"], None),
    ],
)
def test_vectors_of_another_run_are_named_and_held_to_the_code(
    monkeypatch, known, wrong, impossible
):
    monkeypatch.setattr(fingerprints, "recognise", lambda params: known)
    monkeypatch.setattr(run_part, "grade_loss", lambda *_: (run_part.row("c.2", 2, []), []))
    remarks = run_part.grade_run({archive.PARAMS: npy(some_params())}, 1, wrong)[1]
    assert remarks[0].endswith(f"a run that we know: {known}.")
    assert [f"{impossible}: it cannot have made them" in r for r in remarks[1:]] == (
        [True] if impossible else []
    )


@pytest.mark.usefixtures("sst")
def test_the_beginning_of_the_run_is_that_of_the_textbook():
    """Two iterations of the correct run, against word2vec_sgd_wrapper."""
    import word2vec

    corpus = fingerprints.new_corpus()
    start = fingerprints.start_vectors(len(corpus.words))
    run = fingerprints.Run(fingerprints.FAULTS[PUBLISHED], start)
    fingerprints.train([run], corpus, last=2)
    after = random.getstate()

    corpus, params = fingerprints.new_corpus(), fingerprints.start_vectors(len(corpus.words))
    assert np.array_equal(params, start)
    for _ in range(2):
        _, gradient = word2vec.word2vec_sgd_wrapper(
            word2vec.skipgram,
            corpus.tokens(),
            params,
            corpus,
            5,
            word2vec.negSamplingLossAndGradient,
        )
        params = params - 0.3 * gradient
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
    fingerprints.train(list(runs.values()), corpus, last=100)
    assert runs["correct"].right.log[10] == pytest.approx(19.061546, abs=5e-7)
    prints = [fingerprints.fingerprint(run.params) for run in runs.values()]
    for i, a in enumerate(prints):
        for b in prints[:i]:
            assert np.abs(a - b).max() > 100 * fingerprints.TOLERANCE


def test_a_faulty_kernel_is_the_gradient_that_the_exercises_know():
    """One pair, by the sentences of `exercises.py`, whose code is another one."""
    from autograder import exercises

    rng = np.random.default_rng(1)
    v, u, negatives = rng.normal(size=3), rng.normal(size=(6, 3)), [1, 2, 1, 4, 3]
    targets = np.array([[0, *negatives]])
    batch = fingerprints.Batch(np.array([0]), targets, np.array([1]))
    scores = (u[targets[0]] @ v)[None]
    known = {
        "correct": exercises.negative_sampling(v, 0, u, negatives),
        "repeated negatives once": exercises.negative_sampling(v, 0, u, sorted(set(negatives))),
        "logarithm forgotten": exercises.logarithm_forgotten(v, 0, u, negatives),
        "1 added at the true word": exercises.label_wrong(v, 0, u, negatives, added=2),
    }
    for name, (loss, center, outside) in known.items():
        terms = fingerprints.KERNELS[name](batch, scores)
        assert terms.loss.sum() == pytest.approx(loss), name
        np.testing.assert_allclose(terms.center[0] @ u[targets[0]], center, err_msg=name)
        gradient = np.zeros_like(u)
        np.add.at(gradient, targets[0], np.outer(terms.outside[0], v))
        np.testing.assert_allclose(gradient, outside, err_msg=name)


@pytest.mark.usefixtures("sst")
def test_the_data_in_another_encoding_has_another_numbering():
    utf8, gbk = fingerprints.new_corpus(), fingerprints.new_corpus("gbk")
    assert len(utf8.words) == len(gbk.words) == fingerprints.V
    assert utf8.frequencies.sum() - gbk.frequencies.sum() == 3
    assert utf8.words[:5] == gbk.words[:5] == ["the", "rock", "is", "destined", "to"]


@pytest.mark.parametrize("arguments", [["none.npy"], ["text.npy"], ["empty.npy"], ["."]])
def test_a_file_of_no_vectors_ends_fingerprints_with_a_line(tmp_path, arguments):
    (tmp_path / "text.npy").write_text("hello", encoding="utf-8")
    (tmp_path / "empty.npy").touch()
    done = subprocess.run(
        [sys.executable, str(GRADER / "fingerprints.py"), *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert re.fullmatch(r"fingerprints\.py: .*\n", done.stderr), done.stderr


# --------------------------------------------------------------------------------- printed losses
@pytest.mark.parametrize(
    "printed, run",
    [
        ("9.812206", "published, iteration 40000"),
        ("9.367644", "read in another encoding, iteration 40000"),
        ("9.810854", "repeated negatives count once, iteration 40000"),
        ("10.307666", "published, iteration 20000"),
        ("9.8122", "published, iteration 40000"),
        ("19.061546", "published, iteration 10"),
        ("19.285125", "published, iteration 4000"),
        ("nan", "nan: the run diverged"),
        ("-inf", "-inf: the run diverged"),
    ],
)
def test_a_printed_loss_is_named(capsys, printed, run):
    assert command.main([f"--loss={printed}"]) == 0
    assert capsys.readouterr().out.startswith(run)


def test_every_loss_that_is_known_is_found():
    data = fingerprints.load()
    for key in ("losses", "own_losses"):
        for name, losses in data[key].items():
            for iteration, loss in losses.items():
                found = fingerprints.runs_with_loss(f"{loss:.6f}")
                assert any(line.startswith(f"{name}, iteration {iteration}") for line in found)


@pytest.mark.parametrize("printed", ["6.836423", "9.812207", "9.81220600001"])
def test_an_unknown_loss_is_said_to_be_unknown(capsys, printed):
    assert command.main(["--loss", printed]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "not the loss of any run that we know" in said and "reach 9.24" in said


def test_the_table_in_the_docs_is_that_of_the_fingerprints():
    text = fingerprints.DOCS.read_text(encoding="utf-8")
    assert text == fingerprints.with_table(text), "run: python autograder/fingerprints.py --docs"
    for loss in ("9.812206", "9.367644", "9.810854"):
        assert f" {loss} |" in text


# ------------------------------------------------------------------------------------ the command
@pytest.fixture
def grader(monkeypatch, capsys):
    """A function that runs the command in this process: status, output, errors."""
    monkeypatch.setattr(command, "Sandbox", lambda limits, adopt, path: Sandbox(limits))

    def run(*arguments):
        try:
            status = command.main([str(argument) for argument in arguments])
        except SystemExit as error:
            status = error.code
        return (status, *capsys.readouterr())

    return run


def checked_results(path):
    """The content of a results.json that fits the schema."""
    content = json.loads(path.read_text(encoding="ascii"))
    assert results.schema_errors(content) == []
    return content


def squeezed(table):
    return [" ".join(line.split()) for line in table.splitlines()]


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


def run_grader(*arguments, **environment):
    """The command, as a user runs it."""
    return subprocess.run(
        [sys.executable, str(GRADER), *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        cwd="/",
    )


def test_the_command_prints_a_table_and_writes_results(tmp_path):
    sources = edited("word2vec.py", "gradCenterVecs[c] += gc", "gradCenterVecs[c] = gc")
    path, out = make_zip(tmp_path / "a\x1b[2J.zip", sources), tmp_path / "results.json"
    done = run_grader(path, "--results", out, "--seed", 7, LC_ALL="C", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (1, "")
    assert "--seed 7" in done.stdout and "use += in the loop" in done.stdout
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
    assert content["score"] == 15 and content["extra_data"] == {"seed": "7"}
    assert out.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.thorough
def test_the_same_seed_gives_the_same_table(tmp_path, grader):
    sources = edited("word2vec.py", "np.exp(-x)", "np.exp(x)")
    path = make_zip(tmp_path / "a.zip", sources)
    tables = [
        re.sub(r"\(uid \d+\)", "", grader(path, "-q", "sigmoid", "--seed", seed)[1])
        for seed in (3, 3, 4)
    ]
    assert tables[0] == tables[1] != tables[2]


def folder_of(tmp_path, sources=CORRECT):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, source in sources.items():
        (folder / name).write_text(source, encoding="utf-8")
    return folder


def test_one_question_is_graded_with_those_it_rests_on_first(tmp_path, grader):
    status, table, _ = grader(folder_of(tmp_path), "-q", "neg-sampling")
    rows = [line for line in squeezed(table) if re.match(r"(ok|WRONG) ", line)]
    assert [row.split()[1] for row in rows] == ["a.1", "a.2", "a.6", "a.7", "a.8", "a.9"]
    assert status == 0 and "total 6 / 6" in squeezed(table)
    assert "(b)" not in table and "(c)" not in table and "complete" not in table
    assert set(command.RESTS_ON) == {
        "sigmoid",
        "naive-softmax",
        "neg-sampling",
        "skipgram",
        "sgd",
        "run",
    }


@pytest.mark.parametrize(
    "file, part",
    [
        pytest.param("word2vec.py", "12 / 12", marks=pytest.mark.thorough),
        ("sgd.py", "4 / 4"),
    ],
)
def test_a_file_itself_is_graded_for_its_part(tmp_path, grader, file, part):
    folder = folder_of(tmp_path, {**CORRECT, "helper.py": "import math\n"})
    source = "import helper\n" + CORRECT[file]
    (folder / file).write_text(source, encoding="utf-8")
    status, table, _ = grader(folder / file)
    assert status == 0 and f"total {part}" in squeezed(table)
    assert "is complete. Next:" in table


def test_a_folder_of_many_files_loses_nothing(tmp_path, grader):
    folder = folder_of(tmp_path)
    for i in range(150):
        (folder / f"a{i}.py").touch()
    assert grader(folder, "-q", "sigmoid")[0] == 0


def test_other_points_for_the_parts(tmp_path, grader):
    """As in 2022, when the run had 2 of 18."""
    path, out = folder_of(tmp_path), tmp_path / "results.json"
    status, table, _ = grader(path, "-q", "sgd", "--points", "12,8,2", "--results", out)
    assert status == 0 and "(b) sgd.py 8 / 8" in squeezed(table)
    assert "ok b.1 sgd: steps down the gradient 2 / 2" in squeezed(table)
    assert checked_results(out)["score"] == 8


def test_points_that_are_no_whole_numbers_add_up():
    rows = [Row("sigmoid", "t", f"a.{i}", 1, 1, []) for i in range(12)]
    rows[0] = rows[0]._replace(points=0.5)
    grading = Grading(rows, [], []).worth({"a": 10, "b": 4, "c": 2})
    assert results.most(grading.rows) == 10 and grading.score() == pytest.approx(9.5833)
    assert [row.passed() for row in grading.rows] == [False] + [True] * 11


def test_the_lines_of_a_row_are_indented_and_wrapped():
    row = Row("sgd", "t", "b.1", 0, 1, ["hint      " + "word " * 40, "two\nlines"])
    lines = results.table(Grading([row], ["x " * 80], ["h"])).splitlines()
    assert max(map(len, lines)) <= results.WIDTH and "         lines" in lines
    assert sum(line.startswith(" " * 19 + "word") for line in lines) >= 1


USAGE = {
    "nothing": ([], "what is to be graded?"),
    "no such file": (["none.zip"], "there is no none.zip"),
    "no such file, in red": (["\x1b[31m.zip"], "there is no ?[31m.zip"),
    "another module": (["run.py"], "word2vec.py and sgd.py are"),
    "no folder for the results": (["a.zip", "--results", "/no/folder/x"], "there is no folder"),
    "results naming a folder": (["a.zip", "--results", "/"], "/ is a folder"),
    "csv naming a submission": (["a.zip", "--csv", "./a.zip"], "a.zip is to be graded"),
    "results naming a device": (["a.zip", "--results", "pipe"], "pipe is not a file"),
    "csv naming a folder": (["a.zip", "--csv", "/"], "/ is a folder"),
    "results of a class": (["a.zip", "a.zip", "--results", "r.json"], "use --csv"),
    "a negative seed": (["a.zip", "--seed", "-1"], "must not be negative"),
    "an unknown question": (["a.zip", "-q", "sigmoids"], "invalid choice"),
    "no loss": (["--loss", "9,812206"], "9,812206 is no loss"),
    "a loss of few digits": (["--loss", "9.8"], "such as 9.812206"),
    "two points": (["a.zip", "--points", "12,4"], "three numbers such as 12,4,2"),
    "points below 0": (["a.zip", "--points=12,4,-1"], "three numbers such as 12,4,2"),
    **{
        f"{seconds} seconds": (["a.zip", f"--seconds={seconds}"], "must be from 1 to 3600")
        for seconds in ("inf", "nan", "0", "-1", "1e20", "1e-9")
    },
    "no seconds": (["a.zip", "--seconds", "soon"], "invalid"),
}


@pytest.mark.parametrize("arguments, said", USAGE.values(), ids=USAGE)
def test_usage(tmp_path, monkeypatch, grader, arguments, said):
    monkeypatch.chdir(tmp_path)
    make_zip(tmp_path / "a.zip", {})
    (tmp_path / "run.py").touch()
    os.mkfifo(tmp_path / "pipe")  # not /dev/null, which root would lose if this failed
    status, out, errors = grader(*arguments)
    assert (status, out) == (2, "")
    assert re.search(r"^autograder: error: ", errors, re.MULTILINE) and said in errors


def test_a_fault_of_the_grader_itself_leaves_valid_results(tmp_path, monkeypatch, grader):
    def fail(*_):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(command, "grade", fail)
    out = tmp_path / "results.json"
    status, _, errors = grader(make_zip(tmp_path / "a.zip", CORRECT), "--results", out)
    assert status == 3 and "ours" in checked_results(out)["output"]
    assert "ZeroDivisionError" in errors


def test_a_system_that_can_run_nothing_is_told_without_a_traceback(tmp_path, monkeypatch, grader):
    def unfit(*_):
        raise UnfitSystem("no NumPy here")

    monkeypatch.setattr(command, "grade", unfit)
    out = tmp_path / "results.json"
    status, table, errors = grader(make_zip(tmp_path / "a.zip", CORRECT), "--results", out)
    assert (status, table, errors) == (3, "", "autograder: no NumPy here\n")
    assert "no NumPy here" in checked_results(out)["output"]


def test_what_is_no_zip_gets_a_verdict(tmp_path, grader):
    (tmp_path / "a.zip").write_bytes(b"def sigmoid(x): ...")
    status, table, _ = grader(tmp_path / "a.zip")
    assert status == 1 and "not a zip file" in table and "word2vec.py is missing" in table
    assert "total 0 / 20" in squeezed(table)


def test_a_zip_in_a_submission_of_gradescopes_is_no_class(tmp_path, grader):
    folder, out = tmp_path / "submission", tmp_path / "results.json"
    folder.mkdir()
    make_zip(folder / "assignment2.zip", CORRECT)
    assert grader(folder, "-q", "sigmoid", "--results", out)[0] == 1
    assert "word2vec.py is missing" in checked_results(out)["tests"][0]["output"]


def test_what_rests_on_something_wrong_says_so(tmp_path, grader):
    stub = "    ### YOUR CODE HERE\n    ### END YOUR CODE\n"
    sources = edited("word2vec.py", "    s = 1 / (1 + np.exp(-x))\n", stub)
    table = squeezed(grader(folder_of(tmp_path, sources), "-q", "neg-sampling")[1])
    assert table.count("hint Get sigmoid right first, if this calls it.") == 4
    assert table.count("not written yet") == 2


def test_several_that_something_rests_on_are_listed():
    def rows(*questions):
        return [Row(question, "", "a.1", 0, 1, []) for question in questions]

    several = rows("sigmoid", "naive-softmax", "neg-sampling")
    assert command.advice_on("skipgram", several) == (
        "Get sigmoid, naive-softmax and neg-sampling right first, if this calls them."
    )
    assert command.advice_on("skipgram", rows("sgd")) == command.advice_on("sgd", several) == ""


@pytest.mark.thorough
def test_ctrl_c_ends_with_a_line(tmp_path):
    source = CORRECT["word2vec.py"] + "\n\nwhile True: pass\n"
    path = make_zip(tmp_path / "a.zip", {"word2vec.py": source})
    process = subprocess.Popen(
        [sys.executable, str(GRADER), str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, out, errors) == (130, b"", b"autograder: stopped\n")


def test_the_schema_check_finds_faults():
    row = Row("sigmoid", "t", "a.1", 1, 2, ["x"])
    good = results.as_json(Grading([row], [], ["h"]), 1.0, 5)
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


# ---------------------------------------------------------------------------------------- a class
def read_csv(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_of_zips_is_a_class(tmp_path):
    zips = tmp_path / "zips"
    zips.mkdir()
    make_zip(zips / "anna.zip", CORRECT)
    make_zip(zips / "=ben.zip", edited("word2vec.py", "np.exp(-x)", "np.exp(x)"))
    make_zip(zips / "carl.zip", {"word2vec.py": "import os\nos._exit(9)\n"})
    (zips / "dora.zip").write_bytes(b"Rar!")
    (zips / "notes.txt").write_text("no submission", encoding="utf-8")
    grades = tmp_path / "grades.csv"
    done = run_grader(zips, "--csv", grades, "-q", "sigmoid", "--points", "24,4,4")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    rows = read_csv(grades)
    assert list(rows[0]) == ["submission", "sigmoid", "total", "remark"]
    assert [row["submission"] for row in rows] == ["'=ben.zip", "anna.zip", "carl.zip", "dora.zip"]
    assert [row["total"] for row in rows] == ["0", "4", "0", "0"]
    assert [row["sigmoid"] for row in rows] == ["0", "4", "0", "0"]
    assert "it is RAR" in rows[3]["remark"] and "overflows" in rows[1]["remark"]
    assert len(done.stdout.splitlines()) == 4 and "[4/4] " in done.stdout


# Stands for the grader: the name of the submission says what it does.
FAKE = """
import json, os, pathlib, sys, time
submission, file = pathlib.Path(sys.argv[-1]), sys.argv[sys.argv.index("--results") + 1]
with open(submission.parent / "log", "a") as log:
    log.write("begin\\n")
if submission.name.startswith("dies"):
    sys.exit("killed in action")
if submission.name.startswith("slow"):
    time.sleep(30 if "very" in submission.name else 0.3)
questions = ("sgd", "sgd", "run")
tests = [{"score": 2.0, "max_score": 3, "extra_data": {"question": q}} for q in questions]
with open(file, "w") as out:
    json.dump({"score": 6.0, "output": "a\\nb\\nc\\nthe remark", "tests": tests}, out)
with open(submission.parent / "log", "a") as log:
    log.write("end\\n")
"""


def fake_class(tmp_path, names):
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.touch()
    return paths, [sys.executable, "-c", FAKE]


def test_one_bad_submission_does_not_stop_the_others(tmp_path, capsys):
    paths, fake = fake_class(tmp_path, ["a.zip", "dies.zip", "-b.zip"])
    grades = tmp_path / "grades.csv"
    assert whole_class.grade_all(paths, fake, ("sgd", "run"), grades) == 3
    rows = read_csv(grades)
    assert [row["total"] for row in rows] == ["6", "", "6"]
    assert [row["sgd"] for row in rows] == ["4", "", "4"]
    assert [row["remark"] for row in rows] == [
        "the remark",
        "NOT GRADED: killed in action",
        "the remark",
    ]
    assert "[3/3]" in capsys.readouterr().out


@pytest.mark.thorough
def test_two_are_graded_at_a_time(tmp_path):
    paths, fake = fake_class(tmp_path, [f"slow{i}.zip" for i in range(4)])
    assert whole_class.grade_all(paths, fake, ("sgd",)) == 0
    running, most = 0, 0
    for line in (tmp_path / "log").read_text(encoding="utf-8").split():
        running += 1 if line == "begin" else -1
        most = max(most, running)
    assert most == 2


def test_what_was_graded_before_an_interruption_is_kept(tmp_path, monkeypatch):
    paths, fake = fake_class(tmp_path, ["a.zip", "very slow.zip", "b.zip"])
    paths[1] = paths[1].rename(tmp_path / "slow, very.zip")
    grades = tmp_path / "grades.csv"

    def interrupted(line, **_):
        if line.startswith("[2/"):
            raise KeyboardInterrupt

    monkeypatch.setattr("builtins.print", interrupted)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        whole_class.grade_all(paths, fake, ("sgd",), grades)
    assert time.monotonic() - began < 20
    assert [row["submission"] for row in read_csv(grades)] == ["a.zip", "b.zip"]


def test_where_submissions_are_found(tmp_path):
    zips, own = tmp_path / "zips", tmp_path / "own"
    for folder in (zips, own, zips / "unpacked", zips / ".hidden"):
        folder.mkdir()
    for path in (zips / "b.zip", zips / "a.zip", own / "sgd.py", own / "assignment2.zip"):
        path.touch()
    found = whole_class.find_submissions([zips, own, own / "sgd.py"])
    assert found == [zips / "a.zip", zips / "b.zip", zips / "unpacked", own, own / "sgd.py"]
    assert whole_class.is_folder_of_zips(zips) and not whole_class.is_folder_of_zips(own)


def test_submissions_of_one_name_are_told_apart(tmp_path):
    paths = [tmp_path / "a" / "assignment2.zip", tmp_path / "b" / "assignment2.zip"]
    assert [whole_class.name_of(path, paths) for path in paths] == [str(path) for path in paths]
    assert whole_class.name_of(Path("a\n\x1b[31m.zip"), paths) == "a??[31m.zip"  # in one line


@pytest.mark.slow
def test_a_class_of_thirty(full_run, tmp_path):
    """Submissions of all kinds, in one command."""
    shutil.copytree(full_run, tmp_path / "run")
    run = {
        archive.PARAMS: (full_run / archive.PARAMS).read_bytes(),
        "word_vectors.png": (full_run / "word_vectors.png").read_bytes(),
    }
    kinds = {
        "right": {**CORRECT, **run},
        "no run": CORRECT,
        "wrong sigmoid": {**edited("word2vec.py", "np.exp(-x)", "np.exp(x)"), **run},
        "wrong step": {**edited("sgd.py", "x - step", "x + step"), **run},
        "zeros": {**CORRECT, **run, archive.PARAMS: npy(np.zeros(run_part.SHAPE))},
        "kills": {**CORRECT, "word2vec.py": "import os\nos.kill(os.getppid(), 9)\n"},
        "loops": {**CORRECT, "sgd.py": "while True: pass\n"},
        "empty": {},
        "nested": {f"me/{name}": content for name, content in {**CORRECT, **run}.items()},
    }
    zips = tmp_path / "zips"
    zips.mkdir()
    totals = {}
    for i in range(30):
        kind = list(kinds)[i % len(kinds)]
        make_zip(zips / f"{i:02} {kind}.zip", kinds[kind])
        totals[f"{i:02} {kind}.zip"] = {
            "right": 20,
            "no run": 16,
            "wrong sigmoid": 14,
            "wrong step": 19,
            "zeros": 17,
            "kills": 4,
            "loops": 12,
            "empty": 0,
            "nested": 20,
        }[kind]
    grades = tmp_path / "grades.csv"
    done = subprocess.run(
        [sys.executable, str(GRADER), str(zips), "--csv", str(grades), "--seconds", "5"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    rows = read_csv(grades)
    assert list(rows[0]) == ["submission", *command.RESTS_ON, "total", "remark"]
    assert {row["submission"]: float(row["total"]) for row in rows} == totals
