"""explore.py: cosines against one by one, analogies, the printed table, the data of the page."""

import base64
import json
import re
import subprocess
from functools import partial

import numpy as np
import pytest
from conftest import ROOT, python_command, the_line, write_treebank
from hypothesis import given
from hypothesis import strategies as st

import explore
import sgd
from common.checkpoints import write_losses, write_words
from common.stopping import UserError
from common.vectors import write_text
from common.word_choice import ASSIGNMENT_WORDS
from utils import get_datasets

WORDS = "the cat dog king queen apple .".split()
VECTORS = np.array(
    [[9, 9, 1], [9, 1, 0], [9, 2, 0], [0, 9, 3], [1, 9, 3], [5, 5, 9], [0, 9, 2]], dtype=float
)


@pytest.fixture
def vectors(tmp_path):
    """A text file with seven words, the most frequent first."""
    write_text(tmp_path / "v.txt", WORDS, VECTORS)
    return tmp_path / "v.txt"


@pytest.fixture
def command(call_main):
    """A function from a command line to exit status, standard output, standard error."""
    return partial(call_main, explore.main)


def neighbours(out):
    """The words and cosines of a printed table."""
    rows = [line.split()[-2:] for line in out.splitlines()[3:]]
    return [(word, float(cosine)) for word, cosine in rows]


def cosine(a, b):
    """The cosine of two vectors, 0 for one of length 0."""
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return a @ b / lengths if lengths else 0.0


def random_vectors(seed, n=12):
    return np.random.RandomState(seed).randn(n, 3) + [2, 0, 0]


# ------------------------------------------------------------------------------------- cosines
@given(st.integers(0, 99), st.booleans(), st.integers(2, 12), st.integers(1, 12))
def test_nearest_are_those_of_the_cosines_one_by_one(seed, raw, n, top):
    vectors = random_vectors(seed)
    centered = vectors if raw else vectors - vectors[:n].mean(axis=0)
    for row in (0, 11):
        found = explore.nearest(explore.directions(vectors, n, raw), [(row, 1)], range(n), top)
        cosines = {i: cosine(centered[i], centered[row]) for i in range(n) if i != row}
        assert len(found) == min(top, len(cosines))
        values = [value for _, value in found]
        np.testing.assert_allclose(values, [cosines[i] for i, _ in found], atol=2e-4)
        np.testing.assert_allclose(values, sorted(cosines.values(), reverse=True)[:top], atol=2e-4)


@given(st.integers(0, 99))
def test_an_analogy_is_nearest_to_the_sum_of_unit_vectors(seed):
    vectors = random_vectors(seed)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    query, target = [(3, 1), (5, -1), (7, 1)], units[3] - units[5] + units[7]
    found = explore.nearest(explore.directions(vectors, 12, raw=True), query, range(12), 12)
    assert {i for i, _ in found} == set(range(12)) - {3, 5, 7}
    expected = sorted((cosine(target, units[i]) for i, _ in found), reverse=True)
    np.testing.assert_allclose([value for _, value in found], expected, atol=1e-3)


@given(st.integers(0, 99))
def test_mean_cosine_is_that_of_all_pairs(seed):
    vectors = random_vectors(seed)
    vectors[seed % 12] *= seed % 2  # sometimes one of length 0
    pairs = [cosine(a, b) for i, a in enumerate(vectors) for b in vectors[:i]]
    assert explore.mean_cosine(vectors) == pytest.approx(np.mean(pairs), abs=1e-4)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a", [[("a", 1)]]),
        ("a b", [[("a", 1)], [("b", 1)]]),
        ("a - b + c", [[("a", 1), ("b", -1), ("c", 1)]]),
        ("- b + a", [[("b", -1), ("a", 1)]]),
        ("a + a", [[("a", 1), ("a", 1)]]),
        ("-", [[("-", 1)]]),
        ("first-time c++", [[("first-time", 1)], [("c++", 1)]]),
    ],
)
def test_queries_are_words_or_one_analogy(text, expected):
    assert explore.parse_query(text.split()) == expected
    assert explore.parse_query([text]) == expected  # in quotation marks


@pytest.mark.parametrize("text", ["a -", "a b - c", "a - b c", "a + - b", "- -", "+ a +"])
def test_half_an_analogy_is_refused(text):
    with pytest.raises(UserError, match="king - man"):
        explore.parse_query(text.split())


