"""Which words a picture shows: the assignment's in groups, or the frequent ones of another text."""

import warnings

import numpy as np

ASSIGNMENT_WORDS = {  # in the assignment's order
    "opinion": "great cool brilliant wonderful well amazing worth sweet enjoyable boring bad dumb "
    "annoying".split(),
    "people": "female male queen king man woman".split(),
    "weather": "rain snow hail".split(),
    "drinks": "coffee tea".split(),
}
MORE_FUNCTION_WORDS = {"did", "does", "doing", "just"}  # scikit-learn's list lacks these
WORDS_A_GROUP, MOST_GROUPS = 7, 7  # about 7 words; more than 7 colours look alike


def frequent_words(dataset, n=40):
    """The n most frequent words of a `Corpus` that tell something of it, fewer if it has fewer.

    Left out are scikit-learn's English function words, tokens with anything but letters in them,
    such as n't and -lrb-, and the shortest ones.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of joblib, where there is no shared memory
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # slow to import

    dull = ENGLISH_STOP_WORDS | MORE_FUNCTION_WORDS
    found = []
    for i in np.argsort(-dataset.frequencies[:-1], kind="stable"):  # the last is UNK
        word = dataset.words[i]
        shortest = 3 if word.isascii() else 2  # two letters are a word in Chinese
        if word.isalpha() and len(word) >= shortest and word not in dull:
            found.append(word)
        if len(found) == n:
            break
    return found


def group_by_clustering(words, vectors):
    """Groups of words whose vectors (n, D) point the same way, once their mean is taken out.

    Returns lists of words by the group's name, which is its first word and an ellipsis. So with
    the most frequent words first, that is each group's most frequent one. The order of the words
    is kept in each group, and the groups are in the order of their first words.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # as above
        from sklearn.cluster import AgglomerativeClustering  # slow to import

    n_groups = min(max(1, round(len(words) / WORDS_A_GROUP)), MOST_GROUPS)
    if n_groups == 1:
        return {"": list(words)}
    centered = vectors - vectors.mean(axis=0)
    lengths = np.linalg.norm(centered, axis=1, keepdims=True)
    centered = centered / np.where(lengths > 0, lengths, 1)
    numbers = AgglomerativeClustering(n_groups).fit_predict(centered)  # Ward's, nothing random
    members = {}
    for word, number in zip(words, numbers):
        members.setdefault(number, []).append(word)
    return {f"{group[0]} \N{HORIZONTAL ELLIPSIS}": group for group in members.values()}
