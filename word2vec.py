"""word2vec by skip-gram: losses and gradients, one word pair at a time, as in the handout.

    python word2vec.py              # all gradient checks and expected values
    python word2vec.py skipgram     # one of: sigmoid, naiveSoftmaxLossAndGradient,
                                    # negSamplingLossAndGradient, skipgram

The notation is the handout's (CS 224n, assignment 2); (1) to (6) are its equations:

    v_c     vector of the centre word c                             centerWordVec       (D,)
    U       columns u_w, the outside vectors; here they are rows    outsideVectors      (V, D)
    o       the outside word                                        outsideWordIdx
    y       one-hot: 1 at o                                                             (V,)
    y_hat   softmax(U^T v_c), the predicted distribution                                (V,)
    w_1..w_K    negative samples                                    negSampleWordIndices
    V, D, K     words in the vocabulary, dimension of the vectors, negative samples

Names in camelCase are the assignment's. This file also works alone in the course's scaffold.
"""

import argparse
import os
import random
import sys

import numpy as np

if getattr(sys.flags, "safe_path", False):  # then Python does not search this folder by itself
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from utils import gradcheck
from utils.utils import normalizeRows, softmax  # noqa: F401 (softmax: as in the course's file)

BATCH_SIZE = 50  # windows in a minibatch


def sigmoid(x):
    """Return the sigmoid (4) of a number, or of each entry of an array, in the shape of x.

    sigma(x) = 1 / (1 + e^-x) = e^x / (e^x + 1). The form whose exponent is <= 0 is used, so
    nothing overflows.
    """
    e = np.exp(-np.abs(x))
    return np.where(np.greater_equal(x, 0), 1.0, e)[()] / (1.0 + e)


def naiveSoftmaxLossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset):
    """Return the naive-softmax loss of one pair (c, o) and its gradients.

        J = -log y_hat_o,  y_hat = softmax(U^T v_c)                 (1), (2)
        dJ/dv_c = U (y_hat - y)                                     written.md (b5)
        dJ/du_w = (y_hat_w - y_w) v_c                               written.md (c3)

    since log y_hat_o = u_o^T v_c - log sum_w exp(u_w^T v_c), and the derivative of the second
    term with respect to the score u_w^T v_c is y_hat_w. The largest score is subtracted from all
    scores first: the result is the same, but exp cannot overflow.

    Parameters
    ----------
    centerWordVec : (D,) ndarray
        v_c.
    outsideWordIdx : int
        o.
    outsideVectors : (V, D) ndarray
        U^T, one word per row.
    dataset
        Not used; both losses take the same arguments.

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
    """Draw K words, a list of int, from `dataset.sampleTokenIdx()`, without the outside word."""
    negSampleWordIndices = []
    while len(negSampleWordIndices) < K:
        word = dataset.sampleTokenIdx()
        if word != outsideWordIdx:
            negSampleWordIndices.append(word)
    return negSampleWordIndices


def negSamplingLossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset, K=10):
    """Return the negative-sampling loss of one pair (c, o) and its gradients; draws K negatives.

        J = -log sigma(u_o^T v_c) - sum_k log sigma(-u_k^T v_c)             (5)
        dJ/dv_c = (sigma(u_o^T v_c) - 1) u_o + sum_k sigma(u_k^T v_c) u_k   written.md (e1)
        dJ/du_o = (sigma(u_o^T v_c) - 1) v_c                                written.md (e2)
        dJ/du_k = sigma(u_k^T v_c) v_c                                      written.md (e3)

    since d log sigma(x) / dx = 1 - sigma(x). With label 1 for o and 0 for a negative (e10), each
    derivative is made of (sigma(u^T v_c) - label) times a vector: (e11) with respect to v_c, (e12)
    with respect to u_w. A word drawn twice has two terms in J, and both count (e9).

    Parameters
    ----------
    As for `naiveSoftmaxLossAndGradient`, but here `getNegativeSamples` draws from the dataset:
    dataset
        Has `sampleTokenIdx()`, which returns a random word, an int.
    K : int
        Number of negative samples.

    Returns
    -------
    loss, gradCenterVec, gradOutsideVecs
        As `naiveSoftmaxLossAndGradient`.
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
    np.add.at(gradOutsideVecs, indices, np.outer(delta, centerWordVec))  # (e12): repeats add up
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
    """Return the skip-gram loss of one window and its gradients, sums over the outside words (6).

        dJ/dU = sum_j dJ(v_c, w_t+j, U)/dU                          written.md (f1)
        dJ/dv_c = sum_j dJ(v_c, w_t+j, U)/dv_c                      written.md (f2)
        dJ/dv_w = 0 for w != c                                      written.md (f3)

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
        One word per row.
    dataset
        Passed on to the loss.
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
    """Return the mean loss of 50 windows drawn from the dataset, and its gradient (2V, D).

    `wordVectors` (2V, D) has the V centre vectors, then the V outside vectors. Each window takes
    up to `random.randint(1, windowSize)` words on each side.
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
    """The assignment's test data: five words, a to e, drawn with equal probability."""

    words = "abcde"

    def sampleTokenIdx(self):
        return random.randint(0, 4)

    def getRandomContext(self, C):
        center = self.words[random.randint(0, 4)]
        return center, [self.words[random.randint(0, 4)] for _ in range(2 * C)]


