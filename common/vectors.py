"""Word vectors in files: checkpoints of `sgd`, text of word2vec and GloVe, the embedding projector.

from common.vectors import read_text
index, vectors = read_text("glove.6B.50d.txt")
vectors[index["film"]]              # (50,)
"""

import re
from pathlib import Path

import numpy as np

from common import checkpoints
from common.files import read_lines, replacing
from common.stopping import UserError

HEADER = re.compile("([0-9]{1,9}) ([1-9][0-9]{0,8})")  # of word2vec's text: words, dimension
PROJECTOR_FILES = ("vectors.tsv", "metadata.tsv")


class VectorsError(UserError):
    """A file that does not hold word vectors; the message says why, and in which line."""


# ------------------------------------------------------------------------------------- reading
def read_text(path, wanted=None):
    """Word -> row, and the vectors (n, D), of a text file.

    Each line is a word and D numbers with single spaces between them. The text format of word2vec
    has a first line with the number of words and D, that of GloVe has none. Of a word that is there
    twice, the first line counts. All lines are checked, whatever is wanted.

    Parameters
    ----------
    path : str or Path
        The file, in UTF-8.
    wanted : container of str, optional
        Keep these words only.

    Raises
    ------
    VectorsError
        The file cannot be read; a line is not UTF-8, has more or fewer numbers than the others, or
        something that is not a finite number; the file does not have the words it promises.
    """
    index, vectors = {}, []
    promised = width = None
    count = 0
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
    if count != (count if promised is None else promised):
        raise VectorsError(f"{path}, line 1: promises {promised} words, but there are {count}")
    if count == 0:
        raise VectorsError(f"{path} has no vectors")
    return index, np.array(vectors).reshape(-1, width)


def parse_line(line, width):
    """The word of a line and its numbers (width,); ValueError if there are more or fewer."""
    fields = line.split(" ")
    begin = len(fields) - width
    # Words may have spaces: some files of GloVe have ". . ." and "at name@domain.com".
    too_many = begin > 1 and is_number(fields[begin - 1])
    if width == 0 or begin < 1 or too_many or "" in fields:
        raise ValueError(f"{len(fields) - 1} numbers after the word, expected {width or 'some'}")
    vector = np.array([float(field) for field in fields[begin:]])
    if not np.isfinite(vector).all():
        raise ValueError("a number that is not finite")
    return " ".join(fields[:begin]), vector


def is_number(text):
    """Whether a text can be read as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_params(path):
    """The word vectors (2V, D) of a `saved_params_N.npy`: V centre vectors, then V outside vectors.

    Raises `VectorsError` for a file that cannot be read and for anything else in it.
    """
    try:
        vectors = np.load(path, allow_pickle=False)
    except OSError as error:
        raise VectorsError(f"cannot read {path}: {error.strerror or error}") from None
    except Exception as error:  # numpy raises whatever broken bytes lead it to
        raise VectorsError(f"{path} is not an array saved by sgd.py: {error}") from None
    if not isinstance(vectors, np.ndarray) or vectors.dtype.kind != "f" or vectors.ndim != 2:
        raise VectorsError(f"{path} is not a matrix of floating-point numbers")
    if len(vectors) % 2 or vectors.size == 0:
        raise VectorsError(f"{path} has shape {vectors.shape}, not V centre and V outside vectors")
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise VectorsError(f"{path}, row {bad[0]}: a number that is not finite")
    return vectors.astype(np.float64)


def newest_checkpoint(folders):
    """The `saved_params_N.npy` of the highest N in the first of some folders that has any.

    Raises `VectorsError` if none has, or if one cannot be looked into.
    """
    for folder in folders:
        try:
            newest = checkpoints.newest(folder)
        except OSError as error:
            raise VectorsError(f"cannot look for saves in {folder}: {error.strerror}") from None
        if newest is not None:
            return checkpoints.params_file(folder, newest)
    raise VectorsError(
        f"no saved_params_N.npy in {Path(folders[0]).resolve()}: make one with `python run.py`, or "
        "give vectors with --vectors FILE"
    )


def split_checkpoint(wordVectors, words, path):
    """The centre vectors and the outside vectors, (V, D) each, of (2V, D) for these V words.

    Raises `VectorsError` if they are of another number of words.
    """
    V = len(words)
    if len(wordVectors) != 2 * V:
        raise VectorsError(
            f"{path} has the vectors of {len(wordVectors) // 2:,} words, but the sentences here "
            f"have {V:,}: it was trained on another text; train on this one with run.py, or export "
            "the vectors with run.py --export and give them with --vectors"
        )
    return wordVectors[:V], wordVectors[V:]


def is_export(path):
    """Whether a file begins as `write_text` begins it: with two numbers, then a word's vector."""
    try:
        lines = read_lines(path, VectorsError)
        header = HEADER.fullmatch(next(lines, (1, ""))[1])
        return header is not None and bool(parse_line(next(lines, (2, ""))[1], int(header[2])))
    except (VectorsError, ValueError):
        return False


def is_projector(folder):
    """Whether two files in a folder begin as `write_projector` begins them."""
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
    """Write vectors (n, D) in the text format of word2vec, with all their digits."""
    with replacing(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(f"{len(words)} {vectors.shape[1]}\n")
        for word, line in zip(words, lines_of(words, vectors, " ")):
            file.write(f"{word} {line}\n")


def write_projector(folder, words, vectors):
    """Write the two files that the embedding projector of TensorBoard loads.

    `vectors.tsv` has a vector a line, `metadata.tsv` its word: a single column, so no header.
    """
    vectors_file, words_file = (Path(folder) / name for name in PROJECTOR_FILES)
    with replacing(vectors_file, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines_of(words, vectors, "\t"))
    with replacing(words_file, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{word}\n" for word in words)


def lines_of(words, vectors, separator):
    """The numbers of each vector as the shortest text that is read back as the same.

    Raises ValueError for a word that would not be read back: it is empty or has white space in it.
    """
    for word, vector in zip(words, vectors):
        if word.split() != [word]:
            raise ValueError(f"{word!r} cannot be written: it is not one word")
        yield separator.join(map(repr, vector.tolist()))