# ------------------------------------------------------------------------------------- the table
def test_neighbours_stand_in_one_column_below_a_line_on_what_they_are(command, vectors):
    status, out, err = command("--vectors", vectors, "King", "cat", "--top", 2)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert str(vectors) in lines[0] and "all 7 words" in lines[0]
    pairs = [cosine(a, b) for i, a in enumerate(VECTORS) for b in VECTORS[:i]]
    assert f"{np.mean(pairs):.3f}" in lines[1] and "mean" in lines[1]
    assert lines[2:] == [
        "",
        "king   queen  0.994",
        "       apple -0.058",
        "cat    dog    0.995",
        "       the    0.209",
    ]
    _, out, _ = command("--vectors", vectors, "King", "--top", 2, "--raw")
    assert neighbours(out) == [("queen", 0.994), ("the", 0.694)]


def test_columns_are_aligned_for_words_of_any_length(command, vectors):
    words = ["a", "b" * 30, "c" * 9, "d", "e", "f", "g"]
    write_text(vectors, words, VECTORS)
    _, out, _ = command("--vectors", vectors, *words)
    table = out.splitlines()[3:]
    assert len(table) == 42
    assert len({line.index(".") for line in table}) == len(set(map(len, table))) == 1


def test_neighbours_are_among_the_first_words_whose_mean_is_taken_out(command, vectors):
    _, out, _ = command("--vectors", vectors, "queen", "--among", 3)
    mean = VECTORS[:3].mean(axis=0)
    cosines = {WORDS[i]: cosine(VECTORS[4] - mean, VECTORS[i] - mean) for i in range(3)}
    assert "first 3 of 7" in out
    assert dict(neighbours(out)) == pytest.approx(cosines, abs=6e-4)


def test_punctuation_is_a_neighbour_on_request_only(command, vectors):
    asked = ["--vectors", vectors, "king", "--raw", "--top", 9]
    assert len(neighbours(command(*asked)[1])) == 5
    assert neighbours(command(*asked, "--punctuation")[1])[:2] == [(".", 0.995), ("queen", 0.994)]
    assert neighbours(command("--vectors", vectors, ".", "--top", 1)[1])[0][0] == "king"
    write_text(vectors, ["a", "."], VECTORS[:2])
    assert command("--vectors", vectors, "a")[0] == 0  # without any neighbour
    tokens = [".", "--", "``", "-lrb-", "n't", "90", "हिंदी", "中", "c++"]
    assert [explore.is_punctuation(token) for token in tokens] == [True] * 4 + [False] * 5


@pytest.mark.parametrize("scale", [1e300, 1e-300, 0])
def test_lengths_make_no_difference(command, vectors, scale):
    write_text(vectors, WORDS, VECTORS * scale)
    for more in ([], ["--html", "--output", vectors.parent]):
        status, out, err = command("--vectors", vectors, "king", *more)
        assert (status, err) == (0, "") and "nan" not in out and "inf" not in out
        assert more or ("queen  0.994" in out) == (scale > 0)


def test_words_are_found_as_they_are_before_in_lower_case(command, vectors):
    write_text(vectors, ["Cat", "cat", "b", "c", "d", "e", "f"], VECTORS)
    assert command("--vectors", vectors, "Cat")[1].splitlines()[3].startswith("Cat")
    assert command("--vectors", vectors, "CAT")[1].splitlines()[3].startswith("cat")


# ------------------------------------------------------------------------------------- checkpoints
def save_run(folder, words, iterations=(5, 10), dimension=4):
    """Write checkpoints of words, the last of which is the most frequent; returns them."""
    rng = np.random.RandomState(0)
    saved = {}
    for iteration in iterations:
        saved[iteration] = rng.randn(2 * len(words), dimension)
        np.save(folder / f"saved_params_{iteration}.npy", saved[iteration])
    write_words(folder, words, range(1, len(words) + 1))
    return saved


def test_the_newest_checkpoint_is_read_with_its_words_and_no_corpus(command, tmp_path, monkeypatch):
    monkeypatch.setattr(get_datasets, "ensure_dataset", None)
    words = [f"w{i}" for i in range(9)]
    params = save_run(tmp_path, [*words, "UNK"])[10]
    arguments = ["--output", tmp_path, "w0", "--raw", "--among", 3]
    status, out, err = command(*arguments)
    assert (status, err) == (0, "")
    assert out.startswith(f"{tmp_path / 'saved_params_10.npy'}, 4 dimensions")
    expected = {word: cosine(params[0], params[int(word[1])]) for word in ("w8", "w7", "w6")}
    assert dict(neighbours(out)) == pytest.approx(expected, abs=6e-4)
    assert "3 most frequent of 9" in out
    (tmp_path / "counts.txt").unlink()  # then all words are neighbours, in their own order
    assert {word for word, _ in neighbours(command(*arguments)[1])} == {"w1", "w2"}


