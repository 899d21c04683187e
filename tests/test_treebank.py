"""The text: facts of the treebank, draws against slow ones, files that are not what they say."""

import inspect
import random
from collections import Counter

import numpy as np
import pytest
from conftest import SmallCorpus, corpora, random_sentences, write_treebank
from hypothesis import given
from hypothesis import strategies as st

from utils.treebank import Corpus, CorpusError, StanfordSentiment

SENTENCES = [["A", "b", "c"], ["b", "c", "b"], ["d"]]


@pytest.fixture
def small(tmp_path):
    """A folder in the treebank's layout, with three sentences."""
    return write_treebank(tmp_path / "treebank", SENTENCES)


@pytest.fixture(scope="module")
def treebank(sst):
    """The real one, of which no test here draws the subsample."""
    return StanfordSentiment(sst)


# ------------------------------------------------------------------------------------- real data
def test_vocabulary_of_the_treebank(treebank):
    tokens = treebank.tokens()
    assert len(tokens) == 19539
    assert list(tokens)[:5] == "the rock is destined to".split()
    assert list(tokens)[-1] == "UNK"
    assert list(tokens.values()) == list(range(19539))
    assert (tokens["great"], tokens["rain"]) == (90, 4365)


def test_sentences_of_the_treebank(treebank):
    assert treebank.numSentences() == len(treebank.sentences()) == 11855
    assert sum(map(len, treebank.sentences())) == 227245
    assert treebank.sentences()[0][:5] == "the rock is destined to".split()
    assert treebank.frequencies.sum() == 227246  # UNK counts once


def test_no_break_spaces_that_double_encoding_leaves_split_words(treebank):
    """`à` encoded twice is `Ã` and a no-break space."""
    with open(treebank.path / "datasetSentences.txt", encoding="utf-8") as file:
        number, line = next((i, line) for i, line in enumerate(file) if "Ã\xa0" in line)
    words = line.split("\t")[1].lower().split()
    assert treebank.sentences()[number - 1] == words
    assert "mollã" in words


def test_subsample_of_the_published_run(sst):
    random.seed(314)
    dataset = StanfordSentiment(sst)
    dataset.tokens()
    random.seed(31415)
    random.randint(1, 5)  # the first window's size
    subsample = dataset.subsample()
    assert len(subsample.lengths()) == 299303
    assert len(subsample.tokens) == 1523942
    assert subsample.lengths().min() == 2


def test_classes_of_the_treebank(treebank):
    counts = {
        "Train": [1092, 2218, 1624, 2322, 1288],
        "Dev": [139, 289, 229, 279, 165],
        "Test": [279, 633, 389, 510, 399],
    }
    for part, expected in counts.items():
        pairs = getattr(treebank, f"get{part}Sentences")()
        found = Counter(label for _, label in pairs)
        assert [found[label] for label in range(5)] == expected


def test_split_of_the_treebank(treebank):
    split = treebank.dataset_split()
    assert [len(part) for part in split] == [8544, 2210, 1101]  # train, test, dev
    assert sorted(sum(split, [])) == list(range(11855))


@pytest.mark.parametrize("words, label", [("the rock is destined", 3), ("the gorgeously elab", 4)])
def test_label_of_the_first_sentences(treebank, words, label):
    (found,) = {c for s, c in treebank.getTrainSentences() if " ".join(s).startswith(words)}
    assert found == label


# ------------------------------------------------------------------------------------- interface
INTERFACE = {  # name -> arguments, kind of result
    "tokens": ((), dict),
    "sentences": ((), list),
    "numSentences": ((), int),
    "allSentences": ((), list),
    "getRandomContext": ((2,), tuple),
    "sent_labels": ((), np.ndarray),
    "dataset_split": ((), list),
    "categorify": ((0.5,), int),
    "getRandomTrainSentence": ((), tuple),
    "getTrainSentences": ((), list),
    "getDevSentences": ((), list),
    "getTestSentences": ((), list),
    "getSplitSentences": ((0,), list),
    "sampleTable": ((), np.ndarray),
    "rejectProb": ((), np.ndarray),
    "sampleTokenIdx": ((), int),
}


