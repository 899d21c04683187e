"""Nearest words: cosines against one by one, the table, and what a command line may get wrong."""

import subprocess

import numpy as np
import pytest
from conftest import ROOT, python_command, run_python, write_treebank
from hypothesis import given
from hypothesis import strategies as st

import neighbours
from common.vectors import write_text

WORDS = "the cat dog king queen apple".split()
VECTORS = np.array([[9, 9, 1], [9, 1, 0], [9, 2, 0], [0, 9, 3], [1, 9, 3], [5, 5, 9]], dtype=float)


@pytest.fixture
def vectors(tmp_path):
    """A file with six words, the most frequent first."""
    write_text(tmp_path / "v.txt", WORDS, VECTORS)
    return tmp_path / "v.txt"


@pytest.fixture
def command(monkeypatch, capsys):
    """A function from a command line to exit status, standard output, standard error."""

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["neighbours.py", *map(str, arguments)])
        status = 0
        try:
            neighbours.main()
        except SystemExit as error:
            status = error.code
        out, err = capsys.readouterr()
        return (1, out, status) if isinstance(status, str) else (status, out, err)

    return call


def cosine(a, b):
    """The cosine of two vectors, 0 for one of length 0."""
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return a @ b / lengths if lengths else 0.0


def random_vectors(seed, n=12):
    return np.random.RandomState(seed).randn(n, 3) + [2, 0, 0]


# ------------------------------------------------------------------------------------- cosines
@given(st.integers(0, 99), st.integers(2, 12), st.integers(1, 12))
def test_nearest_are_those_of_the_cosines_one_by_one(seed, n, top):
    vectors = random_vectors(seed)
    for row, pairs in zip((0, 11), neighbours.nearest(vectors, (0, 11), n, top)):
        cosines = {i: cosine(vectors[i], vectors[row]) for i in range(n) if i != row}
        expected = sorted(cosines, key=lambda i: -cosines[i])[:top]
        assert [i for i, _ in pairs] == expected
        np.testing.assert_allclose([c for _, c in pairs], [cosines[i] for i in expected])


@given(st.integers(0, 99))
def test_mean_cosine_is_that_of_all_pairs(seed):
    vectors = random_vectors(seed)
    vectors[seed % 12] *= seed % 2  # sometimes one of length 0
    pairs = [cosine(a, b) for i, a in enumerate(vectors) for b in vectors[:i]]
    assert neighbours.mean_cosine(vectors) == pytest.approx(np.mean(pairs), abs=1e-12)


# ------------------------------------------------------------------------------------- the table
def test_both_views_stand_side_by_side(command, vectors):
    status, out, err = command("--vectors", vectors, "King", "cat", "--top", 2)
    assert (status, err) == (0, "")
    assert out.splitlines()[:4] == [
        f"{vectors}: 3 numbers a word",
        "Neighbours among the 6 most frequent of 6 words, and their cosines",
        "Mean cosine of two of these: 0.596 as they are, -0.198 without the mean",
        "",
    ]
    assert out.splitlines()[4:] == [
        "       as they are    without the mean",
        "king   queen  0.994   queen  0.996",
        "       the    0.694   apple  0.055",
        "cat    dog    0.994   dog    0.993",
        "       the    0.778   the    0.042",
    ]


def test_columns_are_aligned_whatever_the_words_lengths(command, vectors):
    words = ["a", "b" * 30, "c" * 9, "d", "e", "f"]
    write_text(vectors, words, VECTORS)
    _, out, _ = command("--vectors", vectors, *words)
    table = out.splitlines()[5:]
    assert len(table) == 30
    assert len({len(line) for line in table}) == 1
    assert len({line.index(".") for line in table}) == 1


def test_neighbours_are_among_the_most_frequent_but_any_word_can_be_asked_for(command, vectors):
    status, out, _ = command("--vectors", vectors, "queen", "--most-frequent", 3, "--top", 9)
    assert status == 0 and "among the 3 most frequent of 6 words" in out
    assert {line.split()[-2] for line in out.splitlines()[5:]} == {"the", "cat", "dog"}


def test_common_mean_is_that_of_the_words_looked_among(command, vectors):
    _, out, _ = command("--vectors", vectors, "queen", "--most-frequent", 3, "--top", 1)
    mean = VECTORS[:3].mean(axis=0)
    best = max(cosine(VECTORS[4] - mean, v - mean) for v in VECTORS[:3])
    assert float(out.split()[-1]) == pytest.approx(best, abs=5e-4)


