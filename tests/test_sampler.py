"""Windows drawn in bulk against windows drawn one by one: the same, and `random` left the same."""

import hashlib
import random
import tracemalloc

import numpy as np
import pytest
from conftest import SmallCorpus, corpora, draw_one_by_one, random_sentences
from hypothesis import given
from hypothesis import strategies as st

from common.python_random import to_numpy, to_python
from training.fast import sampler as sampler_module
from training.fast.sampler import BulkSampler, draw_one, leading_bits, state_after
from utils.treebank import StanfordSentiment

SEEDS = st.integers(0, 2**32)


def assert_same_windows(windows, expected):
    """Compare `Windows` with what `draw_one_by_one` gives."""
    centers, counts, outside, negatives = expected
    assert windows.centers.tolist() == centers
    assert windows.counts.tolist() == counts
    assert windows.outside.tolist() == outside
    assert windows.negatives.tolist() == negatives
    assert len(windows.negatives) == len(outside)


def assert_draws_alike(corpus, n_windows, window_size, k):
    """Draw in bulk and one by one from where `random` stands; ends where they both end."""
    corpus.subsample()
    state = random.getstate()
    expected = draw_one_by_one(corpus, n_windows, window_size, k)
    end = random.getstate()
    random.setstate(state)
    windows = BulkSampler(corpus, window_size, k).draw(n_windows)
    assert_same_windows(windows, expected)
    assert windows.negatives.shape[1] == k
    assert random.getstate() == end


# ------------------------------------------------------------------------------------- the draws
@given(corpora(), st.integers(0, 300), st.integers(1, 7), st.integers(0, 12), SEEDS)
def test_bulk_draws_are_those_of_the_textbook(corpus, n_windows, window_size, k, seed):
    random.seed(seed)
    assert_draws_alike(corpus, n_windows, window_size, k)


@given(corpora(), st.integers(1, 7), st.integers(0, 12), SEEDS)
def test_draw_one_is_a_window_of_the_textbook(corpus, window_size, k, seed):
    random.seed(seed)
    corpus.subsample()
    state = random.getstate()
    expected = draw_one_by_one(corpus, 1, window_size, k)
    end = random.getstate()
    random.setstate(state)
    assert_same_windows(draw_one(corpus, window_size, k), expected)
    assert random.getstate() == end


@pytest.mark.parametrize("k", [0, 1, 10])
def test_thousands_of_windows_at_once_are_those_of_the_textbook(tiny_corpus, k):
    random.seed(k)
    assert_draws_alike(tiny_corpus(k), 6000, 5, k)


def test_no_windows_take_no_random_numbers(tiny_corpus):
    random.seed(1)
    before = random.getstate()
    corpus = tiny_corpus()
    windows = BulkSampler(corpus, 5, 10).draw(0)
    assert random.getstate() == before
    assert not corpus.has_subsample()
    assert [len(field) for field in windows] == [0] * len(windows)
    assert windows.negatives.shape == (0, 10)


@pytest.mark.parametrize("k", [0, 3])
@pytest.mark.parametrize("n_windows", [1, 2, 700])
def test_the_subsample_is_drawn_after_the_first_windows_size(tiny_corpus, n_windows, k):
    random.seed(9)
    expected = draw_one_by_one(tiny_corpus(2), n_windows, 5, k)
    end = random.getstate()
    random.seed(9)
    assert_same_windows(BulkSampler(tiny_corpus(2), 5, k).draw(n_windows), expected)
    assert random.getstate() == end


def test_bulk_draws_and_single_draws_mix(tiny_corpus):
    plan = [
        (1, "bulk"),
        (3, "single"),
        (50, "bulk"),
        (0, "bulk"),
        (1, "single"),
        (7, "bulk"),
        (2000, "bulk"),
        (10, "single"),
        (1, "bulk"),
    ]
    random.seed(11)
    corpus = tiny_corpus(5)
    expected = draw_one_by_one(corpus, sum(n for n, _ in plan), 4, 6)
    end = random.getstate()

    random.seed(11)
    corpus = tiny_corpus(5)
    sampler = BulkSampler(corpus, 4, 6)
    actual = [[], [], [], []]
    for n, way in plan:
        windows = sampler.draw(n) if way == "bulk" else draw_one_by_one(corpus, n, 4, 6)
        for all_of_it, part in zip(actual, windows):
            all_of_it += part.tolist() if way == "bulk" else part
    assert tuple(actual) == expected
    assert random.getstate() == end


@pytest.mark.parametrize("n_windows", [5, pytest.param(300, marks=pytest.mark.thorough)])
def test_ends_tell_how_much_of_random_is_used_up_to_each_window(n_windows):
    """Here that is more than foreseen, so that the windows are read in several parts."""
    corpus = SmallCorpus([["a"] * n for n in range(2, 101)] + [["b", "a"]], drop=0, repeats=1)
    corpus.subsample()
    random.seed(1)
    begin = random.getstate()
    sampler = BulkSampler(corpus, 5, 2)
    ends = sampler.draw(n_windows).ends
    random.setstate(begin)
    for end in ends.tolist():
        draw_one_by_one(corpus, 1, 5, 2)
        assert state_after(begin, end) == random.getstate()