def test_neighbours_are_words_that_occur_five_times(command, tmp_path):
    words = [f"w{i}" for i in range(2001)]
    save_run(tmp_path, [*words, "UNK"])
    for rare, n in ((900, 1101), (1500, 1000)):  # 1,000 words at least, or all
        write_words(tmp_path, [*words, "UNK"], [4] * rare + [5] * (2001 - rare) + [1])
        assert f"{n:,} most frequent of 2,001" in command("--output", tmp_path, "w0")[1]
        command("--output", tmp_path, "--html")
        assert data_of(tmp_path)["among"] == n


def test_a_checkpoint_without_words_has_those_of_the_treebank(command, tmp_path, monkeypatch):
    treebank = write_treebank(tmp_path / "treebank", [["A", "b"], ["c", "d"]])
    monkeypatch.setattr(get_datasets, "ensure_dataset", lambda: treebank)
    save_run(tmp_path, [*"abcd", "UNK"])
    (tmp_path / "words.txt").unlink()
    status, out, err = command("--output", tmp_path, "A")
    assert (status, err) == (0, "") and {word for word, _ in neighbours(out)} == {*"bcd"}
    np.save(tmp_path / "saved_params_10.npy", np.ones((8, 4)))
    status, _, err = command("--output", tmp_path, "A")
    assert status == 1 and re.search(r"\b4 words.*\b5 words.*run.py", the_line(err))


def link_run(folder, full_run, sst):
    """Put the checkpoints of the assignment's run into a folder, with its words' frequencies."""
    from utils.treebank import StanfordSentiment

    for path in full_run.glob("saved_params_*.npy"):
        (folder / path.name).symlink_to(path)
    dataset = StanfordSentiment(sst)
    write_words(folder, dataset.words, dataset.frequencies)


@pytest.mark.slow  # with the tests that need the full run
def test_the_assignments_vectors_share_one_direction(command, full_run, sst, tmp_path):
    link_run(tmp_path, full_run, sst)
    _, out, _ = command("--output", tmp_path, "bad", "--top", 2)
    assert "4,475 most frequent of 19,538" in out and "0.996" in out.splitlines()[1]
    assert neighbours(out) == [("any", 0.904), ("dragon", 0.896)]


# ------------------------------------------------------------------------------------- the page
def data_of(folder):
    """The data of the page in a folder, with its arrays decoded."""
    page = (folder / "word_vectors.html").read_text(encoding="utf-8")
    data, _ = re.findall("<script[^>]*>(.*?)</script>", page, re.DOTALL)
    data = json.loads(data)
    for name in ("directions", "positions"):
        data[name] = np.frombuffer(base64.b64decode(data[name]), "<i2")
    return data


def test_the_page_has_what_the_command_reckons_with(command, tmp_path):
    words = ["</script><script>alert(1)</script>", "<!--", "&amp;", "é", "a", "b", ".", "UNK"]
    params = save_run(tmp_path, words)
    write_losses(tmp_path, [(n, 2.0 * n, float(n)) for n in range(1, 11)])
    status, out, err = command("--output", tmp_path, "--html", "a", "+", "é", "--no-open")
    assert (status, err) == (0, "") and "word_vectors.html" in out
    data = data_of(tmp_path)
    assert data["words"] == words[-2::-1] and data["leftOut"] == [0, 5]
    centers = params[10][6::-1]
    expected = explore.directions(centers, 7).ravel()
    assert np.array_equal(data["directions"], expected)
    assert data["query"] == "a + é" and data["iterations"] == [5, 10]
    assert data["losses"] == [[n, n] for n in range(1, 11)]


def test_without_a_file_of_losses_the_curve_has_those_in_the_checkpoints(command, tmp_path):
    for iteration, params in save_run(tmp_path, ["a", "b", "UNK"]).items():
        sgd.save_params(iteration, params, folder=tmp_path, smoothed_loss=iteration / 2)
    command("--output", tmp_path, "--html")
    assert data_of(tmp_path)["losses"] == [[5, 2.5], [10, 5]]
    sgd.save_params(5, params, folder=tmp_path)  # as the course's sgd.py saves
    command("--output", tmp_path, "--html")
    assert data_of(tmp_path)["losses"] == []


def test_the_map_has_the_axes_of_the_picture_and_the_words_of_all_checkpoints(command, tmp_path):
    from common.plot import project

    drawn = [word for group in ASSIGNMENT_WORDS.values() for word in group]
    params = save_run(tmp_path, ["other", *drawn, "UNK"])
    command("--output", tmp_path, "--html")
    data = data_of(tmp_path)
    assert [name for name, _ in data["groups"]] == list(ASSIGNMENT_WORDS)
    assert [data["words"][i] for _, rows in data["groups"] for i in rows] == drawn
    points, axes, shares = project(params[10][1:25])
    earlier = (params[5][:25] - params[5][1:25].mean(axis=0)) @ axes
    found = data["positions"].reshape(2, 25, 2)[:, ::-1].astype(float)  # most frequent first
    unit = np.abs(found[1, 1:]).max() / np.abs(points).max()
    np.testing.assert_allclose(found[1, 1:], points * unit, atol=1)
    np.testing.assert_allclose(found[0], earlier * unit, atol=2)
    assert data["shares"] == pytest.approx(shares)


