"""Corpora, tokens, and the readers of files against what hypothesis thinks of.

Files are good ones with bytes changed, taken out, and put in, and bytes that never were a good
file: a reader returns something sound or raises the one error that its docstring names.
"""

import random
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import SmallCorpus, write_treebank
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

import sgd as sgd_module
from common.vectors import VectorsError, read_params, read_text, write_text
from sgd import read_checkpoint, save_params
from training.fast.sampler import AHEAD, draw_below, leading_bits, overlapping
from utils.treebank import Corpus, CorpusError, StanfordSentiment, TextCorpus
from utils.utils import normalizeRows, softmax
from word2vec import naiveSoftmaxLossAndGradient, negSamplingLossAndGradient, skipgram

FUZZ = settings(max_examples=300)

SHAPES = st_numpy.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


# ------------------------------------------------------------------------------------- arguments
def test_single_precision_is_kept():
    x = np.random.RandomState(0).randn(4, 3).astype(np.float32)
    dataset = SimpleNamespace(sampleTokenIdx=lambda: 0)
    results = [softmax(x), normalizeRows(x)]
    for loss in (naiveSoftmaxLossAndGradient, negSamplingLossAndGradient):
        results.append(loss(x[0], 1, x, dataset)[2])
        results += skipgram("a", 5, ["b"], {"a": 0, "b": 1}, x, x, dataset, loss)[1:]
    assert {result.dtype for result in results} == {np.dtype(np.float32)}


@given(st.integers(1, 2**31 - 1))
def test_the_first_output_that_random_would_reject_is_rejected(n):
    """It has as good as no chance to come up in draws: n and then zeros, in bits."""
    shift, bound = leading_bits(n)
    outputs = np.array([int(bound) + 1, int(bound)] + [0] * AHEAD, dtype=np.uint32)
    assert int(outputs[0]) >> (32 - n.bit_length()) == n
    value, after = draw_below(overlapping(outputs, AHEAD), np.array([0]), shift, bound)
    assert (value.tolist(), after.tolist()) == ([n - 1], [2])


@given(st.lists(st.lists(st.sampled_from("ab"), max_size=3), max_size=4), st.integers(0, 99))
def test_tiny_corpora_give_windows_or_a_corpus_error(sentences, seed):
    """No sentence, empty ones, one word, the same word again and again."""
    random.seed(seed)
    try:
        corpus = SmallCorpus(sentences, drop=0.0, tablesize=50)
        center, context = corpus.getRandomContext(5)
    except CorpusError as error:
        assert str(error)
        assert not any(len(set(sentence)) == 2 for sentence in sentences)
    else:
        assert center not in context and context
        assert set(context) | {center} == {"a", "b"}


@given(st.lists(st.lists(st.text(max_size=3), max_size=3), max_size=4))
def test_any_text_can_be_a_token(sentences):
    try:
        corpus = Corpus(sentences, tablesize=50)
    except CorpusError:
        assert not any(sentences)
        return
    assert corpus.sentences() == sentences
    assert list(corpus.tokens().values())[-1] == max(corpus.tokens().values())
    assert len(corpus.rejectProb()) == len(corpus.words)
    assert ((0 <= corpus.rejectProb()) & (corpus.rejectProb() < 1)).all()
    assert corpus.fingerprint() == Corpus(sentences, tablesize=9).fingerprint()