def test_two_samplers_of_one_corpus_do_not_disturb_each_other(tiny_corpus):
    random.seed(3)
    corpus = tiny_corpus(1)
    expected = draw_one_by_one(corpus, 100, 5, 2), draw_one_by_one(corpus, 100, 2, 7)
    random.seed(3)
    corpus = tiny_corpus(1)
    samplers = BulkSampler(corpus, 5, 2), BulkSampler(corpus, 2, 7)
    windows = [sampler.draw(100) for sampler in samplers]
    assert_same_windows(windows[0], expected[0])
    assert_same_windows(windows[1], expected[1])


@pytest.mark.parametrize("used", [0, 1, 300, 623, 624, 625])
def test_draws_may_begin_anywhere_in_the_state_of_random(tiny_corpus, used):
    random.seed(5)
    for _ in range(used):
        random.getrandbits(32)
    assert_draws_alike(tiny_corpus(), 200, 5, 10)


def test_the_spare_normal_deviate_of_random_is_kept(tiny_corpus):
    random.seed(4)
    random.gauss(0, 1)
    spare = random.getstate()[2]
    assert spare is not None
    assert_draws_alike(tiny_corpus(), 100, 5, 10)
    assert random.getstate()[2] == spare


# ------------------------------------------------------------------------------------- odd corpora
NEAR_POWERS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 255, 256, 257, 1023, 1024, 1025]


@pytest.mark.parametrize("n_sentences", NEAR_POWERS)
def test_any_number_of_sentences(n_sentences):
    sentences = [[*sentence, "a"] for sentence in random_sentences(1, n_sentences, longest=4)]
    corpus = SmallCorpus(sentences, drop=0.0, repeats=1)
    random.seed(n_sentences)
    assert len(corpus.subsample().lengths()) == n_sentences
    assert_draws_alike(corpus, 150, 5, 3)


@pytest.mark.parametrize("tablesize", [2, 3, 4, 5, 255, 256, 257, 1000, 2**20])
def test_any_size_of_the_noise_table(tablesize):
    corpus = SmallCorpus([["b", "a", "c"], ["a", "d", "e", "f"]] * 3, tablesize=tablesize)
    random.seed(tablesize)
    assert_draws_alike(corpus, 150, 5, 7)


@pytest.mark.parametrize("window_size", [1, 2, 3, 4, 7, 8, 9, 50])
def test_any_window_size(tiny_corpus, window_size):
    random.seed(window_size)
    assert_draws_alike(tiny_corpus(), 150, window_size, 3)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_noise_that_is_nearly_always_the_outside_word(share):
    """Most draws of a negative are made again, often many times in a row."""
    common = int(200 * share)
    corpus = SmallCorpus([["a", "b"]] * 5, drop=0.2)
    corpus.sampleTable = lambda: np.array([0] * common + [1] * (200 - common), dtype=np.int32)
    corpus.tablesize = 200
    random.seed(common)
    assert_draws_alike(corpus, 60, 2, 5)


@pytest.mark.thorough
def test_windows_that_are_nearly_always_drawn_again():
    """One sentence in a hundred has two different words."""
    sentences = [["a"] * n for n in range(2, 101)] + [["b", "a"]]
    random.seed(2)
    assert_draws_alike(SmallCorpus(sentences, drop=0.0, repeats=1), 100, 3, 2)


@pytest.mark.parametrize(
    "n_words, n_windows", [pytest.param(300, 100, marks=pytest.mark.thorough), (3000, 3)]
)
def test_windows_at_the_end_of_a_long_run_of_one_word(n_words, n_windows):
    """A single window may take many more outputs than are read at first."""
    random.seed(2)
    corpus = SmallCorpus([["a"] * n_words + ["b"]], drop=0.0, repeats=1)
    assert_draws_alike(corpus, n_windows, 1, 2)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "window_size",
    [*(pytest.param(n, marks=pytest.mark.thorough) for n in (10**6, 2**31)), 2**32 - 1],
)
def test_a_window_longer_than_any_sentence_costs_no_more_than_the_sentence(window_size):
    """But its size still takes as many bits to draw."""
    corpus = SmallCorpus([[*"abcdefgh"] * 20, [*"ah"]], drop=0.0, repeats=1)
    random.seed(window_size)
    tracemalloc.start()
    assert_draws_alike(corpus, 150, window_size, 1)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    "window_size, negatives, said",
    [
        (0, 1, "window size 0 is not from 1 to 4294967295"),
        (-1, 1, "window size -1 "),
        (2**32, 1, "window size 4294967296 "),  # randint would take two outputs
        (1, -1, "-1 negative samples"),
    ],
)
def test_impossible_sizes_are_refused(tiny_corpus, window_size, negatives, said):
    with pytest.raises(ValueError, match=said):
        BulkSampler(tiny_corpus(), window_size, negatives)