@pytest.mark.parametrize("scale", [1e300, 1e-300, 0])
def test_lengths_make_no_difference(command, vectors, scale):
    write_text(vectors, WORDS, VECTORS * scale)
    status, out, err = command("--vectors", vectors, "king")
    assert (status, err) == (0, "")
    assert ("queen  0.994" in out) == (scale > 0)
    assert "nan" not in out and "inf" not in out


def test_words_are_found_as_they_are_before_in_lower_case(command, vectors):
    write_text(vectors, ["Cat", "cat", "b", "c", "d", "e"], VECTORS)
    assert command("--vectors", vectors, "Cat")[1].splitlines()[5].startswith("Cat")
    assert command("--vectors", vectors, "CAT")[1].splitlines()[5].startswith("cat")


# ------------------------------------------------------------------------------------- saves
@pytest.fixture
def treebank(tmp_path, monkeypatch):
    """A treebank of its own, whose words are w0 (most frequent) to w9, and UNK."""
    sentences = [[f"w{i}" for i in range(9, n - 1, -1)] for n in range(10)]
    folder = write_treebank(tmp_path / "treebank", [s[::-1] for s in sentences])
    monkeypatch.setattr(neighbours.get_datasets, "ensure_dataset", lambda: folder)


def test_the_newest_save_is_taken_and_its_most_frequent_words(
    command, treebank, tmp_path, monkeypatch
):
    rng = np.random.RandomState(0)
    saves = {5: rng.randn(22, 4), 10: rng.randn(22, 4)}
    for number, array in saves.items():
        np.save(tmp_path / f"saved_params_{number}.npy", array)
    monkeypatch.setattr(neighbours, "MOST_FREQUENT", 3)
    status, out, err = command("--output", tmp_path, "w0", "--top", 9)
    assert (status, err) == (0, "")
    assert out.startswith(f"{tmp_path / 'saved_params_10.npy'}: 4 numbers a word\n")
    assert "among the 3 most frequent of 10 words" in out  # UNK is none of them
    lines = out.splitlines()[5:]
    assert {line.split()[-2] for line in lines} == {"w9", "w8", "w7"}
    words = [f"w{i}" for i in range(10)]
    centers = saves[10][[words.index(w) for w in ("w0", "w9")]]
    found = {line[5:].split()[0]: float(line[5:].split()[1]) for line in lines}
    assert found["w9"] == pytest.approx(cosine(*centers), abs=5e-4)


def test_a_save_of_another_text_is_told(command, treebank, tmp_path):
    np.save(tmp_path / "saved_params_5.npy", np.ones((20, 4)))
    status, _, err = command("--output", tmp_path, "w0")
    assert status == 1
    assert "vectors of 10 words, but the sentences here have 11" in err and "--export" in err


@pytest.mark.slow  # with the tests that need the full run
def test_the_assignments_vectors_share_one_direction(full_run, sst):
    result = run_python("neighbours.py", "--output", full_run, "bad", "--top", 1)
    assert result.returncode == 0, result.stderr
    assert "Mean cosine of two of these: 0.995 as they are, 0.000 without" in result.stdout
    assert result.stdout.splitlines()[-1].split() == "bad dragon 1.000 any 0.906".split()


# ------------------------------------------------------------------------------------- trouble
@pytest.mark.parametrize(
    "arguments, status, message",
    [
        (["--vectors", "{v}", "kin"], 1, "6 words of {v}: kin (perhaps king?)"),
        (["--vectors", "{v}", "cat", "kin", "xyzzy"], 1, "kin (perhaps king?); xyzzy"),
        (["--vectors", "none.txt", "cat"], 1, "cannot read none.txt"),
        (["--vectors", "{one}", "a"], 1, "has one word only"),
        (["--output", "{folder}", "cat"], 1, "no saved_params_N.npy in {folder}: make one"),
        (["--vectors", "{v}"], 2, "required: WORD"),
        (["--vectors", "{v}", "cat", "--top", "0"], 2, "--top: must be at least 1"),
        (["--vectors", "{v}", "cat", "--most-frequent", "1"], 2, "--most-frequent: must be"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(command, vectors, arguments, status, message):
    folder = vectors.parent
    write_text(folder / "one.txt", ["a"], np.ones((1, 3)))
    names = dict(v=vectors, one=folder / "one.txt", folder=folder)
    found, out, err = command(*(argument.format(**names) for argument in arguments))
    assert (found, out) == (status, "")
    assert message.format(**names) in err.splitlines()[-1]
    assert status == 2 or "\n" not in err


def test_a_reader_that_goes_away_is_no_trouble(vectors):
    command = python_command("neighbours.py", "--vectors", vectors, *WORDS * 3000, "--top", 5)
    process = subprocess.Popen(**command, cwd=ROOT, stdout=-1, stderr=-1)
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait(60) == 128 + 13
    process.stderr.close()
