"""The words of a picture: the assignment's, or the frequent ones of a text, in groups."""

import warnings

import numpy as np
import pytest
from conftest import SmallCorpus

from common.results import words_to_draw
from common.word_choice import ASSIGNMENT_WORDS, frequent_words, group_by_clustering
from training.settings import Options, Settings
from utils.treebank import StanfordSentiment

OF_A_TEXT = Options(training=Settings(corpus="my.txt"))


def test_the_assignments_words_are_in_its_order():
    words = (
        "great cool brilliant wonderful well amazing worth sweet enjoyable boring bad dumb "
        "annoying female male queen king man woman rain snow hail coffee tea"
    )
    assert " ".join(word for group in ASSIGNMENT_WORDS.values() for word in group) == words


# ------------------------------------------------------------------------------------- frequent
def test_frequent_words_of_the_treebank_tell_what_it_is_about(sst):
    words = words_to_draw(StanfordSentiment(sst), OF_A_TEXT)
    assert words[:6] == ["film", "movie", "like", "story", "good", "comedy"]
    assert len(words) == 40


def test_function_words_punctuation_and_fragments_are_left_out():
    text = "the of does n't 's -lrb- -- 1999 , ca xy don't rock film film rock film über 电影"
    assert words_to_draw(SmallCorpus([text.split()]), OF_A_TEXT) == ["film", "rock", "über", "电影"]
    assert frequent_words(text.split(), 1) == ["rock"]


def test_words_written_with_vowel_signs_are_words():
    text = "कहानी फ़िल्म राजा ภาพยนตร์ ́a a1b"
    assert frequent_words(text.split()) == text.split()[:4]


def test_unk_is_no_word():
    assert "UNK" not in words_to_draw(SmallCorpus([["rock", "film"]]), OF_A_TEXT)


# ------------------------------------------------------------------------------------- groups
def test_words_that_point_the_same_way_are_a_group_named_by_its_first():
    rng = np.random.RandomState(0)
    angles = np.repeat([0, 120, 240], 7) * np.pi / 180
    directions = np.column_stack((np.cos(angles), np.sin(angles)))
    lengths = np.tile(np.geomspace(0.5, 20, 7), 3)[:, None]  # which say nothing
    common = np.array([300, 400])  # nor does this
    vectors = common + directions * lengths + 0.02 * rng.standard_normal((21, 2))
    words = [f"w{i}" for i in range(21)]
    order = rng.permutation(21)
    groups = group_by_clustering([words[i] for i in order], vectors[order])
    assert sorted(sorted(map(int, (w[1:] for w in group))) for group in groups.values()) == [
        list(range(begin, begin + 7)) for begin in (0, 7, 14)
    ]
    for name, group in groups.items():
        assert name == f"{group[0]} \N{HORIZONTAL ELLIPSIS}"
    flat = [words[i] for i in order]
    for group in groups.values():  # the order of the words is kept
        assert group == sorted(group, key=flat.index)
    firsts = [flat.index(group[0]) for group in groups.values()]
    assert firsts == sorted(firsts)


@pytest.mark.parametrize("n", [0, 1, 2, 10, 40, 150])
@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_any_words_have_groups_that_can_be_told_apart(n, spread):
    words = [f"w{i}" for i in range(n)]
    vectors = 1 + spread * np.random.RandomState(0).randn(n, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        groups = group_by_clustering(words, vectors)
        again = group_by_clustering(words, vectors)
    assert sorted(word for group in groups.values() for word in group) == sorted(words)
    assert 1 <= len(groups) <= 7
    assert groups == again