@pytest.mark.parametrize("n_words", [254, 255, 256, 65534, 65535, 65536])
def test_any_number_of_words(n_words):
    """Words, and what marks the end of them, are kept in as few bits as possible."""
    sentences = [[f"w{i}" for i in range(n_words - 1)]]
    corpus = SmallCorpus(sentences, drop=0.0, repeats=1, tablesize=2 * n_words)
    assert len(corpus.words) == n_words
    random.seed(n_words)
    assert_draws_alike(corpus, 60, 5, 3)


@pytest.mark.parametrize("windows_per_segment", [0, 0.2, 1, 5])
def test_segments_that_overtake_others_are_put_in_order(
    tiny_corpus, monkeypatch, windows_per_segment
):
    """A window may reach over many segments that are as short as this."""
    monkeypatch.setattr(sampler_module, "WINDOWS_PER_SEGMENT", 2 * (windows_per_segment,))
    for seed in range(3):
        random.seed(seed)
        assert_draws_alike(tiny_corpus(), 300, 5, 3)


# ------------------------------------------------------------------------------------- fields
def test_windows_are_of_the_integers_that_index_arrays(tiny_corpus):
    random.seed(1)
    sampler = BulkSampler(tiny_corpus(), 5, 3)
    for windows in sampler.draw(20), sampler.draw(20):
        assert {field.dtype for field in windows} == {np.dtype(np.intp)}


@given(corpora(), st.integers(0, 40), st.integers(0, 40), SEEDS)
@pytest.mark.thorough
def test_a_part_of_windows_has_the_pairs_of_its_windows(corpus, begin, length, seed):
    random.seed(seed)
    windows = BulkSampler(corpus, 3, 2).draw(40)
    part = windows.part(begin, begin + length)
    pairs = np.concatenate(([0], np.cumsum(windows.counts)))[[begin, min(begin + length, 40)]]
    np.testing.assert_array_equal(part.centers, windows.centers[begin : begin + length])
    np.testing.assert_array_equal(part.outside, windows.outside[slice(*pairs)])
    np.testing.assert_array_equal(part.negatives, windows.negatives[slice(*pairs)])
    taken = windows.take(np.arange(40)[begin : begin + length])
    for field, expected in zip(taken, part):
        np.testing.assert_array_equal(field, expected)


def test_windows_may_be_taken_in_any_order_and_twice(tiny_corpus):
    random.seed(1)
    windows = BulkSampler(tiny_corpus(), 5, 3).draw(5)
    parts = [windows.part(i, i + 1) for i in (4, 0, 0, 2)]
    for field, pieces in zip(windows.take(np.array([4, 0, 0, 2])), zip(*parts)):
        np.testing.assert_array_equal(field, np.concatenate(pieces))


# ------------------------------------------------------------------------------------- generator
@given(SEEDS, st.integers(0, 1300))
def test_numpys_generator_goes_on_where_random_stands(seed, used):
    random.seed(seed)
    for _ in range(used):
        random.getrandbits(32)
    bit_generator = to_numpy(random.getstate())
    assert to_python(bit_generator, random.getstate()) == random.getstate()
    expected = [random.getrandbits(32) for _ in range(30)]
    assert bit_generator.random_raw(30).tolist() == expected
    assert to_python(bit_generator, random.getstate()) == random.getstate()


def test_a_state_of_another_version_is_refused():
    with pytest.raises(ValueError, match="version 2"):
        to_numpy((2, random.getstate()[1], None))


# ------------------------------------------------------------------------------------- real data
@pytest.mark.thorough
def test_random_is_where_the_published_runs_have_it_after_5000_and_10000_iterations(sst):
    random.seed(314)
    dataset = StanfordSentiment(sst)
    sampler = BulkSampler(dataset, 5, 10)
    random.seed(31415)
    for published in ("49bf19cbf9e8ce2e", "9a4b1bb6fcd054ab"):
        for _ in range(5):
            sampler.draw(1000 * 50)
        state = repr(random.getstate()[1]).encode()
        assert hashlib.sha256(state).hexdigest().startswith(published)


def test_the_first_windows_of_the_published_run_one_by_one_and_in_bulk(sst):
    dataset = StanfordSentiment(sst)
    random.seed(31415)
    expected = draw_one_by_one(dataset, 500, 5, 10)
    end = random.getstate()
    random.seed(31415)
    dataset = StanfordSentiment(sst)
    assert_same_windows(BulkSampler(dataset, 5, 10).draw(500), expected)
    assert random.getstate() == end


@pytest.mark.parametrize("n", [1, 2, 3, 5, 1000, 19_539, 2**31])
def test_the_largest_output_that_a_draw_accepts_is_exact(n):
    shift, bound = map(int, leading_bits(n))
    assert (bound >> shift, (bound + 1) >> shift) == (n - 1, n)