@pytest.mark.parametrize("name", INTERFACE)
def test_each_method_of_the_assignment_works_as_the_first_one_called(tmp_path, monkeypatch, name):
    folder = write_treebank(tmp_path / "treebank", random_sentences(1))
    monkeypatch.setattr(Corpus, "rejectProb", SmallCorpus.rejectProb)
    monkeypatch.setattr(Corpus, "drop", 0.5, raising=False)
    arguments, kind = INTERFACE[name]
    result = getattr(StanfordSentiment(folder, tablesize=100), name)(*arguments)
    assert isinstance(result, kind)


@pytest.mark.parametrize(
    "function, parameters",
    [
        (StanfordSentiment, dict(path=None, tablesize=1000000)),
        (StanfordSentiment.getRandomContext, dict(C=5)),
        (StanfordSentiment.getSplitSentences, dict(split=0)),
    ],
)
def test_defaults_are_those_of_the_assignment(function, parameters):
    signature = inspect.signature(function).parameters
    assert parameters.items() <= {n: p.default for n, p in signature.items()}.items()


def test_results_are_plain_words_and_numbers(tmp_path):
    folder = write_treebank(tmp_path / "treebank", SENTENCES)
    dataset = StanfordSentiment(folder, tablesize=100)
    assert dataset.tokens() == dict(a=0, b=1, c=2, d=3, UNK=4)
    assert dataset.sentences() == [["a", "b", "c"], ["b", "c", "b"], ["d"]]
    assert dataset.getTrainSentences() == [(["d"], 3)]
    assert dataset.getTestSentences() == [(["a", "b", "c"], 0)]
    assert dataset.getDevSentences() == [(["b", "c", "b"], 1)]
    assert dataset.getSplitSentences(0) == dataset.getSplitSentences() == [(["d"], 3)]
    assert dataset.getRandomTrainSentence() == (["d"], 3)
    assert type(dataset.sampleTokenIdx()) is int


def test_categories_include_their_upper_bounds(small):
    categorify = StanfordSentiment(small).categorify
    ranges = [(0, 0.2), (0.21, 0.4), (0.41, 0.6), (0.61, 0.8), (0.81, 1)]
    assert [tuple(map(categorify, ends)) for ends in ranges] == [(i, i) for i in range(5)]


def test_a_random_training_sentence_takes_one_draw(tmp_path):
    folder = write_treebank(tmp_path / "treebank", random_sentences(1))
    dataset = StanfordSentiment(folder)
    random.seed(3)
    number = dataset.dataset_split()[0][random.randint(0, len(dataset.dataset_split()[0]) - 1)]
    end = random.getstate()
    random.seed(3)
    assert dataset.getRandomTrainSentence()[0] == dataset.sentences()[number]
    assert random.getstate() == end


# ------------------------------------------------------------------------------------- draws
def subsample_one_by_one(sentences, repeats, reject):
    """`allSentences` as the assignment has it."""
    kept = [
        [word for word in sentence if 0 >= reject[word] or random.random() >= reject[word]]
        for sentence in sentences * repeats
    ]
    return [sentence for sentence in kept if len(sentence) > 1]


@given(corpora(), st.integers(0, 2**32))
def test_subsample_is_that_of_draws_one_by_one(corpus, seed):
    reject = dict(zip(corpus.words, corpus.rejectProb()))
    random.seed(seed)
    expected = subsample_one_by_one(corpus.sentences(), 30, reject)
    end = random.getstate()
    random.seed(seed)
    assert corpus.allSentences() == expected
    assert random.getstate() == end
    assert corpus.allSentences() == expected  # drawn once
    assert random.getstate() == end


def test_words_are_rejected_by_the_assignments_formula():
    corpus = Corpus([["a"] * 70000 + ["b"] * 29000 + ["c"] * 998 + ["d"]])
    frequencies = np.array([70000, 29000, 998, 1, 1])
    total = 100000
    expected = [max(0, 1 - np.sqrt(1e-5 * total / f)) for f in frequencies]
    np.testing.assert_allclose(corpus.rejectProb(), expected, rtol=1e-15)
    assert expected[3] == expected[4] == 0


@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=12),
    st.sampled_from([1, 2, 3, 10, 99, 1000]),
)
def test_noise_table_is_that_of_the_assignments_loop(frequencies, tablesize):
    corpus = Corpus([[f"w{i}"] * n for i, n in enumerate(frequencies)], tablesize=tablesize)
    powers = np.array([n**0.75 for n in [*frequencies, 1]])
    cumulative = np.cumsum(powers / np.sum(powers)) * tablesize
    expected, j = [], 0
    for i in range(tablesize):
        while i > cumulative[j]:
            j += 1
        expected.append(j)
    assert corpus.sampleTable().tolist() == expected


