"""Files of word vectors: what is written is read back, by gensim too, and bad ones are told."""

import gzip

import numpy as np
import pytest
from conftest import run_python
from hypothesis import given
from hypothesis import strategies as st

from common.vectors import (
    PROJECTOR_FILES,
    VectorsError,
    is_export,
    is_projector,
    newest_checkpoint,
    read_params,
    read_text,
    split_checkpoint,
    write_projector,
    write_text,
)
from utils.treebank import Corpus, StanfordSentiment

WORDS = ["the", "rock", "é", "中文", "2", "1.5", "nan", "$", "UNK"]
VECTORS = np.random.RandomState(0).randn(len(WORDS), 4) * 10.0 ** np.arange(-4, 12, 4)


def written(folder, content):
    """The path of a new file with this content, text or bytes."""
    path = folder / "vectors.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


# ------------------------------------------------------------------------------------- round trips
def test_text_is_read_back_bit_for_bit(tmp_path):
    write_text(tmp_path / "v.txt", WORDS, VECTORS)
    index, vectors = read_text(tmp_path / "v.txt")
    assert list(index) == WORDS and list(index.values()) == list(range(len(WORDS)))
    assert np.array_equal(vectors, VECTORS)
    assert (tmp_path / "v.txt").read_bytes().startswith(b"9 4\nthe ")


words = st.text(min_size=1, max_size=8).map("".join).filter(lambda word: word.split() == [word])
encodable = words.filter(lambda word: not any(0xD800 <= ord(c) < 0xE000 for c in word))
numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.dictionaries(encodable, st.tuples(numbers, numbers), min_size=1, max_size=6))
def test_any_words_and_numbers_are_read_back(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("v") / "v.txt"
    write_text(path, list(table), np.array(list(table.values())))
    index, vectors = read_text(path)
    assert {word: tuple(vectors[i]) for word, i in index.items()} == table


@pytest.mark.slow  # with the tests that need gensim installed
@pytest.mark.parametrize("dimension", [1, 3])
def test_gensim_reads_the_export(tmp_path, dimension):
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    write_text(tmp_path / "v.txt", WORDS, VECTORS[:, :dimension])
    keyed = models.KeyedVectors.load_word2vec_format(tmp_path / "v.txt")
    assert keyed.index_to_key == WORDS
    assert np.array_equal(keyed.vectors, VECTORS[:, :dimension].astype(np.float32))


@pytest.mark.slow  # with the tests that need gensim installed
def test_gensim_reads_what_run_exports(full_run, sst, tmp_path):
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    result = run_python("run.py", "--output", full_run, "--export", tmp_path / "v.txt")
    assert result.returncode == 0, result.stderr
    keyed = models.KeyedVectors.load_word2vec_format(tmp_path / "v.txt")
    dataset = StanfordSentiment(sst)
    centers = np.load(full_run / "saved_params_40000.npy")[:19539]
    assert np.array_equal(keyed[dataset.words], centers.astype(np.float32))
    frequencies = [dataset.frequencies[dataset.tokens()[word]] for word in keyed.index_to_key]
    assert frequencies == sorted(dataset.frequencies, reverse=True)
    assert len(keyed.most_similar("great", topn=5)) == 5


@pytest.mark.slow  # with the tests that need gensim installed
def test_we_read_what_gensim_writes(tmp_path):
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    keyed = models.KeyedVectors(4)
    keyed.add_vectors(WORDS, VECTORS.astype(np.float32))
    keyed.save_word2vec_format(tmp_path / "v.txt")
    index, vectors = read_text(tmp_path / "v.txt")
    assert list(index) == WORDS
    assert np.array_equal(vectors.astype(np.float32), VECTORS.astype(np.float32))


def test_the_projector_gets_two_files_of_as_many_lines(tmp_path):
    write_projector(tmp_path, WORDS, VECTORS)
    lines = (tmp_path / "metadata.tsv").read_bytes().decode("utf-8").split("\n")
    assert lines == [*WORDS, ""]  # a single column has no header
    rows = (tmp_path / "vectors.tsv").read_text(encoding="utf-8").split("\n")
    assert rows.pop() == ""
    assert np.array_equal([[float(x) for x in row.split("\t")] for row in rows], VECTORS)


@pytest.mark.parametrize("word", ["", "a b", "a\tb", "a\nb", "a\u2028b", "\xa0"])
@pytest.mark.parametrize("write", [write_text, write_projector])
def test_a_word_that_would_not_be_read_back_is_not_written(tmp_path, write, word):
    target = tmp_path / "v.txt" if write is write_text else tmp_path
    with pytest.raises(ValueError, match="not one word"):
        write(target, ["ok", word], np.zeros((2, 3)))
    assert list(tmp_path.iterdir()) == []


def test_tokens_of_any_text_can_be_written(tmp_path):
    text = "tab\there nbsp\xa0here line\u2028here unit\x1fhere next\x85here plain"
    corpus = Corpus([text.split()])
    write_text(tmp_path / "v.txt", corpus.words, np.ones((len(corpus.words), 2)))
    assert list(read_text(tmp_path / "v.txt")[0]) == corpus.words


# ------------------------------------------------------------------------------------- reading
def test_glove_files_have_no_header(tmp_path):
    index, vectors = read_text(written(tmp_path, "the 1 2 3\n, 4 5 6\n"))
    assert list(index) == ["the", ","]
    assert vectors.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    "content",
    [
        "2 2\na 1 2\nb 3 4",  # no end of the last line
        "2 2\na 1 2 \nb 3 4 \n",  # word2vec.c writes a space after each number
        "2 2\r\na 1 2\r\nb 3 4\r\n",  # Windows
        "\ufeff2 2\na 1 2\nb 3 4\n",  # a byte-order mark
        "\ufeffa 1 2\nb 3 4\n",
        "a 1 2\n\nb 3 4\n\n\n",  # empty lines
        "a 1 2\nb 3 4\na 5 6\n",  # of a word that is there twice, the first line counts
    ],
)
def test_what_readers_must_put_up_with(tmp_path, content):
    index, vectors = read_text(written(tmp_path, content))
    assert index == {"a": 0, "b": 1}
    assert vectors.tolist() == [[1, 2], [3, 4]]


