"""Text as integer arrays, and the draws that the assignment makes from them.

    from utils.treebank import StanfordSentiment
    dataset = StanfordSentiment()           # the data that `sh get_datasets.sh` fetches
    dataset.tokens()["rock"]                # 1
    dataset.getRandomContext(5)             # ('splash', ['make', 'a', 'and', 'even'])

`Corpus` holds the tokens and does all sampling, `StanfordSentiment` adds the files of the Stanford
Sentiment Treebank (Socher et al., 2013) with their labels and split, and `TextCorpus` reads any
text. Names in camelCase are the assignment's; every random number comes from Python's `random`, in
the assignment's order.
"""

import bisect
import contextlib
import functools
import hashlib
import os
import random
import re
import sys
import unicodedata
from array import array
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.assignment import UNKNOWN
from common.files import read_lines
from common.python_random import to_numpy, to_python
from common.stopping import UserError
from utils.get_datasets import ROTTEN_TOMATOES_FOLDER, SST_FOLDER

DEFAULT_PATH = SST_FOLDER
STAND_IN_NAME = "Rotten Tomatoes snippets (not the Stanford Sentiment Treebank)"
SUBSAMPLE_THRESHOLD = 1e-5  # t of Mikolov et al. (2013), section 2.3
MAX_REPEATED = 30_000_000  # tokens before subsampling; the assignment's are 6.8 million
NOISE_POWER = 0.75  # noise distribution: unigram counts to this power, ibid. section 2.2
ASCII_TOKEN = re.compile(r"\w+(?:'\w+)*|[^\w\s]")  # a word with its apostrophes, or one sign
JOINERS = "\u00ad\u200c\u200d"  # invisible characters inside words
SHORT_TEXT = 100_000  # tokens
BYTE_ORDER_MARK = "\ufeff"
MAX_SENTENCE = 1000  # tokens; longer sentences are cut
LONGEST_LINE = 2**16  # characters read at once, and the most in a sentence
SENTENCE_END = re.compile(
    "[.!?\u2026]+[\"')\\]\u2019\u201d\u00bb]*(?=\\s|$)|[\u3002\uff01\uff1f]+[\u201d\u300d\u300f]*"
)
# Words this long are clauses, in Chinese and Japanese, or in Thai, Lao, Burmese and Khmer.
UNSPACED = re.compile(
    "[\u3040-\u30ff\u3400-\u9fff]{5}|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]{20}"
)
CLASS_BOUNDS = (0.2, 0.4, 0.6, 0.8)  # upper ends of the sentiment classes 0 to 3


class CorpusError(UserError):
    """A corpus cannot be read or trained on; the message says why and what to do."""


class Sentences(NamedTuple):
    """Sentences end to end: number i is `tokens[offsets[i]:offsets[i + 1]]`."""

    tokens: np.ndarray  # (n_tokens,) int32
    offsets: np.ndarray  # (n_sentences + 1,) int64

    def lengths(self):
        """Return the number of tokens in each sentence, (n_sentences,)."""
        return np.diff(self.offsets)