def test_noise_table_where_shares_end_on_an_entry():
    corpus = Corpus([["a", "b", "c"]], tablesize=8)  # with UNK four words, a quarter each
    assert corpus.sampleTable().tolist() == [0, 0, 0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("tablesize", [1, 7, 1000])
def test_a_noise_word_is_one_draw_from_the_table(tablesize):
    corpus = Corpus(SENTENCES, tablesize=tablesize)
    random.seed(2)
    expected = [corpus.sampleTable()[random.randint(0, tablesize - 1)] for _ in range(50)]
    end = random.getstate()
    random.seed(2)
    assert [corpus.sampleTokenIdx() for _ in range(50)] == expected
    assert random.getstate() == end


def context_one_by_one(sentences, C):
    """`getRandomContext` as the assignment has it, without its recursion."""
    while True:
        sentence = sentences[random.randint(0, len(sentences) - 1)]
        position = random.randint(0, len(sentence) - 1)
        context = sentence[max(0, position - C) : position]
        if position + 1 < len(sentence):
            context += sentence[position + 1 : min(len(sentence), position + C + 1)]
        center = sentence[position]
        context = [word for word in context if word != center]
        if context:
            return center, context


@given(corpora(), st.integers(1, 9), st.integers(0, 2**32))
def test_contexts_are_those_of_the_assignment(corpus, C, seed):
    sentences = corpus.allSentences()
    random.seed(seed)
    expected = [context_one_by_one(sentences, C) for _ in range(20)]
    end = random.getstate()
    random.seed(seed)
    assert [corpus.getRandomContext(C) for _ in range(20)] == expected
    assert random.getstate() == end


def test_contexts_are_five_words_a_side_unless_told_otherwise():
    corpus = SmallCorpus([[f"w{i}" for i in range(50)]], drop=0)
    assert max(len(corpus.getRandomContext()[1]) for _ in range(50)) == 10


def test_contexts_end_where_almost_every_draw_is_made_again():
    """The assignment recurses here until Python ends it."""
    corpus = SmallCorpus([["a"] * 5] * 3000 + [["a", "b"]], drop=0.0, repeats=1)
    random.seed(1)
    assert set(corpus.getRandomContext(1)[1]) <= {"a", "b"}


def test_the_subsample_is_drawn_by_the_first_context(tiny_corpus):
    random.seed(4)
    corpus = tiny_corpus()
    assert not corpus.has_subsample()
    expected = subsample_one_by_one(
        corpus.sentences(), 30, dict(zip(corpus.words, corpus.rejectProb()))
    )
    random.seed(4)
    corpus.getRandomContext(3)
    assert corpus.has_subsample()
    assert corpus.allSentences() == expected


def test_fingerprints_tell_texts_apart():
    texts = [[["a", "b"]], [["b", "a"]], [["a"], ["b"]], [["a", "b", "a"]], [["a", "c"]]]
    assert len({Corpus(text).fingerprint() for text in texts}) == len(texts)
    assert Corpus(texts[0]).fingerprint() == Corpus(iter(texts[0])).fingerprint()


# ------------------------------------------------------------------------------------- files
def rewrite(folder, name, content):
    (folder / name).write_bytes(content)
    return folder


def error_of(function, *arguments):
    """The one-line message of the CorpusError that is raised."""
    with pytest.raises(CorpusError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"),
        lambda text: text.rstrip(b"\n").replace(b"\n", b"\r"),
    ],
    ids=["byte-order mark and CRLF", "CR and none at the end"],
)
def test_text_files_of_other_systems_are_read_alike(small, change):
    expected = StanfordSentiment(small)
    expected.sent_labels(), expected.dataset_split()
    for path in small.iterdir():
        path.write_bytes(change(path.read_bytes()))
    dataset = StanfordSentiment(small)
    assert dataset.sentences() == expected.sentences()
    assert dataset.getTrainSentences() == expected.getTrainSentences()
    np.testing.assert_array_equal(dataset.sent_labels(), expected.sent_labels())