def check_values(tests, *arguments):
    """Compare with expected values, if utils/gradcheck.py has them; the 2019 edition has none."""
    if hasattr(gradcheck, tests):
        getattr(gradcheck, tests)(*arguments)
    else:
        print(f"expected values: not checked, this utils/gradcheck.py has no {tests}")


def check_loss(lossAndGradient, tests):
    """Check the loss of known words, then its gradients for every outside word."""
    vectors = np.random.RandomState(9265).randn(6, 3)
    v_c, U = vectors[0], vectors[1:]
    check_values(tests, lossAndGradient, v_c, U)
    random.seed(31415)
    for o in range(len(U)):
        gradcheck.gradcheck_naive(
            lambda v: lossAndGradient(v, o, U, DummyDataset())[:2],
            v_c,
            f"gradCenterVec, with respect to v_c (outside word {o})",
        )
        gradcheck.gradcheck_naive(
            lambda U: lossAndGradient(v_c, o, U, DummyDataset())[::2],
            U,
            f"gradOutsideVecs, with respect to U (outside word {o})",
        )


def check_skipgram(skipgram):
    """Check the gradients of whole minibatches, and the assignment's values."""
    dataset = DummyDataset()
    random.seed(31415)
    np.random.seed(9265)
    dummy_vectors = normalizeRows(np.random.randn(10, 3))
    dummy_tokens = {word: i for i, word in enumerate(dataset.words)}
    dummies = dummy_tokens, dummy_vectors, dataset
    for loss in (naiveSoftmaxLossAndGradient, negSamplingLossAndGradient):
        gradcheck.gradcheck_naive(
            lambda vectors: word2vec_sgd_wrapper(skipgram, dummy_tokens, vectors, dataset, 5, loss),
            dummy_vectors,
            f"minibatches with {loss.__name__}",
        )
        if loss is naiveSoftmaxLossAndGradient:
            check_values("grad_tests_softmax", skipgram, *dummies)
        else:
            check_values("grad_tests_negsamp", skipgram, *dummies, loss)


CHECKS = {  # name -> the function and its check
    "sigmoid": (sigmoid, lambda f: check_values("sigmoid_tests", f)),
    "naiveSoftmaxLossAndGradient": (
        naiveSoftmaxLossAndGradient,
        lambda f: check_loss(f, "loss_tests_softmax"),
    ),
    "negSamplingLossAndGradient": (
        negSamplingLossAndGradient,
        lambda f: check_loss(f, "loss_tests_negsamp"),
    ),
    "skipgram": (skipgram, check_skipgram),
}


def main():
    """Run the checks named on the command line; exit status 1 if one fails."""
    parser = argparse.ArgumentParser(description="Gradient checks and expected values of word2vec.")
    parser.add_argument(
        "name", nargs="?", default="all", choices=[*CHECKS, "all"], help="what to check (all)"
    )
    name = parser.parse_args().name
    names = list(CHECKS) if name == "all" else [name]
    if hasattr(gradcheck, "run_checks"):
        gradcheck.run_checks(CHECKS, names)
    else:  # the course's own gradcheck prints a failed check, and does not raise
        for name in names:
            print(f"==== {name} ====")
            function, check = CHECKS[name]
            check(function)


if __name__ == "__main__":
    main()