class Corpus:
    """Tokenised sentences, with the assignment's subsampling, contexts and noise words.

    Parameters
    ----------
    sentences : iterable of lists of str
        Tokens are numbered by first appearance; `UNK`, with frequency 1, comes last.
    tablesize : int
        Entries of the noise table.
    repeats : int or None
        How many times the sentences are repeated before subsampling; None chooses by their length.
    min_count : int or None
        Words that occur fewer times are removed from the sentences first; None is 5, or 2 for a
        short text.
    """

    source = "the corpus"  # what error messages call it
    name = "the corpus"  # what pictures and other output call it
    is_treebank = False  # whether this is the assignment's data, so that published numbers apply

    def __init__(self, sentences, tablesize=1000000, repeats=30, min_count=1):
        if tablesize < 1 or (repeats is not None and repeats < 1):
            raise ValueError(f"tablesize {tablesize} and repeats {repeats} must be at least 1")
        self.tablesize = tablesize
        index, sentences = number_tokens(sentences)
        if min_count is None:
            min_count = 5 if len(sentences.tokens) >= SHORT_TEXT else 2
        self.min_count = min_count
        self._index, self._sentences = drop_rare(index, sentences, min_count)
        if not len(self._sentences.tokens):
            times = f" that occur {min_count} times" if min_count > 1 else ""
            raise CorpusError(f"{self.source} has no words{times}")
        if UNKNOWN in self._index:
            raise CorpusError(f"{self.source} has a word {UNKNOWN}, the name of unknown words")
        self.repeats = repeats or fitting_repeats(len(self._sentences.tokens))
        self._index[UNKNOWN] = len(self._index)
        self.words = list(self._index)
        self.frequencies = np.bincount(self._sentences.tokens, minlength=len(self.words))
        self.frequencies[-1] = 1
        self._subsample = None
        self._sample_table = None

    # ---------------------------------------------------------------- the text
    def tokens(self):
        """Return a dict token -> number, of V entries."""
        return self._index

    def sentences(self):
        """Return the sentences as lists of tokens."""
        return self._as_lists(self._sentences)

    def numSentences(self):
        """Return the number of sentences."""
        return len(self._sentences.offsets) - 1

    def n_tokens(self):
        """Return the number of tokens in all sentences."""
        return len(self._sentences.tokens)

    def longest_sentence(self):
        """Return the number of tokens in the longest sentence."""
        return int(self._sentences.lengths().max())

    def fingerprint(self):
        """Return a short text that identifies the contents of this corpus."""
        digest = hashlib.sha256("\n".join(self.words).encode("utf-8"))
        for part in self._sentences:
            digest.update(part.tobytes())
        return f"{len(self.words)} words, sha256 {digest.hexdigest()[:16]}"

    # ---------------------------------------------------------------- windows
    def rejectProb(self):
        """Return the share of each word's occurrences that subsampling drops, (V,).

        max(0, 1 - sqrt(t * total / freq)), Mikolov et al. (2013), equation (5).
        """
        threshold = SUBSAMPLE_THRESHOLD * self.frequencies.sum()
        return np.maximum(0, 1 - np.sqrt(threshold / self.frequencies))

    def tokens_kept(self):
        """Return how many tokens of the text subsampling is expected to keep."""
        return int(np.sum(self.frequencies[:-1] * (1 - self.rejectProb()[:-1])))

    def subsample(self):
        """Return the repeated, subsampled `Sentences` that windows are taken from.

        They are drawn from `random` on the first call and kept. Raises `CorpusError` if no sentence
        with two different words is left, because then there is no window to draw.
        """
        if self._subsample is None:
            self._subsample = self._draw_subsample()
        return self._subsample

    def forget_subsample(self):
        """Make the next call of `subsample` draw again."""
        self._subsample = None

    def has_subsample(self):
        """Return whether `subsample` has been drawn already."""
        return self._subsample is not None

    def allSentences(self):
        """Return `subsample()` as lists of tokens."""
        return self._as_lists(self.subsample())

    def getRandomContext(self, C=5):
        """Return a centre word and up to 2C words around it that differ from it: `(str, list)`."""
        tokens, offsets = self.subsample()
        while True:
            sentence = random.randint(0, len(offsets) - 2)
            begin, end = offsets[sentence], offsets[sentence + 1]
            position = begin + random.randint(0, int(end - begin) - 1)
            center = tokens[position]
            around = tokens[max(begin, position - C) : min(end, position + C + 1)]
            outside = around[around != center]
            if len(outside):
                return self.words[center], [self.words[token] for token in outside]

    def _draw_subsample(self):
        state = random.getstate()
        bit_generator = to_numpy(state)
        generator = np.random.Generator(bit_generator)
        tokens, offsets = self._sentences
        reject = self.rejectProb()[tokens]
        at_risk = np.flatnonzero(reject)  # the other tokens are kept without a draw
        reject = reject[at_risk]
        parts, lengths = [], []
        keep = np.ones(len(tokens), dtype=bool)
        for _ in range(self.repeats):
            keep[at_risk] = generator.random(len(at_risk)) >= reject
            kept = np.flatnonzero(keep)
            length = np.diff(np.searchsorted(kept, offsets))
            long_enough = length >= 2
            parts.append(tokens.take(kept[np.repeat(long_enough, length)]))
            lengths.append(length[long_enough])
        offsets = np.concatenate(([0], np.cumsum(np.concatenate(lengths))))
        subsample = Sentences(np.concatenate(parts), offsets)
        check_contexts(subsample)
        random.setstate(to_python(bit_generator, state))
        return subsample

    # ---------------------------------------------------------------- noise words
    def sampleTable(self):
        """Return the noise table, (tablesize,) int32.

        Entry i is the first word whose cumulative share of freq**0.75, times tablesize, is >= i.
        """
        if self._sample_table is None:
            # Python's power, not NumPy's: they may differ in the last digit.
            weights = np.array([float(f) ** NOISE_POWER for f in self.frequencies.tolist()])
            cumulative = np.cumsum(weights / np.sum(weights)) * self.tablesize
            # So the entries of a word end at the largest integer up to its cumulative share.
            ends = np.minimum(np.floor(cumulative) + 1, self.tablesize).astype(np.intp)
            ends[-1] = self.tablesize
            words = np.arange(len(ends), dtype=np.int32)
            self._sample_table = np.repeat(words, np.diff(ends, prepend=0))
        return self._sample_table

    def sampleTokenIdx(self):
        """Return the number of a word drawn from the noise distribution."""
        return int(self.sampleTable()[random.randint(0, self.tablesize - 1)])

    def _as_lists(self, sentences):
        words = [self.words[token] for token in sentences.tokens]
        bounds = sentences.offsets.tolist()
        return [words[begin:end] for begin, end in zip(bounds, bounds[1:])]


