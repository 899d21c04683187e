"""The public interface and the readers of files against what hypothesis thinks of.

Arguments are of all shapes that make sense, small and degenerate ones above all. Files are good
ones with bytes changed, taken out, and put in, and bytes that never were a good file: a reader
returns something sound or raises the one error that its docstring names.
"""

import random

import numpy as np
import pytest
from conftest import SmallCorpus, corpora, write_treebank
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

import sgd as sgd_module
from common.vectors import VectorsError, read_params, read_text, write_text
from sgd import read_checkpoint, save_params, sgd
from training.fast.minibatch import lay_out
from training.fast.sampler import AHEAD, BulkSampler, draw_below, leading_bits, overlapping
from training.fast.vectorised import NegSampling
from utils.treebank import Corpus, CorpusError, StanfordSentiment, TextCorpus
from utils.utils import normalizeRows, softmax
from word2vec import (
    getNegativeSamples,
    naiveSoftmaxLossAndGradient,
    negSamplingLossAndGradient,
    sigmoid,
    skipgram,
    word2vec_sgd_wrapper,
)

LOSSES = [naiveSoftmaxLossAndGradient, negSamplingLossAndGradient]
FUZZ = settings(max_examples=300)

FLOATS = st.sampled_from([np.float32, np.float64])
SHAPES = st_numpy.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
FINITE = st.floats(-1e3, 1e3, width=32)


class Noise:
    """A dataset of V words that are all alike."""

    def __init__(self, V):
        self.V = V

    def sampleTokenIdx(self):
        return random.randint(0, self.V - 1)


@st.composite
def vectors_and_words(draw, min_words=1):
    """Some vectors (V, D) of a random type, their words, a centre word and outside words."""
    V, D = draw(st.integers(min_words, 5)), draw(st.integers(1, 4))
    dtype = draw(FLOATS)
    U = draw(st_numpy.arrays(dtype, (V, D), elements=st.floats(-5, 5, width=32)))
    words = [f"w{i}" for i in range(V)]
    center = draw(st.sampled_from(words))
    outside = draw(st.lists(st.sampled_from(words), max_size=8))  # repeated, the centre too
    return U, words, center, outside


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


# ------------------------------------------------------------------------------------- arguments
@given(FLOATS.flatmap(lambda dtype: st_numpy.arrays(dtype, SHAPES)))
def test_sigmoid_of_anything_keeps_shape_and_type_and_lies_between_0_and_1(x):
    with np.errstate(invalid="raise", over="raise", divide="raise"):
        y = sigmoid(np.nan_to_num(x))
    assert np.shape(y) == x.shape
    assert x.ndim == 0 or y.dtype == x.dtype  # of a single number NumPy may make a float64
    assert ((0 <= y) & (y <= 1)).all()
    close(y + sigmoid(-np.nan_to_num(x)), 1)


@given(st.integers(1, 4), st.integers(1, 4), FLOATS, st.data())
def test_softmax_rows_sum_to_1_and_keep_their_type(n, m, dtype, data):
    shape = data.draw(st.sampled_from([(m,), (n, m)]))
    x = data.draw(st_numpy.arrays(dtype, shape, elements=FINITE))
    before = x.copy()
    y = softmax(x)
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    assert (x == before).all()
    close(y.sum(axis=-1), 1)
    close(softmax(x + dtype(3)), y)


@given(FLOATS, st.integers(0, 4), st.integers(1, 4), st.data())
def test_normalized_rows_have_length_1_or_are_zero(dtype, n, m, data):
    x = data.draw(st_numpy.arrays(dtype, (n, m), elements=FINITE))
    x[np.abs(x) < 1e-3] = 0  # the square of a smaller float32 may be rounded to nothing
    y = normalizeRows(x)
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    lengths = np.linalg.norm(y, axis=1)
    close(lengths, (x != 0).any(axis=1))


@pytest.mark.parametrize("loss", LOSSES)
@given(vectors_and_words(min_words=2), st.integers(0, 2**32))
def test_losses_have_the_shapes_of_the_vectors_and_modify_nothing(loss, problem, seed):
    U, words, center, _ = problem
    v_c, o = U[words.index(center)].copy(), seed % len(words)
    before = U.copy(), v_c.copy()
    random.seed(seed)
    J, by_center, by_outside = loss(v_c, o, U, Noise(len(words)))
    assert np.shape(J) == () and J >= 0
    assert by_center.shape == v_c.shape and by_outside.shape == U.shape
    # float32 in: the gradient of U is float32, the others may be float64.
    assert by_outside.dtype == U.dtype
    assert by_center.dtype in (U.dtype, np.float64)
    assert (U == before[0]).all() and (v_c == before[1]).all()
    random.seed(seed)
    exact = loss(v_c.astype(float), o, U.astype(float), Noise(len(words)))
    for actual, expected in zip((J, by_center, by_outside), exact):
        close(actual, expected)


