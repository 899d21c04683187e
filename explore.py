"""Explore word vectors: nearest words, analogies, and a page with a map of the words.

    python explore.py bad funny woman                   # nearest words, after run.py
    python explore.py king - man + woman                # an analogy
    python explore.py --html                            # word_vectors.html: search, zoom, click
    python explore.py egypt --output bible              # the run in another folder
    python explore.py paris --vectors glove.6B.50d.txt  # text of word2vec or GloVe

The vectors are the centre vectors of the newest checkpoint. All vectors of a run share a large mean
vector, so any two have a high cosine. The mean is subtracted before words are compared.
"""

import os
import sys

if getattr(sys.flags, "safe_path", False):  # then Python does not search this folder by itself
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from common import stopping

if __name__ == "__main__":
    stopping.exit_when_signalled("explore.py")  # the imports take a while

import argparse
import base64
import contextlib
import difflib
import json
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common import checkpoints
from common.files import replacing
from common.show import show
from common.stopping import UserError
from common.vectors import newest_checkpoint, read_params, read_text, split_checkpoint
from common.word_choice import ASSIGNMENT_WORDS, frequent_words, group_by_clustering, words_in_file

OFTEN = 5  # a word of a checkpoint can be a neighbour if it occurs this often in the text
AT_LEAST = 1000  # at least this many words can be neighbours, even rare ones
STEPS = 32767  # the numbers of a direction go from -STEPS to STEPS, so they fit in 16 bits
CLOSE_SPELLINGS = 50_000  # words to compare an unknown word with; takes a second
PAGE, TEMPLATE = "word_vectors.html", Path(__file__).resolve().parent / "common" / "explore.html"
MOST_BYTES = 4_900_000  # limit for the data in the page
MOST_FRAMES = 40  # limit for the checkpoints on the page's slider
MOST_LOSSES = 500  # limit for the points of the page's loss curve