class StanfordSentiment(Corpus):
    """The Stanford Sentiment Treebank, or any folder with the same four files.

    Parameters
    ----------
    path : str or Path, optional
        Folder with `datasetSentences.txt`, `datasetSplit.txt`, `dictionary.txt` and
        `sentiment_labels.txt`; by default where `sh get_datasets.sh` puts them.
    tablesize, repeats : int
        See `Corpus`.

    Raises
    ------
    CorpusError
        A file is missing or is not what its name says.
    """

    def __init__(self, path=None, tablesize=1000000, repeats=30):
        self.path = Path(DEFAULT_PATH if path is None else path)
        self.source = self.path / "datasetSentences.txt"
        self.is_treebank = self.path.resolve() != ROTTEN_TOMATOES_FOLDER
        self.name = "Stanford Sentiment Treebank" if self.is_treebank else STAND_IN_NAME
        super().__init__(
            (sentence.lower().split() for sentence in self._read_sentences()), tablesize, repeats
        )
        self._labels = None
        self._split = None

    # ---------------------------------------------------------------- labels and split
    def sent_labels(self):
        """Return the sentiment of each sentence, (n_sentences,), from 0 (negative) to 1."""
        if self._labels is None:
            phrase_id = dict(self._read_rows("dictionary.txt", "|", (str, int), header=False))
            value = dict(self._read_rows("sentiment_labels.txt", "|", (int, float)))
            try:
                self._labels = np.array(
                    [value[find_phrase(s, phrase_id)] for s in self._read_sentences()]
                )
            except KeyError as error:
                raise CorpusError(f"{self.path}: no label for {error}; fetch it again") from None
        return self._labels

    def dataset_split(self):
        """Return the sentence numbers of train, test and dev, three lists in this order."""
        if self._split is None:
            split = [[], [], []]
            for number, part in self._read_rows("datasetSplit.txt", ",", (int, int)):
                if not (1 <= number <= self.numSentences() and 1 <= part <= 3):
                    raise CorpusError(f"{self.path / 'datasetSplit.txt'}: bad row {number},{part}")
                split[part - 1].append(number - 1)
            self._split = split
        return self._split

    def categorify(self, label):
        """Return the class, 0 (very negative) to 4 (very positive), of a label from 0 to 1."""
        return bisect.bisect_left(CLASS_BOUNDS, label)

    def getRandomTrainSentence(self):
        """Return a random training sentence and its class: `(list of str, int)`."""
        train = self.dataset_split()[0]
        number = train[random.randint(0, len(train) - 1)]
        return self.sentences()[number], self.categorify(self.sent_labels()[number])

    def getTrainSentences(self):
        """Return all pairs `(sentence, class)` of the training part."""
        return self.getSplitSentences(0)

    def getTestSentences(self):
        """Return all pairs `(sentence, class)` of the test part."""
        return self.getSplitSentences(1)

    def getDevSentences(self):
        """Return all pairs `(sentence, class)` of the development part."""
        return self.getSplitSentences(2)

    def getSplitSentences(self, split=0):
        """Return all pairs `(sentence, class)` of part 0 (train), 1 (test) or 2 (dev)."""
        sentences, labels = self.sentences(), self.sent_labels()
        return [(sentences[i], self.categorify(labels[i])) for i in self.dataset_split()[split]]

    # ---------------------------------------------------------------- files
    def _read_sentences(self):
        """Return the sentences of `datasetSentences.txt`, unchanged and in the file's order."""
        rows = self._read_rows("datasetSentences.txt", "\t", (int, str))
        return [sentence for _, sentence in rows]

    def _read_rows(self, name, separator, types, header=True):
        """Return two typed columns of a file, split at the last separator of each line."""
        rows = []
        hint = "" if self.path.is_dir() else "; get the data with: sh get_datasets.sh"
        for number, line in read_lines(self.path / name, CorpusError, hint):
            if header and number == 1:
                continue
            left, found, right = line.rpartition(separator)
            try:
                rows.append((types[0](left), types[1](right)))
            except ValueError:
                found = ""
            if not found:
                raise CorpusError(f"{self.path / name}, line {number}: cannot read {line[:60]!r}")
        return rows