# ------------------------------------------------------------------------------------- files
@st.composite
def damaged(draw, good):
    """Good bytes after a few cuts, changes, insertions and repetitions; or any bytes at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=300))
    content = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(content)))
        end = min(len(content), begin + draw(st.sampled_from([0, 1, 1, 8, 1000])))
        piece = draw(
            st.one_of(
                st.binary(max_size=4),
                st.sampled_from([b"\n", b"\t", b"|", b"\r\n", b" ", b"\0", b"\xff", b"\xc2\xa0"]),
                st.sampled_from([b"-1", b"nan", b"inf", b"1e999", b"9" * 30, "٣".encode()]),
                st.just(bytes(content[begin:end]) * 2),
            )
        )
        content[begin:end] = piece
    return bytes(content)


SENTENCES = [["a", "good", "film"], ["Ã©tude", "-LRB-", "bad", "-RRB-"], ["no", "no", "yes", "|"]]
FILES = "datasetSentences.txt datasetSplit.txt dictionary.txt sentiment_labels.txt".split()


@pytest.fixture(scope="module")
def treebank(tmp_path_factory):
    return write_treebank(tmp_path_factory.mktemp("fuzz") / "treebank", SENTENCES)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.slow
@FUZZ
@given(data=st.data())
def test_a_damaged_treebank_is_read_or_is_a_corpus_error(treebank, name, data):
    path = treebank / name
    good = path.read_bytes()
    path.write_bytes(data.draw(damaged(good)))
    try:
        dataset = StanfordSentiment(treebank, tablesize=20)
        assert dataset.numSentences() == len(dataset.sentences()) > 0
        split = dataset.dataset_split()
        assert all(0 <= number < dataset.numSentences() for part in split for number in part)
        labels = dataset.sent_labels()
        assert len(labels) == dataset.numSentences()
        assert {dataset.categorify(label) for label in labels} <= set(range(5))
        for part in range(3):
            assert len(dataset.getSplitSentences(part)) == len(split[part])
    except CorpusError as error:
        assert str(treebank) in str(error) or "no words" in str(error)
    finally:
        path.write_bytes(good)


@FUZZ
@given(data=st.data(), min_count=st.integers(1, 3))
@pytest.mark.thorough
def test_a_damaged_text_is_read_or_is_a_corpus_error(tmp_path_factory, data, min_count):
    path = tmp_path_factory.getbasetemp() / "text.txt"
    good = "\n".join(" ".join(sentence) for sentence in SENTENCES).encode("utf-8")
    path.write_bytes(data.draw(damaged(good)))
    try:
        corpus = TextCorpus(
            path, tablesize=20, repeats=1, min_count=min_count, tokenise=False, lines=True
        )
    except CorpusError as error:
        assert str(path) in str(error) or "no words" in str(error)
    else:
        assert corpus.numSentences() > 0 and len(corpus.words) > 1


@pytest.mark.slow
@FUZZ
@given(data=st.data(), header=st.booleans())
def test_damaged_vectors_are_read_or_are_a_vectors_error(tmp_path_factory, data, header):
    path = tmp_path_factory.getbasetemp() / "vectors.txt"
    write_text(path, ["film", "étude", "..."], np.arange(6.0).reshape(3, 2) / 7)
    good = path.read_bytes()
    path.write_bytes(data.draw(damaged(good if header else good.split(b"\n", 1)[1])))
    try:
        index, vectors = read_text(path)
    except VectorsError as error:
        assert str(path) in str(error) and "\n" not in str(error)
    else:
        assert vectors.ndim == 2 and len(vectors) == len(index) > 0
        assert np.isfinite(vectors).all()
        assert sorted(index.values()) == list(range(len(vectors)))


@pytest.fixture(scope="module")
def saves(tmp_path_factory):
    """A folder with a good save of iteration 10. Damaged ones are in test_faults.py."""
    folder = tmp_path_factory.mktemp("saves")
    save_params(10, np.arange(8.0).reshape(4, 2), folder=folder)
    return folder


@FUZZ
@given(data=st.data())
@pytest.mark.thorough
def test_a_damaged_checkpoint_is_read_or_is_a_vectors_error(saves, data):
    path = saves / "other.npy"
    path.write_bytes(data.draw(damaged((saves / "saved_params_10.npy").read_bytes())))
    try:
        vectors = read_params(path)
    except VectorsError as error:
        assert str(path) in str(error)
    else:
        assert vectors.ndim == 2 and len(vectors) % 2 == 0 and vectors.size
        assert np.isfinite(vectors).all() and vectors.dtype == np.float64


PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text()
)


@given(
    st_numpy.arrays(np.float64, SHAPES, elements=st.floats(allow_nan=False, allow_infinity=False)),
    st.one_of(st.none(), st.floats(allow_nan=False)),
    st.one_of(st.none(), st.dictionaries(st.text(), PLAIN, max_size=4)),
    st.integers(1, 10**9),
    st.integers(0, 2**64),
)
def test_what_is_saved_is_read_back(saves, params, smoothed_loss, settings, iteration, seed):
    random.seed(seed)
    save_params(iteration, params, folder=saves, smoothed_loss=smoothed_loss, settings=settings)
    save = read_checkpoint(saves, iteration)
    for path in (sgd_module.params_file, sgd_module.state_file):
        if iteration != 10:
            (saves / path("", iteration)).unlink()
    assert save.iteration == iteration
    assert save.params.tobytes() == params.tobytes() and save.params.shape == params.shape
    assert save.state == random.getstate()
    assert (save.smoothed_loss, save.settings) == (smoothed_loss, settings)
