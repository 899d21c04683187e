"""Files of word vectors: what is written is read back, by gensim too, and bad ones are told."""

import bz2
import gzip
import io
import lzma
import pickle
import zipfile

import numpy as np
import pytest
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

WORDS = ["the", "rock", "é", "中文", "2", "1.5", "nan", "$", "UNK"]
VECTORS = np.random.RandomState(0).randn(len(WORDS), 4) * 10.0 ** np.arange(-4, 12, 4)


def written(path, content=b""):
    """The path, with a new file of this content, text or bytes."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


# ------------------------------------------------------------------------------------- round trips
@pytest.mark.parametrize("name", ["v.txt", "v.txt.gz"])
def test_text_is_read_back_bit_for_bit(tmp_path, name):
    path = tmp_path / name
    write_text(path, WORDS, VECTORS)
    index, vectors = read_text(path)
    assert list(index) == WORDS and list(index.values()) == list(range(len(WORDS)))
    assert np.array_equal(vectors, VECTORS)
    content = path.read_bytes()
    assert (gzip.decompress(content) if name.endswith(".gz") else content).startswith(b"9 4\nthe ")


words = st.text(min_size=1, max_size=8).filter(lambda word: word.split() == [word])
numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.dictionaries(words, st.tuples(numbers, numbers), min_size=1, max_size=6))
def test_any_words_and_numbers_are_read_back(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("v") / "v.txt"
    write_text(path, list(table), np.array(list(table.values())))
    index, vectors = read_text(path)
    assert {word: tuple(vectors[i]) for word, i in index.items()} == table


@pytest.mark.slow  # with the tests that need gensim installed
@pytest.mark.parametrize("name, dimension", [("v.txt", 1), ("v.txt", 4), ("v.txt.gz", 4)])
def test_gensim_reads_what_we_write_and_we_what_gensim_writes(tmp_path, name, dimension):
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    vectors = VECTORS[:, :dimension].astype(np.float32)
    write_text(tmp_path / name, WORDS, VECTORS[:, :dimension])
    keyed = models.KeyedVectors.load_word2vec_format(tmp_path / name)
    assert keyed.index_to_key == WORDS and np.array_equal(keyed.vectors, vectors)
    keyed.save_word2vec_format(tmp_path / f"g{name}")
    index, ours = read_text(tmp_path / f"g{name}")
    assert list(index) == WORDS and np.array_equal(ours.astype(np.float32), vectors)
    keyed.save_word2vec_format(tmp_path / f"b{name}", binary=True)
    keyed.save(str(tmp_path / "kv"))
    for other in (f"b{name}", "kv"):
        with pytest.raises(VectorsError, match=f"{other} is .*save_word2vec_format"):
            read_text(tmp_path / other)


def test_the_projector_gets_two_files_of_as_many_lines(tmp_path):
    write_projector(tmp_path, WORDS, VECTORS)
    lines = (tmp_path / "metadata.tsv").read_bytes().decode("utf-8").split("\n")
    assert lines == [*WORDS, ""]  # a single column has no header
    rows = (tmp_path / "vectors.tsv").read_text(encoding="utf-8").split("\n")
    assert rows.pop() == ""
    assert np.array_equal([[float(x) for x in row.split("\t")] for row in rows], VECTORS)


@pytest.mark.parametrize("word", ["", "a b", "a\tb", "a\nb", "a\u2028b", "\xa0"])
def test_a_word_that_would_not_be_read_back_is_not_written(tmp_path, word):
    for write, target in ((write_text, tmp_path / "v.txt"), (write_projector, tmp_path)):
        with pytest.raises(ValueError, match="not one word"):
            write(target, ["ok", word], np.zeros((2, 3)))
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------- reading
@pytest.mark.parametrize(
    "content",
    [
        "2 2\na 1 2\nb 3 4",  # no end of the last line
        "2 2\na 1 2 \nb 3 4 \n",  # word2vec.c writes a space after each number
        "2 2\r\na 1 2\r\nb 3 4\r\n",  # Windows
        "\ufeff2 2\na 1 2\nb 3 4\n",  # a byte-order mark
        "a 1 2\n\nb 3 4\n\n\n",  # GloVe has no header; empty lines
        "a 1 2\nb 3 4\na 5 6\n",  # of a word that is there twice, the first line counts
    ],
)
def test_what_readers_must_put_up_with(tmp_path, content):
    index, vectors = read_text(written(tmp_path / "v.txt", content))
    assert index == {"a": 0, "b": 1}
    assert vectors.tolist() == [[1, 2], [3, 4]]


def test_only_wanted_words_are_kept_but_all_lines_are_checked(tmp_path):
    path = written(tmp_path / "v.txt", "a 1 2\n. . 3 4\nat name@domain.com 5 6\n")
    assert list(read_text(path)[0]) == ["a", ". .", "at name@domain.com"]  # as in large GloVe files
    index, vectors = read_text(path, {"at name@domain.com", "z"})
    assert index == {"at name@domain.com": 0} and vectors.tolist() == [[5, 6]]
    assert read_text(path, set())[1].shape == (0, 2)
    with pytest.raises(VectorsError, match="line 2"):
        read_text(written(path, "a 1 2\nb 3 inf\nc 5 6\n"), {"c"})


@pytest.mark.parametrize(
    "content, line, reason",
    [
        ("2 3\na 1 2 3\nb 1 2\n", 3, "2 numbers after the word, expected 3"),
        ("2 3\na 1 2 3\nb 1 2 3 4\n", 3, "4 numbers after the word, expected 3"),
        ("a 1 2\nb 1 nan\n", 2, "not finite"),
        ("a 1 2\nb 1 1e999\n", 2, "not finite"),
        ("a 1 2\nb 1 two\n", 2, "two"),
        ("a 1 2\nb  1 2\n", 2, "3 numbers"),  # two spaces
        ("a 1 2\n 1 2\n", 2, "no word"),
        ("a 1 2\nb\t1 2\n", 2, "tab"),
        ("a\t1\t2\n", 1, "tab"),
        ("a\nb 1\n", 1, "expected some"),
        ("3 2\na 1 2\nb 3 4\n", 1, "3 words, .* 2$"),
        ("1 2\na 1 2\nb 3 4\n", 1, "1 words, .* 2$"),
        (b"a 1 2\nb\xff 1 2\n", 2, "not UTF-8"),
    ],
)
def test_a_bad_line_is_named(tmp_path, content, line, reason):
    path = written(tmp_path / "v.txt", content)
    with pytest.raises(VectorsError, match=reason) as raised:
        read_text(path)
    assert f"{path}, line {line}: " in str(raised.value)


def archive(name):
    """The bytes of a .zip archive, such as a .npz is, with one file of this name."""
    with zipfile.ZipFile(file := io.BytesIO(), "w") as opened:
        opened.writestr(name, b"a 1 2\n")
    return file.getvalue()


@pytest.mark.parametrize(
    "content, what, remedy",
    [
        (b"2 2\na " + np.float32([1, 2]).tobytes() + b"b " + bytes(8), "binary format", "gensim"),
        (pickle.dumps([1]), "pickle", "gensim"),
        (archive("v.txt"), ".zip", "unpack"),
        (archive("v.npy"), ".npz", "unpack"),
        (gzip.compress(b"a 1 2\n"), "gzip", "ends with .gz"),
        (bz2.compress(b"a 1 2\n"), "bzip2", "bunzip2"),
        (lzma.compress(b"a 1 2\n"), "xz", "unxz"),
        ("a 1 2\n".encode("utf-32"), "UTF-32", "iconv -f UTF-32"),
        ("a 1 2\n".encode("utf-16"), "UTF-16", "iconv -f UTF-16"),
        (b"\x93NUMPY\x01\0", "NumPy", ".npy"),
    ],
    ids="binary pickle zip npz gzip bzip2 xz utf-32 utf-16 numpy".split(),
)
def test_another_format_is_named_with_what_to_do(tmp_path, content, what, remedy):
    path = written(tmp_path / "v.txt", content)
    with pytest.raises(VectorsError) as raised:
        read_text(path)
    message = str(raised.value)
    assert what in message and remedy in message and "\n" not in message
    assert f"{path} is " in message and not is_export(path)


@pytest.mark.parametrize("content", ["", "\n\n", "0 5\n", None])
def test_a_file_without_vectors_is_told(tmp_path, content):
    path = tmp_path if content is None else written(tmp_path / "v.txt", content)
    with pytest.raises(VectorsError, match="cannot read" if content is None else "no vectors"):
        read_text(path)
    assert not is_export(path)


# ------------------------------------------------------------------------------------- checkpoints
def test_a_checkpoint_is_centre_vectors_then_outside_vectors(tmp_path):
    array = np.arange(12, dtype=np.float32).reshape(6, 2)
    np.save(tmp_path / "v.npy", array)
    vectors = read_params(tmp_path / "v.npy")
    assert vectors.dtype == np.float64
    centers, outside = split_checkpoint(vectors, ["a", "b", "UNK"], "v.npy")
    assert np.array_equal(centers, array[:3]) and np.array_equal(outside, array[3:])
    for V in (2, 4):
        with pytest.raises(VectorsError, match=rf"v.npy .*\b3 words, .*\b{V} words.*; do this"):
            split_checkpoint(vectors, ["a"] * V, "v.npy", "; do this")


@pytest.mark.parametrize(
    "array, reason",
    [
        (np.zeros((3, 2)), "shape"),
        (np.zeros((0, 2)), "shape"),
        (np.zeros(4), "matrix"),
        (np.zeros((2, 2), dtype=int), "matrix"),
        (np.array([[0, 1], [np.nan, 1]]), "row 1"),
        (np.array([print], dtype=object), "v.npy"),  # a pickle, which is not read
        (b"no array", "v.npy"),
        (b"\x93NUMPY\x01\x00", "v.npy"),
        (archive("v.npy"), "v.npy"),
    ],
)
def test_what_is_no_checkpoint_is_told(tmp_path, array, reason):
    path = tmp_path / "v.npy"
    written(path, array) if isinstance(array, bytes) else np.save(path, array)
    with pytest.raises(VectorsError, match=reason):
        read_params(path)


def test_the_newest_checkpoint_is_the_highest_number_in_the_first_folder(tmp_path):
    for name in ("a/saved_params_9.npy", "a/saved_params_10.npy", "b/saved_params_90.npy"):
        written(tmp_path / name)
    for name in ("saved_params_99.npy.tmp", "saved_params_0100.npy", "my_saved_params_999.npy"):
        written(tmp_path / "a" / name)
    a, b, none = tmp_path / "a", tmp_path / "b", tmp_path / "none"
    assert newest_checkpoint([none, str(a), b]) == a / "saved_params_10.npy"
    with pytest.raises(VectorsError, match="no saved_params_N.npy in .*none; do this"):
        newest_checkpoint([none, tmp_path], "; do this")


# ------------------------------------------------------------------------------------- exports
@pytest.mark.parametrize("n, name", [(1, "v.txt"), (9, "v.txt"), (9, "v.txt.gz")])
def test_an_export_is_known_by_its_first_two_lines(tmp_path, n, name):
    write_text(tmp_path / name, WORDS[:n], VECTORS[:n])
    assert is_export(tmp_path / name)
    assert is_export(written(tmp_path / "v.txt", b"9 2\nthe 1 2\n\xff ..."))
    for content in ("9 2\n", "9 2\nthe 1\n", "9 2\nthe 1 2 3\n", "9 2\nthe 1 nan\n", "A text.\n"):
        assert not is_export(written(tmp_path / "v.txt", content))


def test_a_projector_is_known_by_the_beginning_of_its_files(tmp_path):
    assert not is_projector(tmp_path)
    for name in PROJECTOR_FILES:
        for content in (b"", b"1.5\ttwo\n", b"\xff"):
            write_projector(tmp_path, WORDS, VECTORS)
            assert is_projector(tmp_path)
            written(tmp_path / name, content)
            assert not is_projector(tmp_path)


def test_what_cannot_be_written_is_named_by_its_own_path(tmp_path):
    none = tmp_path / "none"
    for write, target, named in (
        (write_text, none / "v.txt", none / "v.txt"),
        (write_text, tmp_path, tmp_path),
        (write_projector, none, none / PROJECTOR_FILES[0]),
    ):
        with pytest.raises(OSError) as raised:
            write(target, WORDS, VECTORS)
        assert raised.value.filename == str(named)
    assert list(tmp_path.iterdir()) == []