def test_words_with_spaces_of_large_glove_files(tmp_path):
    index, vectors = read_text(written(tmp_path, "a 1 2\n. . . 3 4\nat name@domain.com 5 6\n"))
    assert list(index) == ["a", ". . .", "at name@domain.com"]
    assert vectors[2].tolist() == [5, 6]


def test_only_wanted_words_are_kept_but_all_lines_are_checked(tmp_path):
    path = written(tmp_path, "a 1 2\nb 3 4\nc 5 6\n")
    index, vectors = read_text(path, {"c", "z"})
    assert index == {"c": 0} and vectors.tolist() == [[5, 6]]
    assert read_text(path, set())[1].shape == (0, 2)
    with pytest.raises(VectorsError, match="line 2"):
        read_text(written(tmp_path, "a 1 2\nb 3 inf\nc 5 6\n"), {"c"})


@pytest.mark.parametrize(
    "content, line, reason",
    [
        ("2 3\na 1 2 3\nb 1 2\n", 3, "2 numbers after the word, expected 3"),
        ("2 3\na 1 2 3\nb 1 2 3 4\n", 3, "4 numbers after the word, expected 3"),
        ("a 1 2 3\nb 1 2 3\nc 1 2 3 4\n", 3, "4 numbers after the word, expected 3"),
        ("a 1 2\nb 1 nan\n", 2, "not finite"),
        ("a 1 2\nb -inf 1\n", 2, "not finite"),
        ("a 1 2\nb 1 1e999\n", 2, "not finite"),
        ("a 1 2\nb 1 two\n", 2, "two"),
        ("a 1 2\nb  1 2\n", 2, "3 numbers"),  # two spaces
        ("a 1 2\n 1 2\n", 2, "expected 2"),  # no word
        ("a\nb 1\n", 1, "expected some"),
        ("3 2\na 1 2\nb 3 4\n", 1, "promises 3 words, but there are 2"),
        ("1 2\na 1 2\nb 3 4\n", 1, "promises 1 words, but there are 2"),
        (b"a 1 2\nb\xff 1 2\n", 2, "not UTF-8"),
    ],
)
def test_a_bad_line_is_named(tmp_path, content, line, reason):
    path = written(tmp_path, content)
    with pytest.raises(VectorsError, match=reason) as raised:
        read_text(path)
    assert f"{path}, line {line}: " in str(raised.value)


