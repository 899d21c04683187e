"""Anybody's word2vec.py on the small problem of a minibatch, and the check that holds it to ours.

python -m pytest tests/test_textbook.py
"""

import random
import types

import numpy as np
import pytest
import solutions
from conftest import SmallCorpus, random_sentences

import word2vec
from common.stopping import UserError
from training import textbook
from training.fast import vectorised
from training.fast.minibatch import lay_out
from training.fast.sampler import BulkSampler
from training.textbook import Functions, Textbook, check

NEG, SOFTMAX = "negative-sampling", "naive-softmax"
FAST = {NEG: vectorised.NegSampling(), SOFTMAX: vectorised.naive_softmax}
ALL_MISTAKES = [(style, name) for style in solutions.MISTAKES for name in solutions.MISTAKES[style]]
DRAW_MISTAKES = {"if for while", "never drawn again", "another default K"}


@pytest.fixture(scope="module")
def corpus():
    corpus = SmallCorpus(random_sentences(3, n_sentences=200, n_words=200), tablesize=5000)
    random.seed(1)
    corpus.subsample()
    return corpus


def module_of(text):
    """A module with this text."""
    module = types.ModuleType("word2vec")
    exec(compile(text, "word2vec.py", "exec"), module.__dict__)
    return module


def functions(text, loss=NEG, window=5, negatives=10):
    """The `Functions` of a module with this text, or of ours."""
    return Functions(word2vec if text is None else module_of(text), loss, window, negatives)


