"""word2vec by skip-gram: losses and gradients, one word pair at a time, as the handout has them.

    python word2vec.py              # all gradient checks and expected values
    python word2vec.py skipgram     # one of: sigmoid, naiveSoftmaxLossAndGradient,
                                    # negSamplingLossAndGradient, skipgram

Notation, of the handout (CS 224n, assignment 2), whose equation numbers stand in brackets:

    v_c     vector of the centre word c                             centerWordVec       (D,)
    U       columns u_w, the outside vectors; here one a row: U^T   outsideVectors      (V, D)
    o       the outside word                                        outsideWordIdx
    y       one-hot: 1 at o                                                             (V,)
    y_hat   softmax(U^T v_c), the predicted distribution                                (V,)
    w_1..w_K    negative samples                                    negSampleWordIndices
    V, D, K     words in the vocabulary, dimension of the vectors, negative samples

Names in camelCase are the assignment's. This file works alone in the course's scaffold.
"""

import argparse
import os
import random
import signal
import sys

import numpy as np

if getattr(sys.flags, "safe_path", False):  # then Python does not look beside this file by itself
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from utils.gradcheck import gradcheck_naive
from utils.utils import normalizeRows

BATCH_SIZE = 50  # windows in a minibatch


def sigmoid(x):
    """The sigmoid of a number or of each entry of an array (4), in the shape of x.

    sigma(x) = 1 / (1 + e^-x) = e^x / (e^x + 1), whichever exponent is not positive: so nothing
    overflows.
    """
    e = np.exp(-np.abs(x))
    return np.where(np.greater_equal(x, 0), 1.0, e)[()] / (1.0 + e)


def naiveSoftmaxLossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset):
    """Naive-softmax loss of one pair (c, o), and its gradients.

        J = -log y_hat_o,  y_hat = softmax(U^T v_c)                 (1), (2)
        dJ/dv_c = U (y_hat - y)
        dJ/du_w = (y_hat_w - y_w) v_c

    since log y_hat_o = u_o^T v_c - log sum_w exp(u_w^T v_c), and the second term's derivative by
    the score u_w^T v_c is y_hat_w. The largest score is taken off all of them first, which changes
    nothing here but keeps exp from overflowing.

    Parameters
    ----------
    centerWordVec : (D,) ndarray
        v_c.
    outsideWordIdx : int
        o.
    outsideVectors : (V, D) ndarray
        U^T, a word a row.
    dataset
        Not used; here so that both losses are called alike.

    Returns
    -------
    loss : float
    gradCenterVec : (D,) ndarray
    gradOutsideVecs : (V, D) ndarray
    """
    scores = outsideVectors @ centerWordVec
    scores = scores - np.max(scores)
    log_sum = np.log(np.sum(np.exp(scores)))
    loss = log_sum - scores[outsideWordIdx]

    delta = np.exp(scores - log_sum)  # y_hat
    delta[outsideWordIdx] -= 1  # y_hat - y
    gradCenterVec = outsideVectors.T @ delta
    gradOutsideVecs = np.outer(delta, centerWordVec)
    return loss, gradCenterVec, gradOutsideVecs


def getNegativeSamples(outsideWordIdx, dataset, K):
    """K words from `dataset.sampleTokenIdx()`, a list of int, none of them the outside word."""
    negSampleWordIndices = []
    while len(negSampleWordIndices) < K:
        word = dataset.sampleTokenIdx()
        if word != outsideWordIdx:
            negSampleWordIndices.append(word)
    return negSampleWordIndices


def negSamplingLossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset, K=10):
    """Negative-sampling loss of one pair (c, o), and its gradients; draws K negatives.

        J = -log sigma(u_o^T v_c) - sum_k log sigma(-u_k^T v_c)     (5)
        dJ/dv_c = (sigma(u_o^T v_c) - 1) u_o + sum_k sigma(u_k^T v_c) u_k
        dJ/du_o = (sigma(u_o^T v_c) - 1) v_c
        dJ/du_k = sigma(u_k^T v_c) v_c

    since d log sigma(x) / dx = 1 - sigma(x). With label 1 for o and 0 for a negative, all of them
    are (sigma(u^T v_c) - label) times a vector. A word drawn twice has two terms in J, so both
    count.

    Parameters
    ----------
    Those of `naiveSoftmaxLossAndGradient`, and the number K of negatives, which
    `getNegativeSamples` draws from the dataset.

    Returns
    -------
    What `naiveSoftmaxLossAndGradient` returns.
    """
    negSampleWordIndices = getNegativeSamples(outsideWordIdx, dataset, K)
    indices = [outsideWordIdx] + negSampleWordIndices
    labels = np.zeros(K + 1)
    labels[0] = 1

    vectors = outsideVectors[indices]  # (K + 1, D)
    scores = vectors @ centerWordVec
    # -log sigma(x) = log(1 + e^-x)
    loss = np.sum(np.logaddexp(0, np.where(labels == 1, -scores, scores)))

    delta = sigmoid(scores) - labels
    gradCenterVec = vectors.T @ delta
    gradOutsideVecs = np.zeros_like(outsideVectors)
    np.add.at(gradOutsideVecs, indices, np.outer(delta, centerWordVec))  # repeated words add up
    return loss, gradCenterVec, gradOutsideVecs