@given(vectors_and_words())
def test_a_vocabulary_of_one_word_is_predicted_for_sure(problem):
    U = problem[0][:1]
    J, by_center, by_outside = naiveSoftmaxLossAndGradient(U[0], 0, U, None)
    close(J, 0)
    close(by_center, 0)
    close(by_outside, 0)


@given(vectors_and_words())
def test_without_negatives_there_is_the_outside_words_term_alone(problem):
    U, words, center, _ = problem
    v_c = U[words.index(center)]
    J, by_center, by_outside = negSamplingLossAndGradient(v_c, 0, U, Noise(len(words)), K=0)
    x = U[0].astype(float) @ v_c.astype(float)
    close(J, np.logaddexp(0, -x))
    close(by_center, (sigmoid(x) - 1) * U[0])
    close(by_outside[1:], 0)
    assert getNegativeSamples(0, Noise(1), 0) == []


@pytest.mark.parametrize("loss", LOSSES)
@given(vectors_and_words(min_words=2), st.integers(0, 2**32))
def test_skipgram_adds_up_its_outside_words_however_often_they_come(loss, problem, seed):
    U, words, center, outside = problem
    index = {word: i for i, word in enumerate(words)}
    random.seed(seed)
    J, by_center, by_outside = skipgram(center, 5, outside, index, U, U, Noise(len(words)), loss)
    assert by_center.shape == by_outside.shape == U.shape
    assert by_center.dtype == by_outside.dtype == U.dtype
    random.seed(seed)
    c = index[center]
    terms = [loss(U[c], index[word], U, Noise(len(words))) for word in outside]
    close(J, sum(term[0] for term in terms))
    close(by_center[c], sum((term[1] for term in terms), np.zeros(U.shape[1])))
    close(by_outside, sum((term[2] for term in terms), np.zeros(U.shape)))
    close(np.delete(by_center, c, axis=0), 0)


@given(corpora(), st.integers(1, 40), st.integers(0, 4), st.integers(0, 2**32 - 1))
@pytest.mark.thorough
def test_windows_may_be_longer_than_any_sentence(corpus, window_size, k, seed):
    """The wrapper and its twin agree, with no negatives and with few words too."""
    V = len(corpus.words)
    wordVectors = np.random.RandomState(seed).randn(2 * V, 3)

    def loss(*arguments):
        return negSamplingLossAndGradient(*arguments, K=k)

    random.seed(seed)
    try:
        corpus.subsample()
    except CorpusError:
        return
    random.seed(seed)
    J, gradient = word2vec_sgd_wrapper(
        skipgram, corpus.tokens(), wordVectors, corpus, window_size, loss
    )
    after = random.getstate()
    random.seed(seed)
    windows = BulkSampler(corpus, window_size, k).draw(50)
    assert random.getstate() == after
    (minibatch,) = lay_out(windows, V, 50)
    J_twin, (rows, values) = NegSampling()(wordVectors, minibatch)
    np.testing.assert_allclose(J_twin, J, rtol=1e-10)
    dense = np.zeros_like(wordVectors)
    dense[rows] = values
    np.testing.assert_allclose(dense, gradient, rtol=1e-9, atol=1e-12)
    assert gradient.shape == wordVectors.shape and len(set(rows.tolist())) == len(rows)


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
    assert corpus.fingerprint() == Corpus(sentences).fingerprint()


@given(
    FLOATS.flatmap(lambda dtype: st_numpy.arrays(dtype, SHAPES, elements=FINITE)),
    st.floats(0.001, 0.4),
    st.integers(0, 5),
)
def test_sgd_keeps_the_shape_and_precision_it_began_with(x0, step, iterations):
    before = x0.copy()
    x = sgd(lambda x: (1.0, x), x0, step, iterations, progress=lambda p: None)
    assert np.shape(x) == x0.shape
    assert x0.ndim == 0 or x.dtype == x0.dtype  # of a single number NumPy may make a float64
    expected = before.astype(float) * (1 - step) ** iterations
    rtol = 1e-9 if x0.dtype == np.float64 else 1e-5
    np.testing.assert_allclose(x, expected, rtol=rtol, atol=1e-30)
    assert (x0 == before).all()


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
