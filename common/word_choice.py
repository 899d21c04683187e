"""Choose the words of a picture: the assignment's, or the frequent words of another text."""

import unicodedata
import warnings
from itertools import islice

import numpy as np

from common.files import read_lines
from common.stopping import UserError

ASSIGNMENT_WORDS = {  # in the assignment's order
    "opinion": "great cool brilliant wonderful well amazing worth sweet enjoyable boring bad dumb "
    "annoying".split(),
    "people": "female male queen king man woman".split(),
    "weather": "rain snow hail".split(),
    "drinks": "coffee tea".split(),
}
MORE_FUNCTION_WORDS = {"did", "does", "doing", "just"}  # scikit-learn's list lacks these
WORDS_A_GROUP, MOST_GROUPS = 7, 7  # about 7 words; more than 7 colours look alike


def frequent_words(words, n=40):
    """Return the first n informative words, or fewer, of words in order of their frequency.

    It leaves out scikit-learn's English function words, tokens that contain anything but letters
    and their marks, such as n't and -lrb-, and very short words.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # joblib warns if there is no shared memory
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # slow to import

    dull = ENGLISH_STOP_WORDS | MORE_FUNCTION_WORDS
    return list(islice((word for word in words if is_word(word) and word not in dull), n))


def words_in_file(path, known, source):
    """Return the known words of a file, unchanged or in lower case; prints the others.

    Raises UserError if none is known; `source` says where the known words come from.
    """
    found = [word for _, line in read_lines(path, UserError) for word in line.split()]
    found = dict.fromkeys(word if word in known else word.lower() for word in found)
    if not any(word in known for word in found):
        raise UserError(f"none of the words in {path} is in {source}")
    return known_words(found, known, source)


def known_words(words, known, source):
    """Return those of the words that are known; prints the others."""
    missing = [word for word in words if word not in known]
    if missing:
        print(f"Not in {source}, so not drawn: {' '.join(missing)}")
    return [word for word in words if word in known]


def is_word(token):
    """Tell whether a token consists of letters and marks, and is not very short."""
    shortest = 3 if token.isascii() else 2  # two letters are a word in Chinese
    categories = [unicodedata.category(sign)[0] for sign in token]  # in Hindi, marks are vowels
    return len(token) >= shortest and token[0].isalpha() and set(categories) <= {"L", "M"}


def group_by_clustering(words, vectors):
    """Return lists of words whose vectors (n, D) point the same way, by the group's first word.

    The mean of the vectors is subtracted first. The order of the words is kept.
    """
    n_groups = min(max(1, round(len(words) / WORDS_A_GROUP)), MOST_GROUPS)
    if n_groups == 1:
        return {"": list(words)}
    from sklearn.cluster import AgglomerativeClustering  # slow to import
    from sklearn.preprocessing import normalize

    vectors = vectors / (np.abs(vectors).max() or 1)  # so that nothing overflows
    directions = normalize(vectors - vectors.mean(axis=0))
    members = {}
    for word, number in zip(words, AgglomerativeClustering(n_groups).fit_predict(directions)):
        members.setdefault(number, []).append(word)
    return {f"{group[0]} \N{HORIZONTAL ELLIPSIS}": group for group in members.values()}
