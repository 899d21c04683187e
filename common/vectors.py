"""Word vectors in files: checkpoints, text of word2vec and GloVe, TensorBoard's projector.

from common.vectors import read_text
index, vectors = read_text("glove.6B.50d.txt")
vectors[index["film"]]              # (50,)
"""

import contextlib
import gzip
import re
import warnings
import zlib
from pathlib import Path

import numpy as np

from common import checkpoints
from common.files import open_binary, read_lines, replacing
from common.stopping import UserError

HEADER = re.compile("([0-9]{1,9}) ([1-9][0-9]{0,8})")  # of word2vec's text: words, dimension
PROJECTOR_FILES = ("vectors.tsv", "metadata.tsv")


class VectorsError(UserError):
    """No word vectors can be read from a file; the message says why, and in which line."""


# ------------------------------------------------------------------------------------- reading
def read_text(path, wanted=None):
    """Return word -> row (a dict), and the vectors (n, D), of a text file.

    Each line is a word and D numbers with single spaces between them. The text format of word2vec
    has a first line with the number of words and D; GloVe's format does not. If a word occurs
    twice, its first line counts. With `wanted`, only those words are kept, but all lines are
    checked. A file whose name ends with .gz is unpacked on the way.

    Raises `VectorsError` if the file cannot be read or has another format; if a line is not UTF-8,
    has no word, has more or fewer numbers than the others, or something other than finite numbers;
    and if the header gives a wrong number of words.
    """
    check_format(path)
    index, vectors = {}, []
    promised, width, count = None, None, 0
    for number, line in read_lines(path, VectorsError):
        line = line.rstrip(" \t")
        header = HEADER.fullmatch(line) if number == 1 else None
        if header:
            promised, width = map(int, header.groups())
        elif line:
            width = line.count(" ") if width is None else width
            try:
                word, vector = parse_line(line, width)
            except ValueError as error:
                raise VectorsError(f"{path}, line {number}: {error}") from None
            count += 1
            if word not in index and (wanted is None or word in wanted):
                index[word] = len(index)
                vectors.append(vector)
    if promised not in (None, count):
        raise VectorsError(
            f"{path}, line 1: the header says {promised} words, but the file has {count}"
        )
    if count == 0:
        raise VectorsError(f"{path} has no vectors")
    return index, np.array(vectors).reshape(-1, width)


def check_format(path):
    """Raise `VectorsError` if a file is in the binary format of word2vec."""
    head = b""
    # `read_lines` will report these errors.
    with contextlib.suppress(OSError, EOFError, zlib.error), open_binary(path) as file:
        head = file.read(4096)
    first, _, rest = head.partition(b"\n")
    number = (rest.partition(b" ")[2].split() or [b""])[0]  # in a text, follows the first word
    is_binary = not number.isascii() or b"\0" in number
    if HEADER.fullmatch(first.decode("latin-1")) and is_binary:
        raise VectorsError(
            f"{path} is in the binary format of word2vec; gensim can load it, and its "
            "save_word2vec_format(NEW) writes text"
        )


def parse_line(line, width):
    """Return the word of a line and its numbers (width,); ValueError if the line is malformed."""
    if "\t" in line:
        raise ValueError("a tab; words and numbers need single spaces: tr '\\t' ' ' < FILE > NEW")
    if line.startswith(" "):
        raise ValueError("no word before the first space")
    fields = line.split(" ")
    begin = len(fields) - width
    # Words may contain spaces: some GloVe files have ". . ." and "at name@domain.com".
    too_many = begin > 1 and is_number(fields[begin - 1])
    if width == 0 or begin < 1 or too_many or "" in fields:
        raise ValueError(f"{len(fields) - 1} numbers after the word, expected {width or 'some'}")
    vector = np.array([float(field) for field in fields[begin:]])
    if not np.isfinite(vector).all():
        raise ValueError("a number that is not finite")
    return " ".join(fields[:begin]), vector