def test_a_missing_folder_says_how_to_get_the_data(tmp_path):
    message = error_of(StanfordSentiment, tmp_path / "nowhere")
    assert "sh get_datasets.sh" in message
    assert "nowhere" in message


@pytest.mark.parametrize("name", ["datasetSplit.txt", "dictionary.txt", "sentiment_labels.txt"])
def test_a_missing_file_is_named(small, name):
    (small / name).unlink()
    assert name in error_of(StanfordSentiment(small).getTrainSentences)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "datasetSentences.txt has no words"),
        (b"sentence_index\tsentence\n", "datasetSentences.txt has no words"),
        (b"sentence_index\tsentence\n1\t \n", "datasetSentences.txt has no words"),
        (b"header\nno tab here\n", "line 2: cannot read 'no tab here'"),
        (b"header\nx\tno number\n", "line 2: cannot read"),
        (b"header\n1\tgood\n\n", "line 3: cannot read ''"),
        (b"header\n" + bytes(range(256)) * 9, "datasetSentences.txt, line"),
        (b"header\n1\tgood\n2\tcaf\xe9 noir\n", "line 3: not UTF-8"),
        (b"\x00" * 100, "datasetSentences.txt is UTF-16"),
    ],
)
def test_sentences_that_are_none_are_named(small, content, message):
    rewrite(small, "datasetSentences.txt", content)
    assert message in error_of(StanfordSentiment, small)


@pytest.mark.parametrize("row", ["1,4", "0,1", "4,1", "1,0"])
def test_a_split_of_what_is_not_there_is_named(small, row):
    rewrite(small, "datasetSplit.txt", f"header\n{row}\n".encode())
    message = error_of(StanfordSentiment(small).dataset_split)
    assert "datasetSplit.txt" in message and row in message


def test_a_sentence_without_a_label_is_named(small):
    rewrite(small, "dictionary.txt", b"A b c|0\nd|2\n")
    assert "no label for 'b c b'" in error_of(StanfordSentiment(small).sent_labels)


@pytest.mark.parametrize(
    "written, phrase",
    [
        ("plain words", "plain words"),
        ("-LRB- in brackets -RRB-", "( in brackets )"),
        ("caf\u00c3\u00a9", "caf\u00e9"),  # encoded twice
        ("caf\u00e9", "caf\u00e9"),  # once
        ("\u4e2d\u6587 -LRB-", "\u4e2d\u6587 ("),  # once, and not to be mistaken for twice
        ("a|b", "a|b"),
        ("-LRB- as it stands", "-LRB- as it stands"),
    ],
)
def test_labels_are_found_however_a_sentence_is_written(small, written, phrase):
    rewrite(small, "datasetSentences.txt", f"header\n1\t{written}\n".encode())
    rewrite(small, "dictionary.txt", f"other|7\n{phrase}|9\n".encode())
    rewrite(small, "sentiment_labels.txt", b"header\n7|0.1\n9|0.75\n")
    assert StanfordSentiment(small).sent_labels().tolist() == [0.75]


@pytest.mark.parametrize(
    "sentences",
    [
        [["a"], ["b"], ["c"]],
        [["a", "a"], ["b", "b", "b"], ["c"]],
        [["a"] * 9, [], ["b"]],
    ],
)
def test_a_text_without_two_different_words_in_a_sentence_is_refused(sentences):
    corpus = SmallCorpus(sentences, drop=0.0)
    for function in (corpus.subsample, corpus.allSentences, corpus.getRandomContext):
        assert "no sentence has two different words" in error_of(function)


def test_a_text_of_which_subsampling_leaves_nothing_is_refused():
    """And `random` stays where it was, as nothing has been drawn that counts."""
    random.seed(1)
    state = random.getstate()
    assert "after subsampling" in error_of(Corpus([["a", "b"]] * 2).subsample)
    assert random.getstate() == state


@pytest.mark.parametrize("sentences", [[], [[]], [[], []]])
def test_an_empty_text_is_refused(sentences):
    assert error_of(Corpus, sentences) == "the corpus has no words"


@pytest.mark.parametrize("options", [dict(tablesize=0), dict(repeats=0)])
def test_senseless_sizes_are_refused(options):
    with pytest.raises(ValueError, match="at least 1"):
        Corpus([["a", "b"]], **options)
