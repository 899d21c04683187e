"""Solutions of the assignment as several people might write them, right ones and wrong ones.

`solution(style, *mistakes)` gives the text of a word2vec.py in one of STYLES, `SGD` that of an
sgd.py with the course's seven arguments. `CORRECT` is a right submission, file name -> text,
and `edited` changes one place of it.
"""

import zipfile

HEAD = """
import argparse
import random
import sys

import numpy as np
from utils.gradcheck import gradcheck_naive, grad_tests_softmax, grad_tests_negsamp
from utils.utils import normalizeRows, softmax
"""

TAIL = """
def word2vec_sgd_wrapper(word2vecModel, word2Ind, wordVectors, dataset, windowSize,
                         word2vecLossAndGradient=naiveSoftmaxLossAndGradient):
    windows, cost = 50, 0.0
    half = wordVectors.shape[0] // 2
    grad = np.zeros(wordVectors.shape)
    for _ in range(windows):
        C = random.randint(1, windowSize)
        word, context = dataset.getRandomContext(C)
        J, by_center, by_outside = word2vecModel(
            word, C, context, word2Ind, wordVectors[:half, :], wordVectors[half:, :], dataset,
            word2vecLossAndGradient)
        cost = cost + J / windows
        grad[:half, :] += by_center / windows
        grad[half:, :] += by_outside / windows
    return cost, grad


def quick_test():
    assert sigmoid(0) == 0.5
    print("sigmoid is fine")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="?", default="all")
    print(parser.parse_args().what)
    quick_test()
"""

LOOPS = (
    HEAD
    + """

def sigmoid(x):
    s = 1 / (1 + np.exp(-x))
    return s


def naiveSoftmaxLossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset):
    y_hat = softmax(np.dot(outsideVectors, centerWordVec))
    loss = -np.log(y_hat[outsideWordIdx])
    gradCenterVec = -outsideVectors[outsideWordIdx]
    gradOutsideVecs = np.zeros(outsideVectors.shape)
    for w in range(len(outsideVectors)):
        gradCenterVec = gradCenterVec + y_hat[w] * outsideVectors[w]
        gradOutsideVecs[w] = y_hat[w] * centerWordVec
    gradOutsideVecs[outsideWordIdx] -= centerWordVec
    return loss, gradCenterVec, gradOutsideVecs


def getNegativeSamples(outsideWordIdx, dataset, K):
    negSampleWordIndices = [None] * K
    for k in range(K):
        newidx = dataset.sampleTokenIdx()
        while newidx == outsideWordIdx:
            newidx = dataset.sampleTokenIdx()
        negSampleWordIndices[k] = newidx
    return negSampleWordIndices


def negSamplingLossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset, K=10):
    negSampleWordIndices = getNegativeSamples(outsideWordIdx, dataset, K)
    gradCenterVec = np.zeros(centerWordVec.shape)
    gradOutsideVecs = np.zeros(outsideVectors.shape)

    u_o = outsideVectors[outsideWordIdx]
    z = sigmoid(np.dot(u_o, centerWordVec))
    loss = -np.log(z)
    gradCenterVec += (z - 1.0) * u_o
    gradOutsideVecs[outsideWordIdx] += (z - 1.0) * centerWordVec
    for k in negSampleWordIndices:
        u_k = outsideVectors[k]
        z = sigmoid(-np.dot(u_k, centerWordVec))
        loss -= np.log(z)
        gradCenterVec += (1.0 - z) * u_k
        gradOutsideVecs[k] += (1.0 - z) * centerWordVec
    return loss, gradCenterVec, gradOutsideVecs


def skipgram(currentCenterWord, windowSize, outsideWords, word2Ind,
             centerWordVectors, outsideVectors, dataset,
             word2vecLossAndGradient=naiveSoftmaxLossAndGradient):
    loss = 0.0
    gradCenterVecs = np.zeros(centerWordVectors.shape)
    gradOutsideVectors = np.zeros(outsideVectors.shape)
    c = word2Ind[currentCenterWord]
    for j in range(len(outsideWords)):
        o = word2Ind[outsideWords[j]]
        l, gc, go = word2vecLossAndGradient(centerWordVectors[c], o, outsideVectors, dataset)
        loss += l
        gradCenterVecs[c] += gc
        gradOutsideVectors += go
    return loss, gradCenterVecs, gradOutsideVectors

"""
    + TAIL
)

VECTORISED = (
    HEAD
    + """

def sigmoid(x):
    return np.exp(-np.logaddexp(0, -x))


def naiveSoftmaxLossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset):
    d = softmax(outsideVectors.dot(centerWordVec))
    loss = -np.log(d[outsideWordIdx])
    d[outsideWordIdx] -= 1
    return loss, d.dot(outsideVectors), d[:, None] * centerWordVec[None, :]


def getNegativeSamples(outsideWordIdx, dataset, K):
    samples = []
    while len(samples) < K:
        candidate = dataset.sampleTokenIdx()
        if candidate == outsideWordIdx:
            continue
        samples += [candidate]
    return samples


def negSamplingLossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset, K=10):
    rows = np.array([outsideWordIdx, *getNegativeSamples(outsideWordIdx, dataset, K)])
    signs = np.array([1.0] + [-1.0] * K)
    U = signs[:, None] * outsideVectors[rows]
    p = sigmoid(U @ centerWordVec)
    loss = -np.log(p).sum()
    gradCenterVec = (p - 1) @ U
    gradOutsideVecs = np.zeros_like(outsideVectors)
    np.add.at(gradOutsideVecs, rows, ((p - 1) * signs)[:, None] * centerWordVec)
    return loss, gradCenterVec, gradOutsideVecs


def skipgram(currentCenterWord, windowSize, outsideWords, word2Ind, centerWordVectors,
             outsideVectors, dataset, word2vecLossAndGradient=naiveSoftmaxLossAndGradient):
    c = word2Ind[currentCenterWord]
    v = centerWordVectors[c]
    parts = [word2vecLossAndGradient(v, word2Ind[w], outsideVectors, dataset) for w in outsideWords]
    gradCenterVecs = np.zeros_like(centerWordVectors)
    gradCenterVecs[c] = sum(part[1] for part in parts)
    return sum(part[0] for part in parts), gradCenterVecs, sum(part[2] for part in parts)

"""
    + TAIL
)