# ------------------------------------------------------------------------------------- options
def parse_options(arguments=None):
    """Return the command line as a namespace; exits with status 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="explore.py",
        description="Print the nearest words of some words, or of an analogy such as "
        "king - man + woman, by the cosine of their vectors; or write a page with a map of the "
        "words. It uses the newest saved_params_N.npy in the output folder.",
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("query", nargs="*", metavar="WORD", help="words, or one analogy with + and -")
    option("--html", action="store_true", help=f"write the page {PAGE}, and open it")
    option("--no-open", action="store_true", help="do not open the page")
    option("--output", type=Path, default=".", metavar="FOLDER", help="the folder of the run (.)")
    option("--vectors", type=Path, metavar="FILE", help="word2vec or GloVe text, or a .npy file")
    option("--words", type=Path, metavar="FILE", help="draw the words in this file on the map")
    option("--raw", action="store_true", help="plain cosines, without subtracting the mean vector")
    option("--punctuation", action="store_true", help="list punctuation among the neighbours, too")
    option("--top", type=int, default=10, metavar="N", help="print N neighbours per word (10)")
    option(
        "--among",
        type=int,
        metavar="N",
        help="look for neighbours among the N most frequent words (default: those that occur "
        f"{OFTEN} times or more, or all if that is unknown), or the first N words of a text file",
    )
    options = parser.parse_args(arguments)
    if not options.query and not options.html:
        parser.error("give words, an analogy such as king - man + woman, or --html")
    if options.top < 1:
        parser.error("argument --top: must be at least 1")
    if options.among is not None and options.among < 2:
        parser.error("argument --among: must be at least 2")
    return options


# ------------------------------------------------------------------------------------- vectors
class Vocabulary(NamedTuple):
    """Words and their vectors (n, D), the most frequent first if the frequencies are known."""

    words: list
    vectors: np.ndarray
    source: Path
    rows: np.ndarray | None = None  # (n,), the words' rows in a checkpoint
    frequencies: np.ndarray | None = None  # (n,)

    def frequent(self):
        """Return how many of the first words are frequent enough to be neighbours."""
        if self.frequencies is None:
            return len(self.words)
        often = int(np.count_nonzero(self.frequencies >= OFTEN))
        return max(often, min(AT_LEAST, len(self.words)))

    def first(self, n):
        """Describe the first n words."""
        if n == len(self.words):
            return f"all {n:,} words"
        which = f"first {n:,}" if self.frequencies is None else f"{n:,} most frequent"
        return f"the {which} of {len(self.words):,} words"


def load_vocabulary(options):
    """Return the `Vocabulary` that the options ask for."""
    hint = "; make one with `python run.py`, or use --output FOLDER or --vectors FILE"
    path = options.vectors or newest_checkpoint([options.output], hint)
    if path.suffix == ".npy":
        return load_checkpoint(path)
    index, vectors = read_text(path)
    return Vocabulary(list(index), vectors, path)


def load_checkpoint(path):
    """Return the `Vocabulary` of a checkpoint, without UNK."""
    params = read_params(path)
    words = checkpoints.read_words(path.parent)
    frequencies = checkpoints.read_frequencies(path.parent)
    hint = "; the words.txt next to it belongs to another run"
    if words is None:  # from an earlier version, or somebody else's run of the assignment
        from utils.get_datasets import ensure_dataset
        from utils.treebank import StanfordSentiment

        dataset = StanfordSentiment(ensure_dataset())
        words, frequencies = dataset.words, dataset.frequencies
        hint = "; run run.py with the same options again to write its words.txt"
    centers, _ = split_checkpoint(params, words, path, hint)
    rows = np.arange(len(words) - 1)
    if frequencies is not None:
        if len(frequencies) != len(words):
            raise UserError(f"{path.parent}: words.txt and counts.txt are not of the same run")
        rows = np.argsort(-frequencies[:-1], kind="stable")
        frequencies = frequencies[rows]
    return Vocabulary([words[i] for i in rows], centers[rows], path, rows, frequencies)


def directions(vectors, n, raw=False):
    """Return vectors (V, D) as directions: integers, with a length of `STEPS`.

    Unless `raw`, the mean of the first n is subtracted first. The page has the same 16-bit
    integers, and all sums of their products are exact, so both find the same cosines.
    """
    vectors = vectors / (np.max(np.abs(vectors)) or 1)  # so that neither sums nor squares overflow
    if not raw:
        vectors = vectors - vectors[:n].mean(axis=0)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.rint(vectors / np.where(length > 0, length, 1) * STEPS)


def nearest(directions, query, candidates, top):
    """Return the `top` of the candidates nearest to a query: pairs (row, cosine).

    directions : (V, D), from `directions()`
    query : pairs (row, sign); several are an analogy by 3CosAdd, Mikolov et al. (2013): the sum
    candidates : rows; the query's own rows are left out
    """
    target = sum(sign * directions[row] for row, sign in query)
    own = {row for row, _ in query}
    candidates = np.array([row for row in candidates if row not in own], dtype=np.intp)
    found = directions[candidates]
    lengths = np.sqrt(np.sum(found**2, axis=1)) * (np.sqrt(np.sum(target**2)) or 1)
    cosines = found @ target / np.where(lengths > 0, lengths, 1)
    best = np.argsort(-cosines, kind="stable")[:top]
    return [(int(candidates[i]), float(cosines[i])) for i in best]


def mean_cosine(vectors):
    """Return the mean cosine over all pairs of n vectors, n > 1."""
    n = len(vectors)
    units = directions(vectors, n, raw=True) / STEPS
    square = float(np.sum(units.sum(axis=0) ** 2))  # the sum of all n * n cosines
    return (square - np.count_nonzero(units.any(axis=1))) / (n * (n - 1))


def is_punctuation(word):
    """Tell whether a word has no letter and no digit, or is a treebank's token for a bracket."""
    return not any(sign.isalnum() for sign in word) or word in ("-lrb-", "-rrb-")


# ------------------------------------------------------------------------------------- queries
def rows_of(queries, vocabulary):
    """Return queries of words as queries of rows, for `nearest`; UserError for unknown words.

    Words are looked up as they are, then in lower case.
    """
    row = {word: i for i, word in enumerate(vocabulary.words)}
    wanted = dict.fromkeys(word for query in queries for word, _ in query)
    found = {word: row.get(word, row.get(word.lower())) for word in wanted}
    unknown = [close_spellings(word, vocabulary.words) for word in wanted if found[word] is None]
    if unknown:
        raise UserError(
            f"not among the {len(row):,} words of {vocabulary.source}: {'; '.join(unknown)}"
        )
    return [[(found[word], sign) for word, sign in query] for query in queries]