class TextCorpus(Corpus):
    """Any UTF-8 text, lower-cased.

    Parameters
    ----------
    path : str or Path
        The file; one whose name ends with .gz is unpacked on the way.
    tablesize, repeats, min_count : int
        See `Corpus`. By default they are chosen by the size of the text.
    tokenise : bool
        Split off punctuation, see `split_off_punctuation`; otherwise tokens are separated by white
        space.
    lines : bool
        Each line is a sentence; otherwise sentences are found across lines, see `find_sentences`.

    Raises
    ------
    CorpusError
        The file cannot be read, is not UTF-8, has fewer than two different words, or is written
        without spaces between words.
    """

    def __init__(
        self, path, tablesize=1000000, repeats=None, min_count=None, tokenise=True, lines=False
    ):
        self.source = path
        self.name = os.fsencode(Path(path).name).decode("utf-8", "replace")
        split = split_off_punctuation if tokenise else str.split
        text = (
            line.replace(BYTE_ORDER_MARK, "").lower()  # concatenated files have some in the middle
            for _, line in read_lines(path, CorpusError, longest=LONGEST_LINE)
        )
        sentences = map(split, text if lines else find_sentences(text))
        super().__init__(cut_long(sentences), tablesize, repeats, min_count)
        check_spaces(self)
        if self.words[1] == UNKNOWN:
            raise CorpusError(f"{path} has only one word: {self.words[0][:60]!r}")


def find_sentences(lines):
    """Yield the sentences of a text in lines, each as one string.

    A sentence ends with a full stop, question or exclamation mark before white space or the end of
    a line, with an East Asian form of these, or before an empty line; other line ends are spaces.
    One that goes on for more than `LONGEST_LINE` characters is cut.
    """
    begun, size = [], 0
    for line in lines:
        begin = 0
        for end in SENTENCE_END.finditer(line):
            yield " ".join([*begun, line[begin : end.end()]])
            begun, size, begin = [], 0, end.end()
        rest = line[begin:].strip()
        if rest:
            begun.append(rest)
            size += len(rest)
        if begun and (not line.strip() or size > LONGEST_LINE):
            yield " ".join(begun)
            begun, size = [], 0
    if begun:
        yield " ".join(begun)