def is_number(text):
    """Tell whether a text can be read as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_params(path):
    """Return the word vectors (2V, D) of a `saved_params_N.npy`: V centre, then V outside vectors.

    Raises `VectorsError` for a file that cannot be read or contains anything else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a header that Python 2 has written
            vectors = np.load(path, allow_pickle=False)
    except OSError as error:
        raise VectorsError(f"cannot read {path}: {error.strerror or error}") from None
    except Exception as error:  # NumPy raises many kinds of errors for broken bytes
        raise VectorsError(f"{path} is not an array saved by sgd.py: {error}") from None
    if not isinstance(vectors, np.ndarray) or vectors.dtype.kind != "f" or vectors.ndim != 2:
        raise VectorsError(f"{path} is not a matrix of floating-point numbers")
    if len(vectors) % 2 or vectors.size == 0:
        raise VectorsError(f"{path} has shape {vectors.shape}, not V centre and V outside vectors")
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise VectorsError(f"{path}, row {bad[0]}: a number that is not finite")
    return vectors.astype(np.float64)


def newest_checkpoint(folders, hint=""):
    """Return the `saved_params_N.npy` of the highest N in the first folder that has any.

    Raises `VectorsError` if none has, with the hint what to do, or if a folder cannot be read.
    """
    for folder in folders:
        try:
            newest = checkpoints.newest(folder)
        except OSError as error:
            raise VectorsError(f"cannot read the folder {folder}: {error.strerror}") from None
        if newest is not None:
            return checkpoints.params_file(folder, newest)
    raise VectorsError(f"no saved_params_N.npy in {Path(folders[0]).resolve()}{hint}")


def split_checkpoint(wordVectors, words, path, hint=""):
    """Return the centre vectors and the outside vectors, (V, D) each, of (2V, D) for V words.

    Raises `VectorsError`, with the hint what to do, if the number of words is different.
    """
    V = len(words)
    if len(wordVectors) != 2 * V:
        raise VectorsError(
            f"{path} has the vectors of {len(wordVectors) // 2:,} words, not of the {V:,} words "
            f"here: it was trained on another text{hint}"
        )
    return wordVectors[:V], wordVectors[V:]


def is_export(path):
    """Tell whether a file begins as `write_text` begins it: two numbers, then a word's vector."""
    try:
        lines = read_lines(path, VectorsError)
        header = HEADER.fullmatch(next(lines, (1, ""))[1])
        return header is not None and bool(parse_line(next(lines, (2, ""))[1], int(header[2])))
    except (VectorsError, ValueError):
        return False


def is_projector(folder):
    """Tell whether two files in a folder begin as `write_projector` begins them."""
    try:
        vector, word = (
            next(read_lines(Path(folder) / name, VectorsError), (1, ""))[1]
            for name in PROJECTOR_FILES
        )
        return word.split() == [word] and all(map(is_number, vector.split("\t")))
    except VectorsError:
        return False


# ------------------------------------------------------------------------------------- writing
def write_text(path, words, vectors):
    """Write vectors (n, D) in the text format of word2vec, with all their digits.

    The file is packed if its name ends with .gz, as gensim does.
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(replacing(path))
        if str(path).endswith(".gz"):
            file = stack.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
        file.write(f"{len(words)} {vectors.shape[1]}\n".encode())
        for word, line in zip(words, lines_of(words, vectors, " ")):
            file.write(f"{word} {line}\n".encode())


def write_projector(folder, words, vectors):
    """Write the two files that the embedding projector of TensorBoard loads.

    `vectors.tsv` has a vector per line, `metadata.tsv` its word: a single column without a header.
    """
    for name, lines in zip(PROJECTOR_FILES, (lines_of(words, vectors, "\t"), words)):
        with replacing(Path(folder) / name, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)


def lines_of(words, vectors, separator):
    """Yield the numbers of each vector as the shortest text that gives the same numbers again.

    Raises ValueError for a word that could not be read back: an empty one, or with white space.
    """
    for word, vector in zip(words, vectors):
        if word.split() != [word]:
            raise ValueError(f"{word!r} cannot be written: it is not one word")
        yield separator.join(map(repr, vector.tolist()))