def replace_once(text, old, new):
    """The text with what stands in it once replaced."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def right_ones():
    """Texts of right solutions by name; None is our own."""
    return {"ours": None, **{style: solutions.solution(style) for style in solutions.STYLES}}


def verdict_on(text, corpus, loss=NEG, **options):
    random.seed(7)
    return check(functions(text, loss, **options), corpus, 4, FAST[loss])


@pytest.mark.parametrize("name", right_ones())
@pytest.mark.parametrize("window, negatives", [(5, 10), (3, 4), (1, 1)])
def test_the_small_problem_gives_what_whole_arrays_give(corpus, name, window, negatives):
    theirs = functions(right_ones()[name], NEG, window, negatives)
    V = len(corpus.words)
    wordVectors = np.random.RandomState(0).randn(2 * V, 3)
    random.seed(5)
    before = random.getstate()
    whole_loss, whole = theirs(corpus.tokens(), wordVectors, corpus)
    after = random.getstate()

    random.setstate(before)
    windows = BulkSampler(corpus, window, negatives).draw(50)
    minibatch = lay_out(windows, V, 50)[0]
    loss, (rows, values) = Textbook(theirs, corpus.words)(wordVectors, minibatch)
    assert random.getstate() == after
    gradient = np.zeros_like(wordVectors)
    gradient[rows] = values
    assert loss == pytest.approx(whole_loss, abs=1e-12)
    np.testing.assert_allclose(gradient, whole, rtol=0, atol=1e-12)
    assert len(np.unique(rows)) == len(rows)


@pytest.mark.parametrize("loss", [NEG, SOFTMAX])
@pytest.mark.parametrize("name", right_ones())
def test_right_functions_agree_with_the_fast_path(corpus, name, loss):
    verdict = verdict_on(right_ones()[name], corpus, loss)
    assert (verdict.difference, verdict.whole) == ("", "")
    assert 0 < verdict.seconds < 60


@pytest.mark.parametrize("style, mistake", ALL_MISTAKES)
def test_each_mistake_is_found(corpus, style, mistake):
    verdict = verdict_on(solutions.solution(style, mistake), corpus)
    assert verdict.difference
    assert bool(verdict.whole) == (mistake in DRAW_MISTAKES)


def test_what_differs_is_told_with_both_numbers_and_the_word(corpus):
    text = solutions.solution("loops", "sign of the outside gradient")
    assert pytest.approx(0) != verdict_on(text, corpus).seconds
    said = verdict_on(text, corpus).difference
    kind, word, actual, expected = (
        said.split()[1],
        said.split("'")[1],
        *said.partition(" is ")[2].split(", not "),
    )
    assert kind == "outside" and word in corpus.tokens()
    assert float(actual) != float(expected)
    text = solutions.solution("loops", "mean over the window")
    assert verdict_on(text, corpus).difference.startswith("the loss of a minibatch is ")
    text = solutions.solution("vectorised", "the logarithm forgotten")
    assert verdict_on(text, corpus).difference.startswith("the centre gradient at 'w")


@pytest.mark.parametrize("text", [None, solutions.solution("loops", "if for while")])
def test_the_check_leaves_both_generators_as_they_were(corpus, text):
    random.seed(11)
    np.random.seed(11)
    before = random.getstate()
    text = text and text.replace("    u_o = ", "    np.random.rand()\n    u_o = ")
    check(functions(text), corpus, 3, vectorised.NegSampling())
    assert random.getstate() == before
    drawn = np.random.rand()
    np.random.seed(11)
    assert drawn == np.random.rand()


def test_the_check_tries_minibatches_of_the_text_and_one_of_a_crowd(corpus):
    theirs, sizes = functions(None), []

    class Counted(Functions):
        def __call__(self, tokens, *arguments):
            sizes.append(len(tokens))
            return super().__call__(tokens, *arguments)

    theirs.__class__ = Counted
    random.seed(7)
    check(theirs, corpus, 4, FAST[NEG])
    text, crowd = sizes[:4], sizes[4:]  # each once by itself, once with what was drawn
    assert len(crowd) == 2 and max(crowd) <= textbook.CROWD_WORDS < min(text)


def test_functions_that_change_the_vectors_get_whole_arrays(corpus):
    text = solutions.solution("loops").replace(
        "    u_o = outsideVectors[outsideWordIdx]\n",
        "    u_o = outsideVectors[outsideWordIdx]\n    outsideVectors[0] *= 1.0000001\n",
    )
    verdict = verdict_on(text, corpus)
    assert verdict.whole == "it changes its arguments" and verdict.difference


WINDOW_SIZE = {  # of which the small problem knows nothing
    "mean": (
        "    return loss, gradCenterVecs, gradOutsideVectors\n",
        "    n = windowSize\n    return loss / n, gradCenterVecs / n, gradOutsideVectors / n\n",
    ),
    "cut": (
        "for j in range(len(outsideWords)):",
        "for j in range(min(len(outsideWords), 2 * windowSize)):",
    ),
}


@pytest.mark.parametrize("name, is_right", [("mean", False), ("cut", True)])
def test_functions_that_need_the_size_of_each_window_get_whole_arrays(corpus, name, is_right):
    text = replace_once(solutions.solution("loops"), *WINDOW_SIZE[name])
    verdict = verdict_on(text, corpus)
    assert verdict.whole == "it needs the size of each window"
    assert (verdict.difference == "") is is_right


def test_an_array_that_functions_use_again_is_compared_as_it_was(corpus):
    text = replace_once(
        solutions.solution("loops"),
        "    return loss, gradCenterVecs, gradOutsideVectors\n",
        "    return loss, gradCenterVecs / windowSize, gradOutsideVectors\n",
    )
    text = replace_once(
        text,
        "    grad = np.zeros(wordVectors.shape)\n",
        "    grad = arrays.setdefault(wordVectors.shape, np.zeros(wordVectors.shape))\n"
        "    grad[:] = 0\n",
    )
    assert verdict_on("arrays = {}\n" + text, corpus).whole == "it needs the size of each window"


def test_a_gradient_that_is_not_a_number_is_named(corpus):
    text = replace_once(
        solutions.solution("vectorised"),
        "    gradCenterVec = (p - 1) @ U",
        "    gradCenterVec = (p - 1) @ U + np.nan",
    )
    verdict = verdict_on(text, corpus)
    assert verdict.whole == ""
    assert verdict.difference.startswith("the centre gradient at 'w")
    assert " is nan, not " in verdict.difference


def test_functions_that_draw_without_end_are_stopped(corpus):
    text = replace_once(
        solutions.solution("loops"),
        "        while newidx == outsideWordIdx:\n",
        "        while newidx is not None:\n",
    )
    assert verdict_on(text, corpus).whole == "it draws in its own way"


NEEDS_MORE = {  # than the words of a minibatch
    "a word of the whole vocabulary": (
        "    c = word2Ind[currentCenterWord]\n",
        "    c = word2Ind.get(currentCenterWord, word2Ind['UNK'])\n",
    ),
    "the table of the dataset": (
        "newidx = dataset.sampleTokenIdx()\n        while",
        "newidx = dataset.sampleTable()[random.randint(0, dataset.tablesize - 1)]\n        while",
    ),
}


@pytest.mark.parametrize("name", NEEDS_MORE)
def test_functions_that_need_more_than_a_minibatch_are_compared_on_all_words(corpus, name):
    text = replace_once(solutions.solution("loops"), *NEEDS_MORE[name])
    with pytest.raises(UserError):
        verdict_on(text, corpus)
    for style, is_right in ((text, True), (text.replace("(1.0 - z) * u_k", "z * u_k"), False)):
        random.seed(7)
        verdict = check(functions(style), corpus, 4, FAST[NEG], on_all_words=True)
        assert verdict.whole == "it needs more than the words of a minibatch"
        assert (verdict.difference == "") is is_right


def test_without_the_vectorised_functions_only_the_draws_are_compared(corpus):
    random.seed(7)
    text = solutions.solution("loops", "sign of the outside gradient")
    verdict = check(functions(text), corpus, 4, None)
    assert (verdict.difference, verdict.whole) == ("", "")
    verdict = check(functions(solutions.solution("loops", "if for while")), corpus, 4, None)
    assert verdict.whole == "it draws in its own way"


UNWRITTEN = {
    "pass": "    pass\n",
    "raises": "    raise NotImplementedError\n",
}


@pytest.mark.parametrize("body", UNWRITTEN.values(), ids=UNWRITTEN)
@pytest.mark.parametrize("name", ["sigmoid", "negSamplingLossAndGradient", "skipgram"])
def test_what_is_not_written_is_called_that(corpus, name, body):
    text = solutions.solution("loops")
    begin = text.index(f"def {name}(")
    begin = text.index(":\n", begin) + 2
    end = text.index("\n\n\n", begin)
    with pytest.raises(UserError, match=f"{name}.*not written yet"):
        verdict_on(text[:begin] + body + text[end:], corpus)


@pytest.mark.parametrize(
    "old, new, said",
    [
        (
            "    u_o = outsideVectors[outsideWordIdx]",
            "    u_o = outsideVectors[centerWordVec]",
            r"word2vec.py, line \d+, in negSamplingLossAndGradient: IndexError: ",
        ),
        (
            "    return cost, grad\n",
            "    return cost, grad[1:]\n",
            r"word2vec.py: the gradient has shape \(\d+, 4\), but the vectors \(\d+, 4\)",
        ),
        ("    return cost, grad\n", "    return cost\n", r"word2vec.py: TypeError: "),
        (
            "    return cost, grad\n",
            "    return np.array([cost]), grad\n",
            r"word2vec.py: the loss has shape \(1,\), it is no number",
        ),
        (
            "    return cost, grad\n",
            "    raise SystemExit\n",
            r"word2vec.py, line \d+, in word2vec_sgd_wrapper: it ends the process",
        ),
    ],
    ids=["raises", "shape", "one result", "shape of the loss", "exit"],
)
def test_what_is_raised_or_of_another_shape_is_a_line(corpus, old, new, said):
    text = solutions.solution("loops")
    assert text.count(old) == 1
    with pytest.raises(UserError, match=said):
        verdict_on(text.replace(old, new), corpus)


def test_a_module_without_a_function_is_told(corpus):
    with pytest.raises(UserError, match="word2vec.py has no negSamplingLossAndGradient"):
        functions("def skipgram(): pass\n")


def test_functions_that_draw_more_than_before_in_mid_training_are_told(corpus):
    minibatch = lay_out(BulkSampler(corpus, 5, 9).draw(50), len(corpus.words), 50)[0]
    theirs = functions(None, NEG, 5, 10)
    with pytest.raises(UserError, match="no longer draws"):
        Textbook(theirs, corpus.words)(np.zeros((2 * len(corpus.words), 3)), minibatch)
    theirs = functions(None, NEG, 5, 8)
    with pytest.raises(UserError, match="no longer draws"):
        Textbook(theirs, corpus.words)(np.zeros((2 * len(corpus.words), 3)), minibatch)


def test_the_crowd_draws_words_twice_and_outside_words_in_a_row():
    random.seed(3)
    windows = BulkSampler(textbook.crowd(), 5, 10).draw(50)
    assert any(len(set(row)) < 10 for row in windows.negatives.tolist())
    table = textbook.crowd().sampleTable()
    shares = np.bincount(table, minlength=21) / len(table)
    assert np.sort(shares)[-10:].min() ** 2 * len(windows.outside) * 10 > 3  # twice in a row