def cut_long(sentences):
    """Yield lists of tokens; cuts those of more than `MAX_SENTENCE` in pieces, as word2vec.c does.

    This is for texts that have neither lines nor full stops.
    """
    for sentence in sentences:
        for begin in range(0, len(sentence) or 1, MAX_SENTENCE):
            yield sentence[begin : begin + MAX_SENTENCE]


def check_spaces(corpus):
    """Raise `CorpusError` for a text in a script whose words are not separated by spaces."""
    clauses = np.array([UNSPACED.search(word) is not None for word in corpus.words])
    if corpus.frequencies[clauses].sum() > 0.2 * corpus.frequencies.sum():
        raise CorpusError(
            f"{corpus.source} has no spaces between its words; split it into words first, for "
            "example with jieba (Chinese), MeCab (Japanese) or PyThaiNLP (Thai)"
        )


def split_off_punctuation(text):
    """Return the tokens of a text: words with the apostrophes in them, and every other character.

    `it's "half-baked" ...` has the tokens `it's " half - baked " . . .`
    """
    return (ASCII_TOKEN if text.isascii() else any_token()).findall(text)


@functools.cache  # going through all of Unicode takes about 0.1 s
def any_token():
    """Return `ASCII_TOKEN` for all scripts, several times slower.

    Marks that belong to words, such as combining accents and the vowels of many scripts, are kept
    with the letters before them.
    """
    marks = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c)[0] == "M"]
    inside = f"{''.join(marks)}{JOINERS}"
    return re.compile(rf"\w+(?:['\u2019]\w+|[{inside}]+\w*)*|[^\w\s]")


def number_tokens(sentences):
    """Return token -> number in order of first appearance, and the sentences as `Sentences`."""
    index = {}
    number = index.setdefault
    tokens, offsets = array("i"), array("q", [0])  # a quarter of the memory of lists
    for sentence in sentences:
        tokens.extend([number(word, len(index)) for word in sentence])
        offsets.append(len(tokens))
    return index, Sentences(np.array(tokens, dtype=np.int32), np.array(offsets, dtype=np.int64))


def drop_rare(index, sentences, min_count):
    """Return both without the words that occur fewer than `min_count` times, renumbered."""
    tokens, offsets = sentences
    frequent = np.bincount(tokens, minlength=len(index)) >= min_count
    if frequent.all():
        return index, sentences
    words = [word for word, keep in zip(index, frequent.tolist()) if keep]
    kept = np.flatnonzero(frequent[tokens])
    numbers = np.cumsum(frequent, dtype=np.int32) - 1
    sentences = Sentences(numbers[tokens[kept]], np.searchsorted(kept, offsets))
    return {word: number for number, word in enumerate(words)}, sentences


def fitting_repeats(n_tokens):
    """Return how often to repeat a text: 30 times as in the assignment, or less for a long text.

    At most `MAX_REPEATED` tokens before subsampling, but at least one repeat.
    """
    return max(1, min(30, MAX_REPEATED // n_tokens))


def check_contexts(sentences):
    """Raise `CorpusError` unless some sentence has two different words."""
    tokens, offsets = sentences
    differs = tokens[1:] != tokens[:-1]  # from the token before
    differs[offsets[1:-1] - 1] = False  # the token before belongs to another sentence
    if not differs.any():
        raise CorpusError(
            "after subsampling no sentence has two different words, so there is no window to "
            "train on; give a larger corpus"
        )


def find_phrase(sentence, phrase_id):
    """Return the id of a sentence of `datasetSentences.txt` in `dictionary.txt`.

    The first file is UTF-8 encoded twice and writes brackets as -LRB- and -RRB-; the second is
    encoded once and writes ( and ). A sentence that the dictionary has unchanged is used unchanged.
    """
    if sentence in phrase_id:
        return phrase_id[sentence]
    with contextlib.suppress(UnicodeError):  # the error means that it is encoded once
        sentence = sentence.encode("latin-1").decode("utf-8")
    return phrase_id[sentence.replace("-LRB-", "(").replace("-RRB-", ")")]