def close_spellings(word, words):
    """Return a word with similar ones in brackets, if there are any."""
    close = difflib.get_close_matches(word.lower(), words[:CLOSE_SPELLINGS])
    return f"{word} (perhaps {', '.join(close)}?)" if close else word


def parse_query(tokens):
    """Return lists of pairs (word, sign): one for an analogy, otherwise one for each word."""
    tokens = " ".join(tokens).split()
    if len(tokens) == 1 or not {"+", "-"} & set(tokens):
        return [[(word, 1)] for word in tokens]
    if tokens[0] not in ("+", "-"):
        tokens.insert(0, "+")
    signs, words = tokens[::2], tokens[1::2]
    if len(signs) != len(words) or not set(signs) <= {"+", "-"} or {"+", "-"} & set(words):
        raise UserError("an analogy has one + or - between two words, as in king - man + woman")
    return [[(word, 1 if sign == "+" else -1) for sign, word in zip(signs, words)]]


def table(names, results, words):
    """Return the neighbours of each query as text in columns."""
    first = max(map(len, names))
    width = max((len(words[row]) for pairs in results for row, _ in pairs), default=0)
    lines = []
    for name, pairs in zip(names, results):
        for row, cosine in pairs:
            lines.append(f"{name:{first}}   {words[row]:{width}} {cosine:6.3f}")
            name = ""
    return "\n".join(lines)