@pytest.mark.parametrize("content", ["", "\n\n", "0 5\n"])
def test_a_file_without_vectors_is_told(tmp_path, content):
    with pytest.raises(VectorsError, match="no vectors"):
        read_text(written(tmp_path, content))


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(VectorsError, match="cannot read .*none.txt"):
        read_text(tmp_path / "none.txt")
    with pytest.raises(VectorsError, match="cannot read"):
        read_text(tmp_path)


# ------------------------------------------------------------------------------------- checkpoints
def test_a_checkpoint_is_read(tmp_path):
    np.save(tmp_path / "v.npy", VECTORS[:6].astype(np.float32))
    vectors = read_params(tmp_path / "v.npy")
    assert vectors.dtype == np.float64 and np.array_equal(vectors, np.float32(VECTORS[:6]))


@pytest.mark.parametrize(
    "array, reason",
    [
        (np.zeros((3, 2)), "shape"),
        (np.zeros((0, 2)), "shape"),
        (np.zeros(4), "matrix"),
        (np.zeros((2, 2), dtype=int), "matrix"),
        (np.array([[0, 1], [np.nan, 1]]), "row 1"),
    ],
)
def test_what_is_no_checkpoint_is_told(tmp_path, array, reason):
    np.save(tmp_path / "v.npy", array)
    with pytest.raises(VectorsError, match=reason):
        read_params(tmp_path / "v.npy")


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_a_broken_checkpoint_is_told(tmp_path, content):
    (tmp_path / "v.npy").write_bytes(content)
    with pytest.raises(VectorsError, match="v.npy"):
        read_params(tmp_path / "v.npy")


