"""The words nearest to some words, by the cosine of their vectors.

    python neighbours.py bad funny                      # after run.py, by its newest save
    python neighbours.py --vectors vectors.txt paris    # by a text of word2vec or GloVe

Beside the vectors as they are stand those without their common mean: vectors that share a large
part are all near each other, whatever they know. Of a save, the centre vectors are taken.
"""

import os
import sys

if getattr(sys.flags, "safe_path", False):  # then Python does not look beside this file by itself
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from common import stopping

if __name__ == "__main__":
    stopping.exit_when_signalled("neighbours.py")  # the imports take a while

import argparse
import difflib
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.stopping import UserError
from common.vectors import (
    newest_checkpoint,
    read_params,
    read_text,
    split_checkpoint,
)
from utils import get_datasets
from utils.treebank import StanfordSentiment

MOST_FREQUENT = 2000  # words of a save: those of the treebank that are there 11 times or more
LABELS = ("as they are", "without the mean")  # the two views of the vectors
CLOSE_SPELLINGS = 50_000  # words that an unknown one is compared with, which takes a second


# ------------------------------------------------------------------------------------- options
def parse_options(arguments=None):
    """The command line as a namespace; exits with status 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        description="Print the nearest words by cosine: by the vectors as they are, and without "
        "their common mean. Without --vectors, they are the centre vectors of the newest "
        "saved_params_N.npy in the output folder.",
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("words", nargs="+", metavar="WORD")
    option("--vectors", type=Path, metavar="FILE", help="text of word2vec or GloVe, or a .npy save")
    option("--output", type=Path, default=".", metavar="FOLDER", help="where run.py saved (.)")
    option("--top", type=int, default=5, metavar="N", help="neighbours of each word (5)")
    option(
        "--most-frequent",
        type=int,
        metavar="N",
        help=f"look among the N most frequent words ({MOST_FREQUENT} for a save; all for a text, "
        "whose first words are taken to be the most frequent)",
    )
    options = parser.parse_args(arguments)
    if options.top < 1:
        parser.error("argument --top: must be at least 1")
    if options.most_frequent is not None and options.most_frequent < 2:
        parser.error("argument --most-frequent: must be at least 2")
    return options


# ------------------------------------------------------------------------------------- vectors
class Vocabulary(NamedTuple):
    """Words, the most frequent first, and their vectors (n, D)."""

    words: list
    vectors: np.ndarray
    source: Path


def load_vocabulary(options):
    """The `Vocabulary` that the options ask for."""
    path = options.vectors or newest_checkpoint([options.output])
    if path.suffix == ".npy":
        return by_frequency(read_params(path), path)
    index, vectors = read_text(path)
    if len(index) == 1:
        raise UserError(f"{path} has one word only")
    return Vocabulary(list(index), vectors, path)


def by_frequency(wordVectors, path):
    """The `Vocabulary` of a save of the treebank's vectors, without UNK."""
    dataset = StanfordSentiment(get_datasets.ensure_dataset())
    centers, _ = split_checkpoint(wordVectors, dataset.words, path)
    order = np.argsort(-dataset.frequencies[:-1], kind="stable")
    return Vocabulary([dataset.words[i] for i in order], centers[order], path)


def rows_of(wanted, words, source):
    """The row of each word, as it is or in lower case; raises UserError for unknown ones."""
    row = {word: i for i, word in enumerate(words)}
    found = [row.get(word, row.get(word.lower())) for word in wanted]
    unknown = [close_spellings(word, words) for word, i in zip(wanted, found) if i is None]
    if unknown:
        raise UserError(f"not among the {len(row):,} words of {source}: {'; '.join(unknown)}")
    return found


def close_spellings(word, words):
    """A word with what it may have been meant to be, if anything is close."""
    close = difflib.get_close_matches(word.lower(), words[:CLOSE_SPELLINGS])
    return f"{word} (perhaps {', '.join(close)}?)" if close else word


# ------------------------------------------------------------------------------------- neighbours
def unit(vectors):
    """Vectors (n, D) of length 1 in the same directions; those of length 0 stay."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def nearest(vectors, rows, n, top):
    """For each of some rows, the `top` others of the first n with the largest cosines.

    Returns a list of pairs (row, cosine) for each, the nearest first.
    """
    directions = unit(vectors[:n])
    result = []
    for row in rows:
        cosines = directions @ unit(vectors[[row]])[0]
        best = np.argsort(-cosines, kind="stable")[: top + 1]
        result.append([(i, float(cosines[i])) for i in best.tolist() if i != row][:top])
    return result


def mean_cosine(vectors):
    """The mean cosine of two different ones of n vectors, n > 1."""
    n = len(vectors)
    directions = unit(vectors)
    square = float(np.sum(directions.sum(axis=0) ** 2))  # the sum of all n * n cosines
    return (square - np.count_nonzero(directions.any(axis=1))) / (n * (n - 1))


# ------------------------------------------------------------------------------------- the command
def show(options):
    """Print the nearest words of the words asked for."""
    words, vectors, source = load_vocabulary(options)
    rows = rows_of(options.words, words, source)
    default = MOST_FREQUENT if source.suffix == ".npy" else len(words)
    n = min(len(words), options.most_frequent or default)
    vectors = vectors / (np.max(np.abs(vectors)) or 1)  # so that neither sums nor squares overflow
    views = list(zip((vectors, vectors - vectors[:n].mean(axis=0)), LABELS))

    print(f"{source}: {vectors.shape[1]} numbers a word")
    print(f"Neighbours among the {n:,} most frequent of {len(words):,} words, and their cosines")
    means = [f"{round(mean_cosine(view[:n]), 3) + 0.0:.3f} {label}" for view, label in views]
    print(f"Mean cosine of two of these: {', '.join(means)}\n")
    columns = [nearest(view, rows, n, options.top) for view, _ in views]
    print(table(words, rows, columns))


def table(words, rows, columns):
    """The neighbours of some rows as an aligned text.

    columns : for each view of the vectors, for each row, a list of pairs (row, cosine)
    """
    first = max(len(words[row]) for row in rows)
    width = max(len(words[i]) for column in columns for pairs in column for i, _ in pairs)
    width = max(width, len(LABELS[0]) - 7)
    line = f"{{:{first}}}   {{:{width + 7}}}   {{}}"
    lines = [line.format("", *LABELS)]
    for row, *views in zip(rows, *columns):
        name = words[row]
        for pairs in zip(*views):
            cells = (f"{words[i]:{width}} {cosine:6.3f}" for i, cosine in pairs)
            lines.append(line.format(name, *cells))
            name = ""
    return "\n".join(lines)


def main():
    """Show, and turn what goes wrong into one line and an exit status."""
    stopping.run_command("neighbours.py", partial(show, parse_options()))


if __name__ == "__main__":
    main()