# ------------------------------------------------------------------------------------- the page
def write_page(options, vocabulary, n, candidates, query):
    """Write the page, which shows a query's neighbours at first, and return its path."""
    template = TEMPLATE.read_text(encoding="utf-8")
    path = options.output / PAGE
    data = page_data(options, vocabulary, n, candidates, query)
    # Words are data: a < in one must not end the script element that holds them.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    try:
        with replacing(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(template.replace("{DATA}", text))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; use --output FOLDER") from None
    return path


def page_data(options, vocabulary, n, candidates, query):
    """Return what the page shows, as objects for JSON; arrays are 16-bit numbers in base64."""
    from common.plot import project  # matplotlib takes a while

    words, vectors = vocabulary.words, vocabulary.vectors
    groups = groups_to_draw(options.words, vocabulary)
    drawn = [row for rows in groups.values() for row in rows]
    iterations = frames_of(vocabulary)
    fits = how_many_fit(words, vectors.shape[1], len(iterations))
    rare = dict.fromkeys(row for row in [*drawn, *(row for row, _ in query)] if row >= fits)
    kept = [*range(fits), *rare]
    place = {row: number for number, row in enumerate(kept)}
    n = min(n, fits)

    size = np.abs(vectors).max() or 1  # the unit on the map, so that nothing overflows
    _, axes, shares = project(vectors[drawn] / size)
    frames = (load_frame(vocabulary, iteration) / size for iteration in iterations)
    positions = np.array([(frame[kept] - frame[drawn].mean(axis=0)) @ axes for frame in frames])
    return {
        "source": str(vocabulary.source),
        "size": vocabulary.first(fits),
        "words": [words[row] for row in kept],
        "directions": encoded(directions(vectors, n, options.raw)[kept]),
        "among": n,
        "amongText": vocabulary.first(n),
        "leftOut": sorted(set(range(n)) - set(candidates)),
        "top": options.top,
        "raw": options.raw,
        "groups": [[name, [place[row] for row in rows]] for name, rows in groups.items()],
        "shares": shares.tolist(),
        "positions": encoded(np.rint(positions / (np.abs(positions).max() or 1) * STEPS)),
        "iterations": iterations,
        "losses": load_losses(vocabulary.source.parent, iterations),
        "query": name_of(query, words),
    }


def encoded(numbers):
    """Return whole numbers as text: 16 bits each, the lower byte first, in base64."""
    return base64.b64encode(numbers.astype("<i2").tobytes()).decode("ascii")


def how_many_fit(words, dimension, n_frames):
    """Return how many words, from the first on, fit into the page."""
    numbers = (2 * dimension + 2 * 2 * n_frames) * 4 / 3  # bytes of base64
    sizes = [numbers + len(json.dumps(word, ensure_ascii=False).encode()) + 1 for word in words]
    return max(2, int(np.searchsorted(np.cumsum(sizes), MOST_BYTES)))


def groups_to_draw(path, vocabulary):
    """Return lists of rows by the name of their group, for the words in a file if one is given.

    Otherwise for the assignment's words, or for frequent words if some of those are missing.
    """
    row = {word: i for i, word in enumerate(vocabulary.words)}
    if path is not None:
        groups = {"": words_in_file(path, row, vocabulary.source)}
    elif all(word in row for words in ASSIGNMENT_WORDS.values() for word in words):
        groups = ASSIGNMENT_WORDS
    else:
        some = frequent_words(vocabulary.words) or vocabulary.words[:40]
        groups = group_by_clustering(some, vocabulary.vectors[[row[word] for word in some]])
    return {name: [row[word] for word in words] for name, words in groups.items()}


def frames_of(vocabulary):
    """Return the iterations that have a checkpoint, up to the one in use; [None] for a text."""
    path = vocabulary.source
    if vocabulary.rows is None:
        return [None]
    iterations = checkpoints.saved_iterations(path.parent)
    own = [n for n in iterations if checkpoints.params_file(path.parent, n) == path]
    earlier = iterations[: iterations.index(own[0])] if own else []
    return earlier[:: len(earlier) // MOST_FRAMES + 1] + (own or [None])


def load_frame(vocabulary, iteration):
    """Return the vectors (n, D) of the same words after an iteration of the same run."""
    path = checkpoints.params_file(vocabulary.source.parent, iteration)
    if iteration is None or path == vocabulary.source:
        return vocabulary.vectors
    params = read_params(path)
    if params.shape != (2 * len(vocabulary.rows) + 2, vocabulary.vectors.shape[1]):
        raise UserError(f"{path} and {vocabulary.source} come from different runs; move one away")
    return params[vocabulary.rows]


def load_losses(folder, iterations):
    """Return about `MOST_LOSSES` pairs (iteration, smoothed loss) of a run, with the checkpoints'.

    Without a losses.tsv, only the losses in the checkpoints.
    """
    losses = checkpoints.read_losses(folder)
    if losses is not None:
        wanted = np.isin(losses[:, 0], [n for n in iterations if n is not None])
        wanted[:: len(losses) // MOST_LOSSES + 1] = True
        wanted &= np.isfinite(losses).all(axis=1)  # JSON has no others
        return losses[wanted][:, [0, 2]].tolist()
    found = []
    with contextlib.suppress(Exception):  # sgd.py may be anything; the page can do without a curve
        from sgd import read_checkpoint

        found = [(n, read_checkpoint(folder, n).smoothed_loss) for n in iterations]
    return [] if None in dict(found).values() else found


# ------------------------------------------------------------------------------------- the command
def explore(options):
    """Print the nearest words, or write the page."""
    vocabulary = load_vocabulary(options)
    words, vectors = vocabulary.words, vocabulary.vectors
    if len(words) < 2:
        raise UserError(f"{vocabulary.source} has only one word")
    queries = rows_of(parse_query(options.query), vocabulary)
    n = min(len(words), options.among or vocabulary.frequent())
    candidates = [i for i in range(n) if options.punctuation or not is_punctuation(words[i])]
    if options.html:
        if len(queries) > 1:
            raise UserError("with --html, give one word or one analogy for the page to open with")
        path = write_page(options, vocabulary, n, candidates, *queries or [[]])
        print(f"Saved {path.resolve()}")
        if not options.no_open:
            show(path)
        return

    source = f"{vocabulary.source}, {vectors.shape[1]} dimensions"
    print(f"{source}: neighbours among {vocabulary.first(n)}")
    mean = "is left in" if options.raw else "is subtracted (--raw leaves it in)"
    average = f"{round(mean_cosine(vectors[:n]), 3) + 0.0:.3f}"
    print(f"The mean vector, which all words share, {mean}. The mean cosine with it is {average}.")
    print()
    found = directions(vectors, n, options.raw)
    results = [nearest(found, query, candidates, options.top) for query in queries]
    print(table([name_of(query, words) for query in queries], results, words))


def name_of(query, words):
    """Return a query as text."""
    text = " ".join(f"{'+' if sign > 0 else '-'} {words[row]}" for row, sign in query)
    return text.removeprefix("+ ")


def main(arguments=None):
    """Explore, and turn errors into one line and an exit status."""
    stopping.run_command("explore.py", partial(explore, parse_options(arguments)))


if __name__ == "__main__":
    main()