def test_words_of_a_file_are_drawn_and_missing_ones_told(command, tmp_path, vectors):
    (tmp_path / "list.txt").write_text("Queen nobody\ncat\n", encoding="utf-8")
    options = ["--vectors", vectors, "--html", "--output", tmp_path]
    _, out, _ = command(*options, "--words", tmp_path / "list.txt")
    assert "nobody" in out.splitlines()[0]
    data = data_of(tmp_path)
    assert data["groups"] == [["", [WORDS.index("queen"), WORDS.index("cat")]]]
    assert data["iterations"] == [None] and data["losses"] == []
    (tmp_path / "list.txt").write_text("nobody\n", encoding="utf-8")
    assert command(*options, "--words", tmp_path / "list.txt")[0] == 1


@pytest.mark.thorough
def test_a_large_vocabulary_is_cut_to_five_megabytes(command, tmp_path):
    words = [f"word{i}" for i in range(8000)]
    vectors = save_run(tmp_path, [*words, "UNK"], [5], 300)[5][7999::-1]
    command("--output", tmp_path, "--html", "word0", "--among", 7000)
    data = data_of(tmp_path)
    assert 4_500_000 < (tmp_path / "word_vectors.html").stat().st_size < 5_000_000
    assert "8,000" in data["size"]
    n = data["among"]
    assert data["words"] == [*words[: -n - 1 : -1], "word0"]  # the most frequent, and what is asked
    expected = explore.directions(vectors, n)[:n].ravel()
    assert np.array_equal(data["directions"][: len(expected)], expected)


def test_of_many_checkpoints_the_slider_has_some_and_the_newest(command, tmp_path):
    save_run(tmp_path, ["a", "b", "UNK"], range(1, 201))
    command("--output", tmp_path, "--html")
    iterations = data_of(tmp_path)["iterations"]
    assert len(iterations) <= 41 and iterations[-1] == 200


# ------------------------------------------------------------------------------------- trouble
@pytest.mark.parametrize(
    "arguments, status, message",
    [
        ("--vectors {v} cat dgo xyz", 1, "7 words of {v}: dgo (perhaps dog?); xyz"),
        ("--vectors {v} cat -", 1, "king - man"),
        ("--vectors {v} cat dog --html", 1, "one word"),
        ("--vectors {one} a", 1, "one word"),
        ("--vectors {folder}/none.txt cat", 1, "none.txt"),
        ("--output {folder} cat", 1, "no saved_params_N.npy in {folder}; make one"),
        ("--vectors {v} --html --output {folder}/none", 1, "none/word_vectors.html"),
        ("--vectors {v}", 2, "--html"),
        ("--vectors {v} cat --top 0", 2, "--top"),
        ("--vectors {v} cat --among 1", 2, "--among"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(command, vectors, arguments, status, message):
    folder = vectors.parent
    write_text(folder / "one.txt", ["a"], np.ones((1, 3)))
    names = dict(v=vectors, one=folder / "one.txt", folder=folder)
    found, out, err = command(*(argument.format(**names) for argument in arguments.split()))
    assert (found, out) == (status, "")
    assert message.format(**names) in (the_line(err) if status == 1 else err.splitlines()[-1])


def test_words_of_another_run_beside_a_checkpoint_are_told(command, tmp_path):
    words = ["a", "b", "c", "UNK"]

    def complaint(*arguments):
        status, out, err = command("--output", tmp_path, *arguments)
        assert (status, out) == (1, "")
        return the_line(err)

    save_run(tmp_path, words)
    write_words(tmp_path, ["a", "b", "UNK"], [2, 1, 1])
    assert "words.txt" in complaint("a")
    write_words(tmp_path, words, [2, 1, 1])
    assert "counts.txt" in complaint("a")
    save_run(tmp_path, words)
    np.save(tmp_path / "saved_params_5.npy", np.ones((8, 3)))
    assert "saved_params_5.npy" in complaint("--html")


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_trouble(vectors):
    command = python_command("explore.py", "--vectors", vectors, *WORDS[:6] * 3000)
    process = subprocess.Popen(**command, cwd=ROOT, stdout=-1, stderr=-1)
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait(60) == 128 + 13
    process.stderr.close()