def test_a_checkpoint_is_not_unpickled(tmp_path):
    np.save(tmp_path / "v.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(VectorsError):
        read_params(tmp_path / "v.npy")
    np.savez(tmp_path / "v.npz", VECTORS)
    with pytest.raises(VectorsError):
        read_params(tmp_path / "v.npz")


def test_the_newest_checkpoint_is_that_of_the_highest_number_in_the_first_folder(tmp_path):
    for name in ("a/saved_params_9.npy", "a/saved_params_10.npy", "b/saved_params_90.npy"):
        written_at(tmp_path / name)
    for name in ("saved_params_99.npy.tmp", "saved_params_0100.npy", "my_saved_params_999.npy"):
        written_at(tmp_path / "a" / name)
    a, b, none = tmp_path / "a", tmp_path / "b", tmp_path / "none"
    assert newest_checkpoint([a, b]) == a / "saved_params_10.npy"
    assert newest_checkpoint([none, str(b), a]) == b / "saved_params_90.npy"
    with pytest.raises(VectorsError, match="no saved_params_N.npy in .*none: make one with"):
        newest_checkpoint([none, tmp_path])


def test_a_checkpoint_is_centre_vectors_then_outside_vectors():
    array = np.arange(12).reshape(6, 2)
    centers, outside = split_checkpoint(array, ["a", "b", "UNK"], "v.npy")
    assert centers.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert outside.tolist() == [[6, 7], [8, 9], [10, 11]]


@pytest.mark.parametrize("V", [2, 4])
def test_a_checkpoint_of_another_text_is_told(V):
    with pytest.raises(VectorsError, match=f"v.npy has the vectors of 3 words, .* have {V}: "):
        split_checkpoint(np.zeros((6, 2)), ["a"] * V, "v.npy")


# ------------------------------------------------------------------------------------- exports
def written_at(path, content=b""):
    """The path of a new file, for which a folder is made if need be."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("n", [1, 9])
def test_an_export_is_known_by_its_first_two_lines(tmp_path, n):
    write_text(tmp_path / "v.txt", WORDS[:n], VECTORS[:n])
    assert is_export(tmp_path / "v.txt")
    first_two = (tmp_path / "v.txt").read_bytes().split(b"\n")[:2]
    assert is_export(written_at(tmp_path / "v.txt", b"\n".join(first_two) + b"\n\xff ..."))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"9 4\n",
        b"9 4\nthe 1 2 3\n",
        b"9 4\nthe 1 2 3 4 5\n",
        b"9 4\nthe 1 2 3 nan\n",
        b"the 1 2 3 4\nrock 1 2 3 4\n",  # GloVe, which we do not write
        b"A text.\nOf two sentences.\n",
        b"\xff\xfe9\0",
        b"\x93NUMPY\x01\0",
    ],
)
def test_other_files_are_no_exports(tmp_path, content):
    assert not is_export(written_at(tmp_path / "v.txt", content))


def test_what_is_not_there_is_no_export(tmp_path):
    assert not is_export(tmp_path / "none.txt")
    assert not is_export(tmp_path)
    assert not is_projector(tmp_path)


def test_a_projector_is_known_by_the_beginning_of_its_files(tmp_path):
    write_projector(tmp_path, WORDS, VECTORS)
    assert is_projector(tmp_path)
    for name, other in zip(PROJECTOR_FILES, (b"1.5\ttwo\n", b"name\tvalue\n")):
        good = (tmp_path / name).read_bytes()
        for content in (b"", other, b"\xff"):
            written_at(tmp_path / name, content)
            assert not is_projector(tmp_path)
        written_at(tmp_path / name, good)
    (tmp_path / PROJECTOR_FILES[1]).unlink()
    assert not is_projector(tmp_path)


@pytest.mark.parametrize("write", [write_text, write_projector])
def test_what_cannot_be_written_is_named_by_its_own_path(tmp_path, write):
    folder = tmp_path / "none"
    target = folder / "v.txt" if write is write_text else folder
    expected = target if write is write_text else folder / PROJECTOR_FILES[0]
    with pytest.raises(FileNotFoundError) as raised:
        write(target, WORDS, VECTORS)
    assert raised.value.filename == str(expected) and ".tmp" not in str(raised.value)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError) as raised:
        write_text(tmp_path / "folder", WORDS, VECTORS)
    assert raised.value.filename == str(tmp_path / "folder") and ".tmp" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_packed_vectors_are_read_as_they_are(tmp_path):
    packed = written_at(tmp_path / "v.txt.gz", gzip.compress(b"2 2\na 1 2\nb 3 4\n"))
    assert read_text(packed)[1].tolist() == [[1, 2], [3, 4]]


# ------------------------------------------------------------------------------------- run.py
@pytest.mark.parametrize("option, name", [("--export", "v.txt"), ("--export-projector", "folder")])
def test_an_export_that_cannot_be_written_is_found_before_training(tmp_path, option, name):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "text.txt").write_text("a b a c\nb c a\n" * 5, encoding="utf-8")
    arguments = ["--corpus", tmp_path / "text.txt", "--output", tmp_path / "out"]
    result = run_python("run.py", *arguments, option, tmp_path / "file" / name)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and "cannot write" in result.stderr
    assert "iter" not in result.stdout and not list((tmp_path / "out").glob("saved*"))