STYLES = {"loops": LOOPS, "vectorised": VECTORISED}

# name -> what stands once in a solution, what takes its place; in the style it is of
MISTAKES = {
    "loops": {
        "repeated negatives once": (
            "    for k in negSampleWordIndices:",
            "    for k in dict.fromkeys(negSampleWordIndices):",
        ),
        "sign of the outside gradient": (
            "gradOutsideVecs[k] += (1.0 - z) * centerWordVec",
            "gradOutsideVecs[k] -= (1.0 - z) * centerWordVec",
        ),
        "sign in the negatives' sigmoid": (
            "z = sigmoid(-np.dot(u_k, centerWordVec))",
            "z = sigmoid(np.dot(u_k, centerWordVec))",
        ),
        "if for while": (
            "        while newidx == outsideWordIdx:",
            "        if newidx == outsideWordIdx:",
        ),
        "never drawn again": ("        while newidx == outsideWordIdx:", "        while False:"),
        "another default K": ("dataset, K=10):", "dataset, K=5):"),
        "gradient in the outside word's row": (
            "gradCenterVecs[c] += gc",
            "gradCenterVecs[o] += gc",
        ),
        "mean over the window": (
            "    return loss, gradCenterVecs, gradOutsideVectors",
            "    n = len(outsideWords)\n"
            "    return loss / n, gradCenterVecs / n, gradOutsideVectors / n",
        ),
    },
    "vectorised": {
        "repeated negatives lost": (
            "np.add.at(gradOutsideVecs, rows, ((p - 1) * signs)[:, None] * centerWordVec)",
            "gradOutsideVecs[rows] += ((p - 1) * signs)[:, None] * centerWordVec",
        ),
        "the logarithm forgotten": (
            "gradCenterVec = (p - 1) @ U",
            "gradCenterVec = (p * (p - 1)) @ U",
        ),
    },
}

SGD = """
import os
import pickle
import random
import re

import numpy as np

EVERY = 5000


def newest():
    found = [re.match("saved_params_([0-9]+).npy$", name) for name in os.listdir(".")]
    return max((int(match.group(1)) for match in found if match), default=0)


def load_saved_params():
    last = newest()
    if last == 0:
        return 0, None, None
    with open("saved_state_{}.pickle".format(last), "rb") as file:
        return last, np.load("saved_params_{}.npy".format(last)), pickle.load(file)


def save_params(iter, params):
    np.save("saved_params_{}".format(iter), params)
    with open("saved_state_{}.pickle".format(iter), "wb") as file:
        pickle.dump(random.getstate(), file)


def sgd(f, x0, step, iterations, postprocessing=None, useSaved=False, PRINT_EVERY=10):
    done, x, smooth = 0, x0, None
    if useSaved:
        done, saved, state = load_saved_params()
        if done:
            x = saved
            step = step * 0.5 ** (done / 20000)
            random.setstate(state)
    for i in range(done + 1, iterations + 1):
        cost, grad = f(x)
        x = x - step * grad
        if postprocessing:
            x = postprocessing(x)
        if i % PRINT_EVERY == 0:
            smooth = cost if smooth is None else 0.95 * smooth + 0.05 * cost
            print("iter %d: %f" % (i, smooth))
        if useSaved and i % EVERY == 0:
            save_params(i, x)
        if i % 20000 == 0:
            step = step / 2
    return x
"""


def solution(style, *mistakes):
    """The text of a word2vec.py with these mistakes; fails if one does not fit."""
    text = STYLES[style]
    for mistake in mistakes:
        old, new = MISTAKES[style][mistake]
        if text.count(old) != 1:
            raise AssertionError(f"{old!r} stands {text.count(old)} times in {style}")
        text = text.replace(old, new)
    return text


# ------------------------------------------------------------------------------------- submissions
CORRECT = {"word2vec.py": LOOPS, "sgd.py": SGD}


def edited(old, new, files=None):
    """A submission with a place changed that stands once in it, or once in VECTORISED."""
    both = [files] if files else [CORRECT, {**CORRECT, "word2vec.py": VECTORISED}]
    found = [(s, name) for s in both for name, text in s.items() if text.count(old) == 1]
    if not found:
        raise AssertionError(f"{old!r} does not stand once in any solution")
    sources, name = found[0]
    return {**sources, name: sources[name].replace(old, new)}


def make_zip(path, *files):
    """A zip archive of files, dicts of name (or ZipInfo) -> content; its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in (item for some in files for item in some.items()):
            zipped.writestr(name, content)
    return path
