"""Texts of one's own: what a file may look like, rare words, repeats, and runs on them."""

import collections
import gzip
import random
import re
import tracemalloc

import numpy as np
import pytest
from conftest import the_line
from hypothesis import assume, given
from hypothesis import strategies as st

import run
from utils.treebank import (
    ASCII_TOKEN,
    Corpus,
    CorpusError,
    StanfordSentiment,
    TextCorpus,
    any_token,
    find_sentences,
    fitting_repeats,
    split_off_punctuation,
)

TEXT = "The cat sat on the mat\nA dog sat on the cat\nThe mat sat\n"


def one_per_line(path, **options):
    """A text with one sentence per line, tokens between white space, all words kept."""
    return TextCorpus(path, **{"min_count": 1, "tokenise": False, "lines": True, **options})


def written(folder, content, name="text.txt"):
    """The path of a new file with this content, text or bytes."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


# ------------------------------------------------------------------------------------- the file
def test_a_text_is_lower_cased_and_numbered_by_first_appearance(tmp_path):
    corpus = one_per_line(written(tmp_path, TEXT))
    assert corpus.words == ["the", "cat", "sat", "on", "mat", "a", "dog", "UNK"]
    assert corpus.sentences()[1] == ["a", "dog", "sat", "on", "the", "cat"]
    assert corpus.frequencies.tolist() == [4, 2, 3, 2, 2, 1, 1, 1]


@pytest.mark.parametrize("content", ["\ufeff" + TEXT, TEXT.replace(" ", "\t \u3000").rstrip()])
def test_other_ways_to_write_the_same_text(tmp_path, content):
    plain = one_per_line(written(tmp_path, TEXT))
    other = one_per_line(written(tmp_path, content, "other.txt"))
    assert other.fingerprint() == plain.fingerprint()


def test_empty_lines_are_empty_sentences_of_which_none_is_drawn(tmp_path):
    text = "\n".join(f"w{i} w{i + 1}\n \n" for i in range(200))
    corpus = one_per_line(written(tmp_path, text))
    assert [s for s in corpus.sentences() if s] == [[f"w{i}", f"w{i + 1}"] for i in range(200)]
    assert corpus.numSentences() == 599
    assert {len(s) for s in corpus.allSentences()} == {2}


def test_a_packed_text_is_read_as_it_is(tmp_path):
    text = TEXT * 1000 + "caf\u00e9\n"
    packed = written(tmp_path, gzip.compress(text.encode("utf-8-sig")), "text.txt.gz")
    plain = written(tmp_path, text)
    assert one_per_line(packed).fingerprint() == one_per_line(plain).fingerprint()


@pytest.mark.parametrize(
    "content, message",
    [
        (b"fine\nbro\xffken\n", "line 2: not UTF-8 (invalid start byte)"),
        (b"fine\rfine\r\ncut \xe4\xb8", "line 3: not UTF-8 (unexpected end of data)"),
        (b"fine\n" * 9999 + b"\xc0", "line 10000: not UTF-8 (invalid start byte)"),
        ("a text".encode("utf-16"), "iconv -f UTF-16"),
        ("a text".encode("utf-16-le"), "UTF-16"),
        ("a text".encode("utf-16-be"), "UTF-16"),
        ("a text".encode("utf-32"), "UTF-32"),
        (gzip.compress(b"a text", mtime=0), "is packed by gzip: give it a name that ends with .gz"),
        (b"", "has no words"),
        (b"\xef\xbb\xbf \n\r\n", "has no words"),
        (b"word\n Word word\n", "has only one word: 'word'"),
    ],
)
def test_a_file_that_is_no_text_is_told(tmp_path, content, message):
    path = written(tmp_path, content)
    with pytest.raises(CorpusError, match=re.escape(message)) as raised:
        one_per_line(path)
    assert str(raised.value).startswith(str(path))


@pytest.mark.parametrize(
    "content",
    [
        b"a text",
        gzip.compress(b"a text" * 999)[:-9],
        gzip.compress(b"a text", mtime=0)[:15] + b"\xff" * 20,
    ],
    ids=["not packed", "cut", "damaged"],
)
def test_a_packed_text_that_is_not_whole_is_told(tmp_path, content):
    path = written(tmp_path, content, "text.gz")
    with pytest.raises(CorpusError, match="text.gz is not a whole .gz file: "):
        one_per_line(path)


def test_a_missing_file_is_told_without_advice_about_the_treebank(tmp_path):
    with pytest.raises(CorpusError, match="cannot read .*text.txt: No such file or directory$"):
        one_per_line(tmp_path / "no folder" / "text.txt")


LINE_ENDS = [b"\n", b"\r", b"\r\n", b" ", b"word", b"\xc3\xa9", b"\xff", b"\xe2\x80\xa8"]


@given(st.binary(max_size=80))
def test_any_bytes_are_a_corpus_or_one_error(tmp_path_factory, content):
    path = written(tmp_path_factory.mktemp("c"), content)
    try:
        one_per_line(path)
    except CorpusError as error:
        assert str(path) in str(error) and "\n" not in str(error)


@given(st.lists(st.text().map(str.encode) | st.sampled_from(LINE_ENDS)).map(b"".join))
def test_any_text_is_read_by_its_lines(tmp_path_factory, content):
    assume(2 * content.count(0) < len(content))  # which are taken for UTF-16
    path = written(tmp_path_factory.mktemp("c"), content)
    try:
        words = content.decode("utf-8-sig").lower().split()
    except UnicodeDecodeError:
        words = []
    if len(set(words)) < 2:
        with pytest.raises(CorpusError) as raised:
            one_per_line(path)
        assert str(path) in str(raised.value) and "\n" not in str(raised.value)
    else:
        lines = re.split("\r\n|\r|\n", content.decode("utf-8-sig").lower())
        assert [s for s in one_per_line(path).sentences() if s] == [
            line.split() for line in lines if line.split()
        ]


# ------------------------------------------------------------------------------------- punctuation
@pytest.mark.parametrize(
    "text, tokens",
    [
        ("It's \"half-baked\", isn't it...", "It's \" half - baked \" , isn't it . . ."),
        ("'quoted' rock'n'roll dogs'", "' quoted ' rock'n'roll dogs '"),
        ("don\u2019t \u2018so\u2019", "don\u2019t \u2018 so \u2019"),
        ("3.5 snake_case \u2013 x<y", "3 . 5 snake_case \u2013 x < y"),
        ("cafe\u0301, caf\u00e9!", "cafe\u0301 , caf\u00e9 !"),
        (
            "\u0939\u093f\u0928\u094d\u0926\u0940\u0964",
            "\u0939\u093f\u0928\u094d\u0926\u0940 \u0964",
        ),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        (" \t\u3000", ""),
    ],
)
def test_punctuation_is_split_off_and_words_stay_whole(text, tokens):
    assert split_off_punctuation(text) == tokens.split()


@given(st.text(st.characters(max_codepoint=127)))
def test_the_quick_pattern_for_ascii_has_the_tokens_of_the_one_for_all(text):
    assert ASCII_TOKEN.findall(text) == any_token().findall(text)


@given(st.text())
def test_splitting_off_punctuation_loses_nothing_but_white_space(text):
    assert "".join(split_off_punctuation(text)) == "".join(text.split())


def test_a_text_is_tokenised_when_asked_for(tmp_path):
    path = written(tmp_path, "Bad, bad film!\nA film (good).\n")
    assert one_per_line(path).words[:2] == ["bad,", "bad"]
    corpus = one_per_line(path, tokenise=True)
    assert corpus.sentences()[0] == ["bad", ",", "bad", "film", "!"]
    assert corpus.words == ["bad", ",", "film", "!", "a", "(", "good", ")", ".", "UNK"]


# ------------------------------------------------------------------------------------- rare words
@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8), min_size=1, max_size=12),
    st.integers(1, 5),
)
def test_rare_words_are_as_if_they_had_never_been_there(sentences, min_count):
    counts = collections.Counter(word for sentence in sentences for word in sentence)
    without = [[word for word in s if counts[word] >= min_count] for s in sentences]
    if not any(without):
        with pytest.raises(CorpusError, match="no words"):
            Corpus(sentences, min_count=min_count)
        return
    corpus, expected = Corpus(sentences, min_count=min_count), Corpus(without)
    assert corpus.words == expected.words
    assert corpus.tokens() == expected.tokens()
    assert corpus.sentences() == without
    assert corpus.frequencies.tolist() == expected.frequencies.tolist()
    assert corpus.fingerprint() == expected.fingerprint()


# ------------------------------------------------------------------------------------- repeats
@pytest.mark.parametrize(
    "n_tokens, repeats", [(1, 30), (227_245, 30), (1_000_000, 30), (5_843_286, 5), (10**9, 1)]
)
def test_a_longer_text_is_repeated_less(n_tokens, repeats):
    assert fitting_repeats(n_tokens) == repeats


def test_as_many_tokens_are_kept_as_expected(sst):
    corpus = StanfordSentiment(sst, repeats=4)
    kept = len(corpus.subsample().tokens) / 4  # some tokens go with sentences of one word
    assert 0.95 * corpus.tokens_kept() < kept < corpus.tokens_kept()


def test_the_treebank_as_a_text_is_the_treebank(sst, tmp_path):
    treebank = StanfordSentiment(sst)
    lines = (sst / "datasetSentences.txt").read_bytes().decode("utf-8").split("\n")[1:]
    text = "".join(line.partition("\t")[2] + "\n" for line in lines if line)
    corpus = one_per_line(written(tmp_path, text))
    assert corpus.repeats == treebank.repeats == 30
    assert corpus.fingerprint() == treebank.fingerprint()
    for dataset in (treebank, corpus):
        random.seed(7)
        dataset.subsample()
    assert np.array_equal(corpus.subsample().tokens, treebank.subsample().tokens)


# ------------------------------------------------------------------------------------- runs
@pytest.fixture
def novel(tmp_path):
    """A text of 400 lines with the words w0 to w59, frequent ones first."""
    rng = np.random.RandomState(1)
    lines = [" ".join(f"w{int(60 * u * u)}" for u in rng.rand(12)) for _ in range(400)]
    return written(tmp_path, "\n".join(lines), "novel.txt")


def test_a_run_goes_on_only_from_saves_of_the_same_text_and_options(novel):
    def in_saves(*more):
        options = run.parse_options(["--corpus", str(novel), *more])
        return options.training.in_checkpoints(run.load_text(options.training))

    before = in_saves()
    assert in_saves("--repeats", "30", "--min-count", "2") == before  # it changes nothing
    assert in_saves("--no-tokenise") == before
    assert in_saves("--repeats", "2") != before
    assert in_saves("--min-count", "50") != before
    novel.write_text(novel.read_text(encoding="utf-8") + " w0.", encoding="utf-8")
    assert in_saves() != before
    assert in_saves("--no-tokenise") != in_saves()


@pytest.mark.slow
@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
def test_words_are_drawn_from_a_file(novel, run_here):
    words = written(novel.parent, "\ufeffW1 w2\r\nw59 w2\n\nmissing", "words.txt")
    out = novel.parent / "out"
    arguments = ["--corpus", novel, "--iterations", 10, "--output", out, "--words", words]
    result = run_here(*arguments, "--loss-curve")
    assert (result.returncode, result.err) == (0, "")
    assert "missing\n" in result.out
    for name in ("word_vectors.png", "loss_curve.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "arguments, message",
    [
        ("--corpus none.txt", "cannot read none.txt"),
        ("--corpus {novel} --min-count 100000", "no words that occur 100000 times"),
        ("--corpus {novel} --words {empty}", "none of the words"),
        ("--corpus {novel} --words none.txt", "cannot read none.txt"),
    ],
)
def test_what_cannot_be_trained_on_is_a_line_and_costs_no_checkpoint(
    novel, run_here, arguments, message
):
    empty, out = written(novel.parent, "", "empty.txt"), novel.parent / "out"
    out.mkdir()
    checkpoint = written(out, "an hour's work", "saved_params_10.npy")
    arguments = [part.format(novel=novel, empty=empty) for part in arguments.split()]
    result = run_here(*arguments, "--output", out, "--fresh")
    assert result.returncode == 1 and message in the_line(result.err)
    assert checkpoint.exists()


def test_a_word_unk_in_a_corpus_is_refused():
    with pytest.raises(CorpusError, match="UNK"):
        Corpus([["a", "UNK", "b"]])


def test_a_corpus_knows_its_name_and_whether_it_is_the_treebank(tmp_path, sst):
    path = tmp_path / "my.txt"
    path.write_text("one two\n", encoding="utf-8")
    assert (one_per_line(path).name, one_per_line(path).is_treebank) == ("my.txt", False)
    treebank = StanfordSentiment(sst)
    assert treebank.is_treebank and "Treebank" in treebank.name


# ------------------------------------------------------------------------------------- sentences
@pytest.mark.parametrize(
    "text, sentences",
    [
        ("One two\nthree. Four\nfive! six", ["One two three.", "Four five!", "six"]),
        ('He said: "Go." She went.', ['He said: "Go."', "She went."]),
        ("A title\n\nThe text", ["A title", "The text"]),
        ("It costs 3.14 a.m... Really?! Yes", ["It costs 3.14 a.m...", "Really?!", "Yes"]),
        ("\u4f60 \u597d\u3002\u518d \u89c1", ["\u4f60 \u597d\u3002", "\u518d \u89c1"]),
        ("\n \n", []),
    ],
    ids=["across lines", "quotes", "empty line", "numbers", "East Asian", "nothing"],
)
def test_sentences_end_with_their_signs_or_an_empty_line(text, sentences):
    found = [sentence.strip() for sentence in find_sentences(text.split("\n"))]
    assert found == sentences


def test_a_text_without_lines_or_full_stops_is_cut(tmp_path):
    words = [f"w{i % 700}" for i in range(100_000)]
    corpus = TextCorpus(written(tmp_path, " ".join(words)))
    assert corpus.longest_sentence() == 1000
    assert [word for sentence in corpus.sentences() for word in sentence] == words


@pytest.mark.thorough
def test_a_text_in_one_line_needs_little_more_memory_than_the_file(tmp_path):
    path = written(tmp_path, "word other third " * 100_000)
    tracemalloc.start()
    TextCorpus(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * path.stat().st_size


@pytest.mark.parametrize(
    "text",
    [
        "\u6d6e\u4e91\u7ec8\u65e5\u884c\uff0c\u6e38\u5b50\u4e45\u4e0d\u81f3\u3002",
        "\u0e20\u0e32\u0e1e" * 10,
    ],
)
def test_a_text_without_spaces_is_refused_with_advice(tmp_path, text):
    with pytest.raises(CorpusError, match="no spaces"):
        TextCorpus(written(tmp_path, f"{text}\n" * 100))


def test_byte_order_marks_in_the_middle_are_no_part_of_words(tmp_path):
    corpus = one_per_line(written(tmp_path, "\ufeffone two\n\ufeffone three\n"))
    assert corpus.words == ["one", "two", "three", "UNK"]


def test_a_short_text_keeps_words_that_occur_twice_a_long_one_those_of_five_times(tmp_path):
    assert TextCorpus(written(tmp_path, "a a b b c c d\n")).words == ["a", "b", "c", "UNK"]
    long = "a b\n" * 60_000 + "c c c c d d d d d"
    assert TextCorpus(written(tmp_path, long)).words == ["a", "b", "d", "UNK"]
