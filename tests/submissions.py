"""Submissions in the manner of students, right in all points; tests make wrong ones of them.

`CORRECT` is written with loops, `VECTORISED` without. Each is file name -> source.
"""

import zipfile

WORD2VEC = """
import argparse
import numpy as np
import random

from utils.gradcheck import gradcheck_naive, grad_tests_softmax, grad_tests_negsamp
from utils.utils import normalizeRows, softmax


def sigmoid(x):
    s = 1 / (1 + np.exp(-x))
    return s


def naiveSoftmaxLossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset):
    y_hat = softmax(np.dot(outsideVectors, centerWordVec))
    loss = -np.log(y_hat[outsideWordIdx])
    delta = y_hat.copy()
    delta[outsideWordIdx] -= 1
    gradCenterVec = np.dot(outsideVectors.T, delta)
    gradOutsideVecs = np.outer(delta, centerWordVec)
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
    p = sigmoid(np.dot(u_o, centerWordVec))
    loss = -np.log(p)
    gradCenterVec += (p - 1) * u_o
    gradOutsideVecs[outsideWordIdx] += (p - 1) * centerWordVec
    for k in negSampleWordIndices:
        u_k = outsideVectors[k]
        q = sigmoid(-np.dot(u_k, centerWordVec))
        loss -= np.log(q)
        gradCenterVec += (1 - q) * u_k
        gradOutsideVecs[k] += (1 - q) * centerWordVec
    return loss, gradCenterVec, gradOutsideVecs


def skipgram(currentCenterWord, windowSize, outsideWords, word2Ind,
             centerWordVectors, outsideVectors, dataset,
             word2vecLossAndGradient=naiveSoftmaxLossAndGradient):
    loss = 0.0
    gradCenterVecs = np.zeros(centerWordVectors.shape)
    gradOutsideVectors = np.zeros(outsideVectors.shape)
    c = word2Ind[currentCenterWord]
    for word in outsideWords:
        o = word2Ind[word]
        l, gc, go = word2vecLossAndGradient(centerWordVectors[c], o, outsideVectors, dataset)
        loss += l
        gradCenterVecs[c] += gc
        gradOutsideVectors += go
    return loss, gradCenterVecs, gradOutsideVectors
"""

SGD = """
import glob
import pickle
import random
import numpy as np

SAVE_PARAMS_EVERY = 5000


def load_saved_params():
    newest = max([int(name[13:-4]) for name in glob.glob("saved_params_*.npy")], default=0)
    if newest == 0:
        return 0, None, None
    with open("saved_state_%d.pickle" % newest, "rb") as f:
        state = pickle.load(f)
    return newest, np.load("saved_params_%d.npy" % newest), state


def save_params(iter, params):
    np.save("saved_params_%d.npy" % iter, params)
    with open("saved_state_%d.pickle" % iter, "wb") as f:
        pickle.dump(random.getstate(), f)


def sgd(f, x0, step, iterations, postprocessing=None, useSaved=False, PRINT_EVERY=10):
    ANNEAL_EVERY = 20000
    start_iter, x = 0, x0
    if useSaved:
        start_iter, saved, state = load_saved_params()
        if start_iter > 0:
            x = saved
            step *= 0.5 ** (start_iter / ANNEAL_EVERY)
        if state:
            random.setstate(state)
    if not postprocessing:
        postprocessing = lambda x: x
    exploss = None
    for iter in range(start_iter + 1, iterations + 1):
        loss, grad = f(x)
        x = x - step * grad
        x = postprocessing(x)
        if iter % PRINT_EVERY == 0:
            if not exploss:
                exploss = loss
            else:
                exploss = .95 * exploss + .05 * loss
            print("iter %d: %f" % (iter, exploss))
        if iter % SAVE_PARAMS_EVERY == 0 and useSaved:
            save_params(iter, x)
        if iter % ANNEAL_EVERY == 0:
            step *= 0.5
    return x
"""
CORRECT = {"word2vec.py": WORD2VEC, "sgd.py": SGD}

VECTORISED = {
    "word2vec.py": """
import numpy as np
from scipy.special import expit, log_expit, logsumexp

sigmoid = expit


def naiveSoftmaxLossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset):
    logits = outsideVectors @ centerWordVec
    log_y_hat = logits - logsumexp(logits)
    y = np.eye(1, len(logits), outsideWordIdx)[0]
    delta = np.exp(log_y_hat) - y
    return -log_y_hat[outsideWordIdx], delta @ outsideVectors, delta[:, None] * centerWordVec


def negSamplingLossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset, K=10):
    indices = np.array([outsideWordIdx] + getNegativeSamples(outsideWordIdx, dataset, K))
    sign = np.where(np.arange(K + 1) == 0, 1, -1)
    U = sign[:, None] * outsideVectors[indices]
    x = U @ centerWordVec
    delta = expit(x) - 1
    gradOutsideVecs = np.zeros_like(outsideVectors)
    np.add.at(gradOutsideVecs, indices, np.outer(sign * delta, centerWordVec))
    return -log_expit(x).sum(), U.T @ delta, gradOutsideVecs


def skipgram(currentCenterWord, windowSize, outsideWords, word2Ind, centerWordVectors,
             outsideVectors, dataset, word2vecLossAndGradient=naiveSoftmaxLossAndGradient):
    center = word2Ind[currentCenterWord]
    results = [
        word2vecLossAndGradient(centerWordVectors[center], word2Ind[w], outsideVectors, dataset)
        for w in outsideWords
    ]
    gradCenterVecs = np.zeros_like(centerWordVectors)
    gradCenterVecs[center] = sum(r[1] for r in results)
    return sum(r[0] for r in results), gradCenterVecs, sum(
        (r[2] for r in results), np.zeros_like(outsideVectors))
""",
    "sgd.py": SGD.replace("x = x - step * grad", "x = np.subtract(x, np.multiply(grad, step))"),
}

POINTS = {  # of each item of each function
    "sigmoid": [1, 1],
    "naiveSoftmaxLossAndGradient": [1, 1, 1],
    "negSamplingLossAndGradient": [1, 1, 1, 1],
    "skipgram": [1, 1, 1],
    "sgd": [1, 1, 1, 1],
}


def edited(file, old, new, sources=CORRECT):
    """A submission with one place of one file changed."""
    assert sources[file].count(old) == 1, old
    return {**sources, file: sources[file].replace(old, new)}


def make_zip(path, files, prefix=""):
    """A zip archive of files, name -> content; its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(name if isinstance(name, zipfile.ZipInfo) else prefix + name, content)
    return path