def skipgram(
    currentCenterWord,
    windowSize,
    outsideWords,
    word2Ind,
    centerWordVectors,
    outsideVectors,
    dataset,
    word2vecLossAndGradient=naiveSoftmaxLossAndGradient,
):
    """Skip-gram loss of one window, and its gradients: sums over the outside words (6).

        dJ/dU = sum_j dJ(v_c, w_t+j, U)/dU,  dJ/dv_c likewise,  dJ/dv_w = 0 for w != c

    Parameters
    ----------
    currentCenterWord : str
        c.
    windowSize : int
        Not used: `outsideWords` is the window.
    outsideWords : list of str
        The words around c.
    word2Ind : dict
        Word -> row of the vectors.
    centerWordVectors, outsideVectors : (V, D) ndarrays
        V^T and U^T, a word a row.
    dataset
        Handed on to the loss.
    word2vecLossAndGradient : callable
        `naiveSoftmaxLossAndGradient` or `negSamplingLossAndGradient`.

    Returns
    -------
    loss : float
    gradCenterVecs, gradOutsideVectors : (V, D) ndarrays
    """
    loss = 0.0
    gradCenterVecs = np.zeros_like(centerWordVectors)
    gradOutsideVectors = np.zeros_like(outsideVectors)
    center = word2Ind[currentCenterWord]
    for word in outsideWords:
        pairLoss, gradCenterVec, gradOutsideVecs = word2vecLossAndGradient(
            centerWordVectors[center], word2Ind[word], outsideVectors, dataset
        )
        loss += pairLoss
        gradCenterVecs[center] += gradCenterVec
        gradOutsideVectors += gradOutsideVecs
    return loss, gradCenterVecs, gradOutsideVectors


def word2vec_sgd_wrapper(
    word2vecModel,
    word2Ind,
    wordVectors,
    dataset,
    windowSize,
    word2vecLossAndGradient=naiveSoftmaxLossAndGradient,
):
    """Mean loss of 50 windows drawn from the dataset, and its gradient (2V, D).

    `wordVectors` has the V centre vectors, then the V outside vectors. Each window takes up to
    `random.randint(1, windowSize)` words on each side.
    """
    loss, grad = 0.0, np.zeros_like(wordVectors)
    V = len(wordVectors) // 2
    centerWordVectors, outsideVectors = wordVectors[:V], wordVectors[V:]
    for _ in range(BATCH_SIZE):
        windowSizeHere = random.randint(1, windowSize)
        centerWord, context = dataset.getRandomContext(windowSizeHere)
        windowLoss, gradCenterVecs, gradOutsideVectors = word2vecModel(
            centerWord,
            windowSizeHere,
            context,
            word2Ind,
            centerWordVectors,
            outsideVectors,
            dataset,
            word2vecLossAndGradient,
        )
        loss += windowLoss / BATCH_SIZE
        grad[:V] += gradCenterVecs / BATCH_SIZE
        grad[V:] += gradOutsideVectors / BATCH_SIZE
    return loss, grad


# ------------------------------------------------------------------------------- checks
class DummyDataset:
    """Five words, a to e, of which any may stand anywhere: the assignment's test data."""

    words = "abcde"

    def sampleTokenIdx(self):
        return random.randint(0, 4)

    def getRandomContext(self, C):
        center = self.words[random.randint(0, 4)]
        return center, [self.words[random.randint(0, 4)] for _ in range(2 * C)]


def check_sigmoid():
    """The values of the assignment, others in a matrix, and that nothing overflows."""
    values = [0.73105858, 0.88079708, 0.95257413]
    expect("sigmoid([1, 2, 3])", sigmoid(np.array([1.0, 2.0, 3.0])), values)
    values = [[0.26894142, 0.11920292], [0.5, 0.99330715]]
    expect("sigmoid([[-1, -2], [0, 5]])", sigmoid(np.array([[-1.0, -2.0], [0.0, 5.0]])), values)
    with np.errstate(over="raise", invalid="raise"):
        expect("sigmoid([-1000, 0, 1000])", sigmoid(np.array([-1000.0, 0.0, 1000.0])), [0, 0.5, 1])


def check_loss(lossAndGradient):
    """Gradient checks of one loss by v_c and by U, for every outside word."""
    random.seed(31415)
    vectors = np.random.RandomState(9265).randn(6, 3)
    v_c, U = vectors[0], vectors[1:]
    name = lossAndGradient.__name__
    for o in range(len(U)):
        gradcheck_naive(
            lambda v: lossAndGradient(v, o, U, DummyDataset())[:2], v_c, f"{name} by v_c, o = {o}"
        )
        gradcheck_naive(
            lambda U: lossAndGradient(v_c, o, U, DummyDataset())[::2], U, f"{name} by U, o = {o}"
        )


def check_skipgram():
    """Gradient checks of whole minibatches, and the assignment's values."""
    from utils import gradcheck  # of which the 2019 edition has no expected values

    dataset = DummyDataset()
    random.seed(31415)
    np.random.seed(9265)
    dummy_vectors = normalizeRows(np.random.randn(10, 3))
    dummy_tokens = {word: i for i, word in enumerate(dataset.words)}
    has_values = hasattr(gradcheck, "grad_tests_softmax")
    if not has_values:
        print("skipgram: gradient checks only; this utils/gradcheck.py has no expected values")
    for loss in (naiveSoftmaxLossAndGradient, negSamplingLossAndGradient):
        gradcheck_naive(
            lambda vectors: word2vec_sgd_wrapper(skipgram, dummy_tokens, vectors, dataset, 5, loss),
            dummy_vectors,
            f"skipgram with {loss.__name__}",
        )
        if has_values and loss is naiveSoftmaxLossAndGradient:
            gradcheck.grad_tests_softmax(skipgram, dummy_tokens, dummy_vectors, dataset)
        elif has_values:
            gradcheck.grad_tests_negsamp(skipgram, dummy_tokens, dummy_vectors, dataset, loss)


def expect(name, actual, expected):
    """Raise AssertionError unless numbers agree to 8 digits after the point."""
    if not np.allclose(actual, expected, rtol=0, atol=1e-8):
        raise AssertionError(f"{name}: yours is {actual}, expected {expected}")
    print(f"{name}: as expected")


CHECKS = {
    "sigmoid": check_sigmoid,
    "naiveSoftmaxLossAndGradient": lambda: check_loss(naiveSoftmaxLossAndGradient),
    "negSamplingLossAndGradient": lambda: check_loss(negSamplingLossAndGradient),
    "skipgram": check_skipgram,
}
RESTS_ON = {
    "negSamplingLossAndGradient": ["sigmoid"],
    "skipgram": ["sigmoid", "naiveSoftmaxLossAndGradient", "negSamplingLossAndGradient"],
}


def is_written(name):
    """Whether a function gives a result at all."""
    zeros, dataset = np.zeros((5, 2)), DummyDataset()
    calls = {
        "sigmoid": (sigmoid, zeros),
        "naiveSoftmaxLossAndGradient": (naiveSoftmaxLossAndGradient, zeros[0], 0, zeros, dataset),
        "negSamplingLossAndGradient": (negSamplingLossAndGradient, zeros[0], 0, zeros, dataset),
        "skipgram": (skipgram, "a", 1, [], {"a": 0}, zeros, zeros, dataset),
    }
    function, *arguments = calls[name]
    try:
        return function(*arguments) is not None
    except NotImplementedError:
        return False
    except Exception:  # the check will show what is wrong
        return True


def check(name):
    """Run a check and say how it ends; returns whether it passes."""
    print(f"==== {name} ====")
    needed = [name, *RESTS_ON.get(name, [])]
    missing = next((function for function in needed if not is_written(function)), None)
    if missing:
        print("not written yet" if missing == name else f"rests on {missing}, not written yet")
        return False
    try:
        CHECKS[name]()
    except AssertionError as error:
        print(f"FAILED: {error}")
        return False
    return True


def main():
    """Run the checks named on the command line; exit status 1 if one fails."""
    parser = argparse.ArgumentParser(description="Gradient checks and expected values of word2vec.")
    parser.add_argument(
        "name", nargs="?", default="all", choices=[*CHECKS, "all"], help="what to check (all)"
    )
    name = parser.parse_args().name
    names = list(CHECKS) if name == "all" else [name]
    failed = [name for name in names if not check(name)]
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}")
    print("All checks passed.")


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head -1` ends it without a traceback
    main()
