r"""The formulas, tables, pictures and claims of written.md, computed.

    python -m pytest tests/test_written.py

FORMULAS has what the page displays, by its tag, and MISTAKES the rows of the page's last tables, by
their number. Both are written in Python, with the names of `case`, which are the page's: v_c, U, V,
s, y, yhat, delta, o, c, w, k, K, m, eta, alpha. u[w] is column w of U, w_k[0] is o, w_k[1:] are the
negative samples, and u_k[k] and label[k] are the outside vector and the label of w_k[k].

The sides of each equation must agree in shape and value on random inputs. A side that is a
derivative is a central difference of the definitions (1), (2), (5), (6), which come first. Columns
are true columns, (D, 1), so that a transpose too many cannot pass.
"""

import ast
import math
import random
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.linalg import norm
from scipy.linalg import null_space

import word2vec
from common.word_choice import ASSIGNMENT_WORDS
from utils.treebank import StanfordSentiment

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "written.md").read_text(encoding="utf-8")
SHAPES = [  # D, |V|, K, m; where K >= |V| a sample is drawn twice for certain
    (1, 2, 1, 1),
    (3, 5, 4, 2),
    (5, 3, 7, 1),
    (4, 4, 3, 3),
    (2, 9, 20, 5),
    (6, 10, 4, 2),
]


# ------------------------------------------------------------- the definitions, in plain Python
def score(w, v_c, U):
    return sum(a * b for a, b in zip(U[:, w].tolist(), v_c[:, 0].tolist()))


def P(o, v_c, U):  # (1)
    return math.exp(score(o, v_c, U)) / sum(math.exp(score(w, v_c, U)) for w in range(U.shape[1]))


def J_naive(v_c, o, U):  # (2)
    return -math.log(P(o, v_c, U))


def logistic(x):  # (4)
    return 1 / (1 + math.exp(-x))


def J_neg(v_c, o, U, samples):  # (5)
    loss = -math.log(logistic(score(o, v_c, U)))
    for w in samples:
        loss -= math.log(logistic(-score(w, v_c, U)))
    return loss


def J_skipgram(terms):  # (6); terms are the J(v_c, w_{t+j}, U), one for each j
    return lambda v_c, U: sum(J(v_c, U) for J in terms)


# ------------------------------------------------------------- what the formulas are written with
exp, log = np.exp, np.log


def sigma(x):
    return 1 / (1 + exp(-x))


def softmax(z):
    return exp(z) / np.sum(exp(z))


def derivative(f, at, column=None, h=1e-5):
    """Central differences of a number f(at) by each entry of `at`, or of one column of it."""
    at = np.asarray(at, dtype=float)
    result = np.zeros(at.shape)
    for entry in np.ndindex(at.shape):
        if column is None or entry[1] == column:
            step = np.zeros(at.shape)
            step[entry] = h
            result[entry] = (f(at + step) - f(at - step)) / (2 * h)
    return result if column is None else result[:, [column]]


def jacobian(f, at):
    """Entry i, j is the derivative of entry i of the column f(at) by entry j of the column at."""
    return np.array([derivative(lambda x, i=i: f(x)[i, 0], at)[:, 0] for i in range(len(f(at)))])


def slopes(f, x):
    """Slopes of f at |x|, at -|x|, and at 0 from the right and from the left."""
    around = derivative(f, abs(x)), derivative(f, -abs(x))
    return np.array([*around, f(abs(x)) / abs(x), f(-abs(x)) / -abs(x)])


def is_zero(array):
    return np.allclose(array, 0, atol=1e-8)


def is_in_null_space(column, U):
    null = null_space(U, rcond=1e-10)
    return is_zero(U @ null) and is_zero(null @ null.T @ column - column)


def log_sum(v_c, U):
    return math.log(sum(math.exp(score(x, v_c, U)) for x in range(U.shape[1])))


def naive_closed(v_c, o, U):
    """(b5) and (c4): the terms on the right of (f2) and (f1) in closed form."""
    delta = softmax(U.T @ v_c) - np.eye(U.shape[1])[:, [o]]
    return U @ delta, v_c @ delta.T


def neg_closed(v_c, o, U, samples):
    """(e11), and (e12) in every column."""
    in_v_c, in_U = np.zeros(v_c.shape), np.zeros(U.shape)
    for w, label in [(o, 1), *((w, 0) for w in samples)]:
        error = sigma(U[:, [w]].T @ v_c) - label
        in_v_c += error * U[:, [w]]
        in_U[:, [w]] += error * v_c
    return in_v_c, in_U


def code_of_neg(v_c, o, U, samples):
    """What word2vec.py returns if it draws the given negative samples, in the page's shapes."""
    dataset = SimpleNamespace(sampleTokenIdx=iter(samples).__next__)
    loss, in_v_c, in_U = word2vec.negSamplingLossAndGradient(
        v_c.ravel(), o, U.T.copy(), dataset, len(samples)
    )
    return loss, in_v_c[:, None], in_U.T


def with_gradient_zero(U, v_c, o):
    """U with the one u_o that makes (b5) zero: as in (b7), whose weights do not depend on u_o."""
    others = np.delete(U, o, axis=1)
    U = U.copy()
    U[:, [o]] = others @ softmax(others.T @ v_c)
    return U


def case(D, size, K, m, seed):
    """Random inputs by name. With seed 0 the centre word is among the negative samples."""
    rng = np.random.default_rng(seed)

    def draw(n, but=None):
        return [int(w) for w in rng.choice([w for w in range(size) if w != but], size=n)]

    U, V = rng.normal(size=(2, D, size))
    [o] = draw(1)
    samples = draw(K, but=o)
    c = samples[0] if seed == 0 else draw(1)[0]
    v_c, w_k, label = V[:, [c]], [o, *samples], [1] + [0] * K
    Vocab, ks, positions = range(size), range(1, K + 1), [j for j in range(-m, m + 1) if j != 0]
    u, u_o, u_k = [U[:, [w]] for w in Vocab], U[:, [o]], [U[:, [w]] for w in w_k]
    s = np.array([[score(w, v_c, U)] for w in Vocab])
    y, yhat = np.eye(size)[:, [o]], np.array([[P(w, v_c, U)] for w in Vocab])
    delta = yhat - y
    U_flat = with_gradient_zero(U, v_c, o)
    zero_or_not = [(False, U, yhat), (True, U_flat, softmax(U_flat.T @ v_c))]
    signs = [1] + [-1] * K
    beside = U[:, w_k] * signs  # U_{o, {w_1, ..., w_K}}
    g = np.array([[logistic(score(k, v_c, beside)) - 1] for k in range(K + 1)])
    window = dict(zip(positions, draw(2 * m)))  # j -> w_{t+j}
    draws = {j: draw(K, but=window[j]) for j in positions}
    naive_terms = [lambda v_c, U, o=o: J_naive(v_c, o, U) for o in window.values()]
    neg_terms = [lambda v_c, U, j=j: J_neg(v_c, window[j], U, draws[j]) for j in positions]
    windows = [  # for each loss: the terms of (6), and both derivatives of each
        (naive_terms, [naive_closed(v_c, window[j], U) for j in positions]),
        (neg_terms, [neg_closed(v_c, window[j], U, draws[j]) for j in positions]),
    ]
    x, xs, three = rng.normal(), rng.normal(size=(D, 1)), rng.normal(size=3)
    eta, alpha = rng.uniform(0.1, 2), rng.uniform(0.1, 0.9)

    def naive(v_c, U):
        return J_naive(v_c, o, U)

    def neg(v_c, U):
        return J_neg(v_c, o, U, samples)

    def J_beside(columns):
        return -sum(math.log(logistic(score(k, v_c, columns))) for k in range(K + 1))

    def by_v_c(J, U=U):
        return derivative(lambda v_c: J(v_c, U), v_c)

    def by_U(J, w=None):
        return derivative(lambda U: J(v_c, U), U, w)

    def drawn_once(k):
        return samples.count(w_k[k]) == 1

    naive_by_U = by_U(naive)
    return SimpleNamespace(**locals())


CASES = [case(*shape, seed) for shape in SHAPES for seed in range(3)]

FORMULAS = """
(1)     P(o, v_c, U) == exp(u_o.T @ v_c) / sum(exp(u[w].T @ v_c) for w in Vocab)
(1a)    s == U.T @ v_c; yhat == softmax(s);
        yhat[w] == exp(s[w]) / sum(exp(s[x]) for x in Vocab) == P(w, v_c, U) for w in Vocab
(2)     J_naive(v_c, o, U) == -log(P(o, v_c, U))
(3)     -sum(y[w] * log(yhat[w]) for w in Vocab)
        == -1 * log(yhat[o]) - sum(0 * log(yhat[w]) for w in Vocab if w != o)
        == -log(yhat[o]) == J_naive(v_c, o, U)

(b1)    naive(v_c, U) == -u_o.T @ v_c + log(sum(exp(u[w].T @ v_c) for w in Vocab))
(b2)    by_v_c(lambda v_c, U: -score(o, v_c, U)) == -u_o
(b3)    by_v_c(log_sum)
        == sum(exp(u[w].T @ v_c) * u[w] for w in Vocab) / sum(exp(u[x].T @ v_c) for x in Vocab)
        == sum(yhat[w] * u[w] for w in Vocab)
(b4)    U @ y == sum(y[w] * u[w] for w in Vocab) == u_o;
        U @ yhat == sum(yhat[w] * u[w] for w in Vocab)
(b5)    by_v_c(naive) == -u_o + sum(yhat[w] * u[w] for w in Vocab) == U @ (yhat - y)
(b6)    zero == is_zero(by_v_c(naive, U)) == is_zero(U @ yhat - U @ y)
        == is_in_null_space(yhat - y, U) for zero, U, yhat in zero_or_not
(b7)    zero == is_zero(U @ yhat - U @ y)
        == is_zero(U[:, [o]] - sum(yhat[w] / (1 - yhat[o]) * U[:, [w]] for w in Vocab if w != o))
        for zero, U, yhat in zero_or_not;
        1 == sum(yhat[w] / (1 - yhat[o]) for w in Vocab if w != o);
        True == (yhat[w] / (1 - yhat[o]) > 0) for w in Vocab
(b7a)   jacobian(lambda v_c: naive_closed(v_c, o, U)[0], v_c)
        == sum(yhat[w] * (u[w] - U @ yhat) @ (u[w] - U @ yhat).T for w in Vocab)
(b8)    v_c - eta * by_v_c(naive) == v_c + eta * U @ y - eta * U @ yhat
        == v_c + eta * ((1 - yhat[o]) * u_o - sum(yhat[w] * u[w] for w in Vocab if w != o))
(b9)    u_o.T @ (v_c + eta * U @ y) == u_o.T @ v_c + eta * norm(u_o) ** 2
(b10)   yhat.T @ U.T @ (v_c - eta * U @ yhat) == yhat.T @ U.T @ v_c - eta * norm(U @ yhat) ** 2
(b10a)  (U @ y - U @ yhat).T @ (v_c - eta * by_v_c(naive))
        == (U @ y - U @ yhat).T @ v_c + eta * norm(U @ y - U @ yhat) ** 2
(b11)   derivative(lambda eta: naive(v_c - eta * by_v_c(naive), U), 0) == -norm(by_v_c(naive)) ** 2
(b12)   a * u[w] / norm(a * u[w]) == a * u[w] / (abs(a) * norm(u[w])) == sign * u[w] / norm(u[w])
        for w in Vocab for a, sign in [(alpha, 1), (-alpha, -1)]

(c1)    by_U(log_sum, w) == exp(u[w].T @ v_c) / sum(exp(u[x].T @ v_c) for x in Vocab) * v_c
        == yhat[w] * v_c for w in Vocab
(c2)    by_U(lambda v_c, U: -score(o, v_c, U), w) == (-v_c if w == o else 0 * v_c) for w in Vocab
(c3)    by_U(naive, w) == ((yhat[o] - 1) * v_c if w == o else yhat[w] * v_c)
        == (yhat[w] - y[w]) * v_c for w in Vocab
(c4)    by_U(naive) == np.hstack([by_U(naive, w) for w in Vocab]) == v_c @ (yhat - y).T
(c5)    derivative(lambda v: sum(exp(a * v) for a in three), x)
        == sum(a * exp(a * x) for a in three);
        derivative(lambda u: sum(exp(a * x) for a in u), three)[1] == 0 + x * exp(three[1] * x) + 0
(c6)    naive(v_c, U) == -s[o] + log(exp(s).sum());
        derivative(lambda s: -s[o, 0] + log(exp(s).sum()), s) == yhat - y == delta
(c7)    by_v_c(naive) == sum(delta[w] * u[w] for w in Vocab) == U @ delta;
        naive_by_U == v_c @ delta.T;
        naive_by_U[i, w] == delta[w] * v_c[i] for i in range(D) for w in Vocab

(4)     logistic(x) == 1 / (1 + exp(-x)) == exp(x) / (exp(x) + 1)
(d1)    1 - sigma(x) == exp(-x) / (1 + exp(-x)) == 1 / (exp(x) + 1) == sigma(-x)
(d2)    derivative(logistic, x) == -((1 + exp(-x)) ** -2) * -exp(-x)
        == 1 / (1 + exp(-x)) * (exp(-x) / (1 + exp(-x))) == sigma(x) * (1 - sigma(x))
(d3)    derivative(lambda xs: logistic(xs[i, 0]), xs)[j, 0]
        == (sigma(xs[i]) * (1 - sigma(xs[i])) if i == j else 0) for i in range(D) for j in range(D)
(d4)    jacobian(sigma, xs) == np.diagflat(sigma(xs) * (np.ones((D, 1)) - sigma(xs)));
        np.diagflat(xs) @ v_c == xs * v_c
(d5)    derivative(lambda x: logistic(-x), x)
        == -sigma(-x) * (1 - sigma(-x)) == -sigma(x) * (1 - sigma(x))
(d6)    derivative(lambda x: log(logistic(x)), x) == 1 - sigma(x);
        derivative(lambda x: log(logistic(-x)), x) == -(1 - sigma(-x)) == -sigma(x)
(d7)    slopes(lambda x: max(0, x), x) == [1, 0, 1, 0]
(d8)    slopes(lambda x: max(alpha * x, x), x) == [1, alpha, 1, alpha]

(5)     neg(v_c, U)
        == -log(sigma(u_o.T @ v_c)) - sum(log(sigma(-u_k[k].T @ v_c)) for k in ks)
(5a)    by_v_c(lambda v_c, U: -log(logistic(score(o, v_c, U))))
        == -(1 - sigma(u_o.T @ v_c)) * u_o == (sigma(u_o.T @ v_c) - 1) * u_o;
        by_v_c(lambda v_c, U: -log(logistic(-score(w_k[k], v_c, U))))
        == -(1 - sigma(-u_k[k].T @ v_c)) * -u_k[k] == sigma(u_k[k].T @ v_c) * u_k[k] for k in ks
(e1)    by_v_c(neg)
        == (sigma(u_o.T @ v_c) - 1) * u_o + sum(sigma(u_k[k].T @ v_c) * u_k[k] for k in ks)
(e2)    by_U(neg, o) == (sigma(u_o.T @ v_c) - 1) * v_c
(e3)    by_U(neg, w_k[k]) == sigma(u_k[k].T @ v_c) * v_c for k in ks if drawn_once(k)
(e4)    beside == np.hstack([u_o, *(-u_k[k] for k in ks)]);
        neg(v_c, U) == -np.ones((K + 1, 1)).T @ log(sigma(beside.T @ v_c)) == J_beside(beside)
(e5)    g == sigma(beside.T @ v_c) - np.ones((K + 1, 1)); g[0] == sigma(u_o.T @ v_c) - 1;
        g[k] == sigma(-u_k[k].T @ v_c) - 1 == -sigma(u_k[k].T @ v_c) for k in ks
(e6)    by_v_c(neg) == beside @ g; by_U(neg, o) == g[0] * v_c;
        by_U(neg, w_k[k]) == -g[k] * v_c for k in ks if drawn_once(k)
(e7)    derivative(J_beside, beside) == v_c @ g.T
(e8)    neg(v_c, U) == -log(sigma(u_o.T @ v_c))
        - sum(log(sigma(-u[w].T @ v_c)) for k in ks if w_k[k] == w)
        - sum(log(sigma(-u_k[k].T @ v_c)) for k in ks if w_k[k] != w) for w in Vocab if w != o
(e9)    by_U(neg, w)
        == sum((sigma(u_k[k].T @ v_c) * v_c for k in ks if w_k[k] == w), 0 * v_c)
        == samples.count(w) * sigma(u[w].T @ v_c) * v_c for w in Vocab if w != o
(e9a)   by_U(neg, w_k[k]) == samples.count(w_k[k]) * sigma(u_k[k].T @ v_c) * v_c for k in ks
(e10)   w_k[0] == o; label == [1] + K * [0]
(e11)   by_v_c(neg) == sum((sigma(u_k[k].T @ v_c) - label[k]) * u_k[k] for k in range(K + 1))
(e12)   by_U(neg, w) == sum(((sigma(u_k[k].T @ v_c) - label[k]) * v_c
        for k in range(K + 1) if w_k[k] == w), 0 * v_c) for w in Vocab

(6)     J_skipgram(naive_terms)(v_c, U) == sum(J_naive(v_c, window[j], U) for j in positions);
        J_skipgram(neg_terms)(v_c, U) == sum(J_neg(v_c, window[j], U, draws[j]) for j in positions)
(f1)    by_U(J_skipgram(terms)) == sum(in_U for _, in_U in parts)
        for terms, parts in windows
(f2)    by_v_c(J_skipgram(terms)) == sum(in_v_c for in_v_c, _ in parts)
        for terms, parts in windows
(f3)    derivative(lambda V: J_skipgram(terms)(V[:, [c]], U), V, w) == 0 * v_c
        for terms, _ in windows for w in Vocab if w != c

(q1)    np.mean([d <= R for R in range(1, m + 1)]) == (m - d + 1) / m for d in range(1, m + 1)
(q2)    neg(v_c, 0 * U) == -(K + 1) * log(sigma(0)) == (K + 1) * log(2)
"""

# "truth == right != mistake"; further equations are what else the row says.
MISTAKES = """
(1)     1 == y.sum() != np.ones(size).sum()
(2)     u_o == U @ y != U.T @ y
(3)     sum(yhat[w] * u[w] for w in Vocab) == U @ yhat != U.T * yhat[x] for x in Vocab
(4)     by_v_c(naive) == U @ (yhat - y) != U.T @ (yhat - y)
(5)     by_v_c(naive) == U @ (yhat - y) != U @ (yhat - y).T
(6)     by_v_c(naive) == U @ (yhat - y) != V @ (yhat - y)
(7)     is_zero(by_v_c(naive, U)) == is_zero(U @ yhat - U @ y) != is_zero(yhat - y)
        for zero, U, yhat in zero_or_not if zero; True == (0 < yhat[w] < 1) for w in Vocab

(8)     by_U(naive, o) == -(1 - yhat[o]) * v_c != -(v_c - yhat[o]) @ v_c
(9)     by_U(lambda v_c, U: sum(exp(score(w, v_c, U)) for w in Vocab), o)
        == exp(u_o.T @ v_c) * v_c + sum(0 * v_c for w in Vocab if w != o) != 1 * v_c
(10)    naive(v_c, U) == -(u_o.T @ v_c - log(sum(exp(u[w].T @ v_c) for w in Vocab)))
        != -(exp(u_o.T @ v_c) - log(sum(exp(u[w].T @ v_c) for w in Vocab)));
        by_U(naive, w) == by_U(lambda v_c, U: log_sum(v_c, U) - exp(score(o, v_c, U)), w)
        for w in Vocab if w != o
(11)    np.hstack([by_U(lambda v_c, U: score(x, v_c, U), w) for x in (w, o)])
        == np.hstack([v_c, 0 * v_c]) != np.hstack([0 * v_c, v_c]) for w in Vocab if w != o
(12)    by_U(naive, w) == yhat[w] * v_c != yhat[w] * v_c * yhat[w] for w in Vocab if w != o
(13)    by_U(naive, w) == (yhat[w] - y[w]) * v_c != sum((yhat[x] - y[x]) * v_c for x in Vocab)
        for w in Vocab; 0 * v_c == sum((yhat[x] - y[x]) * v_c for x in Vocab)
(14)    naive_by_U == v_c @ (yhat - y).T != (yhat - y) @ v_c; naive_by_U.T == (yhat - y) @ v_c.T
(15)    naive_by_U == v_c @ (yhat - y).T != derivative(lambda V: naive(V[:, [c]], U), V);
        derivative(lambda V: naive(V[:, [c]], U), V, w) == 0 * v_c for w in Vocab if w != c

(16)    derivative(lambda x: logistic(-x), x)
        == -sigma(x) * (1 - sigma(x)) != sigma(x) * (1 - sigma(x))
(17)    derivative(lambda x: logistic(-x), x) == -exp(x) / (1 + exp(x)) ** 2 != 1 / (1 + exp(-x))
(18)    1 == sigma(x) + sigma(-x) != sigma(x) + sigma(1 - x); 1.23 == round(sigma(0) + sigma(1), 2)
(19)    derivative(lambda x: -log(logistic(x)), x) == sigma(x) - 1 != sigma(x) * (sigma(x) - 1);
        derivative(lambda x: -logistic(x), x) == sigma(x) * (sigma(x) - 1)
(20)    by_v_c(neg)
        == (sigma(u_o.T @ v_c) - 1) * u_o + sum((1 - sigma(-u.T @ v_c)) * u for u in u_k[1:])
        != (sigma(u_o.T @ v_c) - 1) * u_o - sum((1 - sigma(-u.T @ v_c)) * u for u in u_k[1:])
(21)    by_v_c(neg) == code_of_neg(v_c, o, U, samples)[1]
        != (1 - sigma(u_o.T @ v_c)) * u_o + sum(sigma(u.T @ v_c) * u for u in u_k[1:])
(22)    by_U(neg, o) == (sigma(u_o.T @ v_c) - 1) * v_c != (1 - sigma(u_o.T @ v_c)) * v_c;
        True == (neg(v_c, U - 0.01 * (1 - sigma(u_o.T @ v_c)) * v_c @ y.T) > neg(v_c, U))
(23)    by_U(neg, o) == (sigma(u_o.T @ v_c) - 1) * v_c + 0 * v_c
        != (sigma(u_o.T @ v_c) - 1) * v_c - sum((1 - sigma(-u.T @ v_c)) * v_c for u in u_k[1:])
(24)    by_U(neg, w_k[k]) == sigma(u_k[k].T @ v_c) * v_c != -sigma(u_k[k].T @ v_c) * v_c
        for k in ks if drawn_once(k); -sigma(x) == -(1 - sigma(-x))
(25)    by_U(neg, w_k[k]) == (1 - sigma(-u_k[k].T @ v_c)) * v_c != (1 - sigma(u_k[k].T @ v_c)) * v_c
        for k in ks if drawn_once(k);
        by_v_c(neg)
        == (sigma(u_o.T @ v_c) - 1) * u_o + sum((1 - sigma(-u.T @ v_c)) * u for u in u_k[1:])
        != (sigma(u_o.T @ v_c) - 1) * u_o + sum((1 - sigma(u.T @ v_c)) * u for u in u_k[1:])
(26)    by_U(neg, w_k[k]) == sigma(u_k[k].T @ v_c) * v_c != (sigma(u_k[k].T @ v_c) - 1) * v_c
        for k in ks if drawn_once(k)
(27)    by_v_c(neg) == neg_closed(v_c, o, U, samples)[0]
        != neg_closed(v_c, o, U, [w for w in samples if w != c])[0] for c in {c} & set(samples)
(28)    neg(v_c, U) == -sum(log(sigma(beside[:, [k]].T @ v_c)) for k in range(K + 1))
        != -sum(log(sigma(beside[:, [k]].T @ v_c)) for k in range(K))
(29)    derivative(lambda columns: J_beside(columns * signs), U[:, w_k])
        == v_c @ g.T * signs != v_c @ g.T * np.sign(beside)
(30)    by_U(neg, w) == samples.count(w) * sigma(u[w].T @ v_c) * v_c
        != list(Vocab).count(w) * sigma(u[w].T @ v_c) * v_c for w in Vocab if samples.count(w) > 1;
        1 == list(Vocab).count(w) for w in Vocab
(31)    by_U(neg).T == collect(np.add.at, g, signs, w_k, v_c, size)
        != collect(add_by_index, g, signs, w_k, v_c, size) for _ in [w_k] if len(set(w_k)) <= K

(32)    by_U(J_skipgram(terms)) == sum(in_U for _, in_U in parts) != parts[0][1]
        for terms, parts in windows
(33)    by_U(J_skipgram(naive_terms)) == sum(in_U for _, in_U in windows[0][1])
        != sum(in_U for _, in_U in windows[1][1])
(34)    by_U(J_skipgram(terms)) == sum(in_U for _, in_U in parts)
        != sum(in_U for _, in_U in parts[:-1]) for terms, parts in windows
"""


def add_by_index(grad, indices, rows):
    grad[indices] += rows


def collect(add, g, signs, w_k, v_c, size):
    """The gradient (e12) in rows, added up from one row for each draw."""
    grad = np.zeros((size, len(v_c)))
    add(grad, w_k, (g * np.array([signs]).T) @ v_c.T)
    return grad


def by_key(text):
    """A text of FORMULAS or MISTAKES as a dict."""
    pieces = re.split(r"^\((\w+)\)", text, flags=re.M)[1:]
    return dict(zip(pieces[::2], pieces[1::2]))


FORMULAS, MISTAKES = by_key(FORMULAS), by_key(MISTAKES)


def equations(text, names):
    """Each equation of a text as its sides, functions without arguments, and whether it ends in !=.

    A text has equations "a == b == c" between semicolons, or such "for w in Vocab".
    """
    nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    for statement in text.split(";"):
        tree = ast.parse(f"({statement})", mode="eval")
        loop = isinstance(tree.body, ast.GeneratorExp)
        chain = tree.body.elt if loop else tree.body
        sides = [ast.Lambda(nothing, side) for side in [chain.left, *chain.comparators]]
        sides = ast.Tuple(sides, ast.Load())
        if loop:
            tree.body.elt = sides
        else:
            tree.body = ast.Tuple([sides], ast.Load())
        code = compile(ast.fix_missing_locations(tree), statement, "eval")
        unequal = isinstance(chain.ops[-1], ast.NotEq)
        yield from ((each, unequal) for each in eval(code, {**globals(), **vars(names)}))


def plain(side):
    """An array; one of a single entry, such as a row times a column, is a number."""
    side = np.asarray(side, dtype=float)
    return side.reshape(()) if side.size == 1 else side


def same(one, other):
    """Whether two sides agree in shape and value."""
    one, other = plain(one), plain(other)
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-6, atol=1e-8)


def fails_in(truth, wrong):
    """In what a mistake differs from the truth: "shapes", "value", or None."""
    try:
        value = wrong()
    except ValueError:  # NumPy refuses the product
        return "shapes"
    if plain(value).shape != plain(truth).shape:
        return "shapes"
    return None if same(truth, value) else "value"


# ------------------------------------------------------------- the page's parts
def section(heading):
    """The text under the heading of level 2 or 3 that begins with these words."""
    found = re.search(rf"^(##+) {re.escape(heading)}[^\n]*\n(.*?)(?=^##? |\Z)", PAGE, re.M | re.S)
    assert found, f"written.md has no heading {heading!r}"
    text = found.group(2)
    return text.split("\n##")[0] if len(found.group(1)) == 3 else text


def rows(text):
    """The cells of the table rows in a text, without headers."""
    table = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    dashes = [number for number, row in enumerate(table) if set(row[0]) == {"-"}]
    return [row for i, row in enumerate(table) if i not in dashes and i + 1 not in dashes]


def numbers(text):
    """All numbers of a text."""
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text.replace(",", " "))]


def headings():
    """The page's sections by the anchor that GitHub gives them."""
    found = re.findall(r"^##+ (.*)", PAGE, re.M)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-"): each for each in found}


# ------------------------------------------------------------- formulas and mistakes
@pytest.mark.parametrize("tag", FORMULAS)
def test_formula_holds(tag):
    tried = 0
    for inputs in CASES:
        for (first, *others), unequal in equations(FORMULAS[tag], inputs):
            tried += 1
            value = first()
            assert not unequal and others
            for number, other in enumerate(others, 2):
                assert same(value, other()), (
                    f"D={inputs.D}, |V|={inputs.size}: side {number} is\n{other()}\nnot\n{value}"
                )
    assert tried


def test_every_display_of_the_page_has_a_tag_and_is_computed():
    displays = re.findall(r"^```math\n(.*?)^```$", PAGE, re.M | re.S)
    tags = [re.findall(r"\\tag\{(\w+)\}", display) for display in displays]
    assert tags == [[tag] for tag in FORMULAS]


@pytest.mark.parametrize("number", MISTAKES)
def test_mistake_is_shown_as_its_row_says_and_the_right_form_holds(number):
    shown = next(row[3] for row in rows(section("Common mistakes")) if row[0] == number)
    tried = 0
    for inputs in CASES:
        if inputs.D == 1 or inputs.D == inputs.size:  # shapes can agree by accident
            continue
        for (first, *others), unequal in equations(MISTAKES[number], inputs):
            truth = first()
            if unequal:
                tried += 1
                wrong = "shapes" if shown.startswith("shapes") else "value"
                assert fails_in(truth, others.pop()) == wrong
            assert others and all(same(truth, other()) for other in others)
    assert tried


def test_every_row_of_the_mistakes_is_computed():
    assert [row[0] for row in rows(section("Common mistakes"))] == list(MISTAKES)


def test_the_inputs_cover_what_matters():
    assert any(len(set(inputs.w_k)) < len(inputs.w_k) for inputs in CASES)
    assert any(inputs.c in inputs.samples for inputs in CASES)
    assert any(inputs.c not in inputs.w_k for inputs in CASES)
    assert any(inputs.D < inputs.size for inputs in CASES)
    assert any(inputs.D > inputs.size for inputs in CASES)


# ------------------------------------------------------------- claims of the text
@pytest.mark.parametrize("inputs", CASES, ids=lambda at: f"D={at.D},V={at.size}")
def test_the_gradient_vanishes_only_with_dependent_columns(inputs):
    assert 0 < inputs.yhat.min() and inputs.yhat.max() < 1
    dimensions = null_space(inputs.U).shape[1]
    assert dimensions == max(0, inputs.size - inputs.D)
    assert null_space(inputs.U_flat, rcond=1e-10).shape[1] >= 1


def test_a_gradient_can_be_zero_while_the_loss_is_not():
    """U = [-1 0 1], v_c = 0 and the middle word; and U = 0, with which the run starts."""
    v_c, U = np.zeros((1, 1)), np.array([[-1.0, 0.0, 1.0]])
    assert is_zero(naive_closed(v_c, 1, U)[0])
    assert J_naive(v_c, 1, U) == pytest.approx(math.log(3))
    v_c, U = np.random.default_rng(0).normal(size=(4, 1)), np.zeros((4, 9))
    for gradients in (naive_closed(v_c, 2, U), neg_closed(v_c, 2, U, [1, 3, 3])):
        assert is_zero(gradients[0]) and not is_zero(gradients[1])


def test_a_zero_gradient_is_a_minimum():
    """The matrix (b7a) has no negative eigenvalue, and no other v_c has a smaller loss."""
    for at in CASES:
        spread = at.U - at.U @ at.yhat
        assert np.linalg.eigvalsh(spread * at.yhat.T @ spread.T).min() > -1e-12
        for v_c in np.random.default_rng(0).normal(size=(20, *at.v_c.shape)):
            assert J_naive(v_c, at.o, at.U_flat) >= J_naive(at.v_c, at.o, at.U_flat) - 1e-12


def test_a_step_can_lower_the_score_of_the_seen_word_and_go_away_from_it():
    v_c, U = np.zeros((1, 1)), np.array([[1.0, 2.0]])
    stepped = v_c - 0.5 * naive_closed(v_c, 0, U)[0]
    assert stepped == pytest.approx(-0.25)
    assert score(0, stepped, U) == pytest.approx(-0.25) and score(0, v_c, U) == 0
    assert abs(stepped - U[0, 0]) == pytest.approx(1.25)
    assert P(0, v_c, U) == 0.5 and round(P(0, stepped, U), 2) == 0.56


def test_the_example_of_normalisation():
    text = section("L2 normalisation")
    vectors = re.findall(r"\*(\w+)\* = (\([^)]*\))", text)
    vectors = {word: np.array(numbers(vector)) for word, vector in vectors}
    lengths = {"good": 1, "great": 3, "bad": 2, "dreadful": 3}
    assert {word: norm(vector) for word, vector in vectors.items()} == pytest.approx(lengths)
    table = {words: cells for words, *cells in rows(text)}
    for words, cells in table.items():
        raw = [vectors[word] for word in words.split(", ")]
        for cell, total in zip(cells, [sum(raw), sum(v / norm(v) for v in raw)]):
            np.testing.assert_allclose(numbers(cell), total, atol=1e-12)
            sign = ["undecided", "positive", "negative"][int(np.sign(np.round(total[0], 9)))]
            assert cell.endswith(sign)
    np.testing.assert_allclose(vectors["great"], 3 * vectors["good"])
    assert table["good, bad"][1] == table["great, bad"][1]  # what was told apart no longer is


def test_the_windows_and_the_noise_of_the_run(sst):
    said = set(numbers(section("Questions that people ask")))
    assert {(5 - d + 1) / 5 for d in range(1, 6)} <= said  # P(d <= R) for m = 5
    assert np.mean(range(1, 6)) == 3  # R on average
    outside, spread = 5_719_487 / (40_000 * 50), 1.69
    pair = 11 * math.log(2)
    batch = pair * spread / math.sqrt(50)
    smoothed = batch * math.sqrt(0.05 / (2 - 0.05))  # of s = 0.95 s + 0.05 loss
    assert {round(pair, 2), round(outside, 2), spread} <= said
    assert {round(pair * outside, 1), round(batch, 1), round(smoothed, 1)} <= said
    random.seed(0)
    dataset = StanfordSentiment(sst)
    sizes = [len(dataset.getRandomContext(random.randint(1, 5))[1]) for _ in range(5000)]
    assert np.mean(sizes) == pytest.approx(outside, abs=0.1)
    assert np.std(sizes) == pytest.approx(spread, abs=0.05)
    assert round(len(dataset.subsample().tokens) / 1e6, 1) in said  # million positions
    assert 40_000 * 50 / 1e6 in said  # million windows


# ------------------------------------------------------------- the picture of the run
@pytest.fixture(scope="module")
def picture(full_run, sst):
    """The words drawn: how often they occur, their vectors, their points, and the axes' shares."""
    dataset = StanfordSentiment(sst)
    words = sum(ASSIGNMENT_WORDS.values(), [])
    indices = [dataset.tokens()[word] for word in words]
    vectors = np.load(full_run / "saved_params_40000.npy")[indices]
    left, values, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    return SimpleNamespace(
        said=set(numbers(section("2 (c)"))),
        counts=dict(zip(words, dataset.frequencies[indices])),
        vectors=dict(zip(words, vectors)),
        points=dict(zip(words, (left * values)[:, :2])),
        shares=values[:2] ** 2 / sum(values**2),
    )


def angle(at, one, other):
    """Between two arrows from word to word, in degrees; `at` has a point for each word."""
    (start, end), (other_start, other_end) = one.split(), other.split()
    arrow, other_arrow = at[end] - at[start], at[other_end] - at[other_start]
    return math.degrees(math.acos(arrow @ other_arrow / (norm(arrow) * norm(other_arrow))))


@pytest.mark.parametrize(
    "pair",
    ["woman female", "amazing wonderful", "coffee tea", "enjoyable annoying", "great boring"],
)
def test_words_that_are_each_other_s_nearest(picture, pair):
    pair = pair.split()
    for word in pair:
        distances = {other: norm(at - picture.points[word]) for other, at in picture.points.items()}
        assert set(sorted(distances, key=distances.get)[:2]) == set(pair)


def test_hail_is_far_from_rain_and_snow_and_has_half_of_the_first_axis(picture):
    for word in ("rain", "snow"):
        distances = [norm(at - picture.points[word]) for at in picture.points.values()]
        assert norm(picture.points["hail"] - picture.points[word]) == max(distances)
    first = np.array([at[0] for at in picture.points.values()])
    assert picture.points["hail"][0] ** 2 / sum(first**2) == pytest.approx(0.5, abs=0.01)
    assert round(100 * sum(picture.shares)) in picture.said


def test_words_that_were_hardly_trained(picture):
    assert picture.counts["hail"] == 1
    for word in ("tea", "coffee", "rain", "woman", "female"):
        assert picture.counts[word] in picture.said


def test_king_to_queen_is_parallel_to_male_to_female_but_not_to_man_to_woman(picture):
    drawn = angle(picture.points, "king queen", "male female")
    in_ten_dimensions = angle(picture.vectors, "king queen", "male female")
    assert drawn < 15 and {round(drawn), round(in_ten_dimensions)} <= picture.said
    assert angle(picture.points, "king queen", "man woman") > 90


# ------------------------------------------------------------- tables and pictures of the page
EDITIONS = """
    a3 a3 a3 a3 a2 a2 a2 a2
    b5 b5 b5 b5 b7 b6 b6 b6
    -  -  -  b  bii bii bii bii
    -  -  -  b  biii biii biii biii
    -  -  -  -  biv c1 c1 c1
    c5 c5 c5 c5 c5 d5 e5 e5
    -  -  d1 d1 d1 e1 d1 d1
    -  -  -  e2 -  -  -  -
    -  -  -  -  e2 -  -  f2
    d3 d3 e3 f3 f3 -  -  g3
    e4 e4 f4 g6 g6 -  -  -
    -  -  -  gii gii -  -  -
    e  e  f  giii giii -  -  -
    -  -  g2 h2 h2 -  -  -
    f3 f3 h3 i3 i3 -  -  -
    23 23 26 30 31 15 15 20
    4  4  2  2  2  -  -  -
"""  # as in the handouts: letter and points of each question of 2019 to 2026


def test_the_table_of_editions_is_that_of_the_handouts():
    table = [
        [re.sub(r"in |[() ]", "", cell) for cell in cells]
        for _, _, *cells in rows(section("Which edition asks what"))
    ]
    assert table == [line.split() for line in EDITIONS.strip().splitlines()]
    *questions, totals, _ = table
    for edition, total in zip(zip(*questions), totals):
        assert sum(sum(numbers(cell)) for cell in edition) == int(total)


def test_the_table_of_editions_links_to_where_the_formula_is():
    for _, link, *_ in rows(section("Which edition asks what")):
        for tag, anchor in re.findall(r"\[\((\w+)\)\]\(#([^)]*)\)", link):
            text = section(headings()[anchor])
            assert rf"\tag{{{tag}}}" in text or tag == "e"  # (e) is a sentence


def test_links_and_pictures_of_the_page_are_there():
    for target in re.findall(r"\]\(([^)]*)\)", PAGE):
        assert target[1:] in headings() if target.startswith("#") else (ROOT / target).exists()


def test_no_formula_breaks_a_table_in_pieces():
    for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.M):
        assert len({line.count("|") for line in table.splitlines()}) == 1, "a bare | splits a cell"


def test_shapes_of_the_notation_table():
    at = CASES[-1]
    lengths = {"D": at.D, r"\lvert V \rvert": at.size, "1": 1}
    arrays = {
        r"\mathbf{v}_c": at.v_c,
        r"\mathbf{u}_w": at.u[0],
        r"\mathbf{U}": at.U,
        r"\mathbf{V}": at.V,
        r"\mathbf{s}": at.s,
        r"\mathbf{y}": at.y,
        r"\hat{\mathbf{y}}": at.yhat,
        r"\delta": at.delta,
        r"\mathbf{u}_k": at.u_k[1],
    }
    said = {}
    for symbol, shape, _ in rows(section("Notation")):
        if r"\times" in shape:
            said[symbol.strip("$`")] = tuple(
                lengths[n] for n in shape.strip("$`").split(r" \times ")
            )
    assert said == {symbol: array.shape for symbol, array in arrays.items()}


def code_table():
    """For each of the three functions, its rows: a line of code and a shape."""
    parts = []
    for function, _, code, shape in rows(section("The same in word2vec.py")):
        if function:
            parts.append([])
        parts[-1].append((code.strip("`"), shape.strip("`")))
    return parts


def run_lines(lines, names, at):
    """Run the lines of code; after each, the shape said and the value of what it assigned."""
    for code, shape in lines:
        exec(code, names)
        value = names[re.match(r"(?:np\.add\.at\()?(\w+)", code)[1]]
        assert np.shape(value) == eval(shape, {"V": at.size, "D": at.D, "K": at.K})
        yield np.array(value)


def test_the_lines_of_code_compute_the_page():
    at = CASES[-1]
    of_naive, of_neg, of_skipgram = code_table()
    names = {
        "np": np,
        "sigmoid": word2vec.sigmoid,
        "centerWordVec": at.v_c.ravel(),
        "outsideVectors": at.U.T,
        "outsideWordIdx": at.o,
        "negSampleWordIndices": at.samples,
        "K": at.K,
        "gradCenterVecs": np.zeros((at.size, at.D)),
        "gradOutsideVectors": np.zeros((at.size, at.D)),
        "center": at.c,
    }
    in_v_c, in_U = naive_closed(at.v_c, at.o, at.U)
    page = [at.s, log(exp(at.s).sum()), at.naive(at.v_c, at.U), at.yhat, at.delta, in_v_c, in_U.T]
    for value, expected in zip(run_lines(of_naive, names, at), page, strict=True):
        assert same(value, np.squeeze(expected))

    names["gradOutsideVecs"] = np.zeros((at.size, at.D))
    scores = at.U[:, at.w_k].T @ at.v_c
    in_v_c, in_U = neg_closed(at.v_c, at.o, at.U, at.samples)
    errors = sigma(scores) - np.array([at.label]).T
    page = [at.w_k, at.label, at.U[:, at.w_k].T, scores, errors, in_v_c, in_U.T]
    for value, expected in zip(run_lines(of_neg, names, at), page, strict=True):
        assert same(value, np.squeeze(expected))

    _, terms = at.windows[0]
    for in_v_c, in_U in terms:
        names.update(gradCenterVec=in_v_c.ravel(), gradOutsideVecs=in_U.T)
        in_V, in_U = run_lines(of_skipgram, names, at)
    assert same(in_V[at.c], sum(in_v_c for in_v_c, _ in terms).ravel())
    assert is_zero(np.delete(in_V, at.c, axis=0))
    assert same(in_U, sum(in_U for _, in_U in terms).T)


@pytest.mark.parametrize("at", CASES[::3], ids=lambda at: f"D={at.D},V={at.size},K={at.K}")
def test_word2vec_computes_the_page(at):
    v_c, U, o, samples = at.v_c, at.U, at.o, at.samples
    loss, in_v_c, in_U = word2vec.naiveSoftmaxLossAndGradient(v_c.ravel(), o, U.T.copy(), None)
    naive = loss, in_v_c[:, None], in_U.T
    for code, J, page in [
        (naive, at.naive, naive_closed(v_c, o, U)),
        (code_of_neg(v_c, o, U, samples), at.neg, neg_closed(v_c, o, U, samples)),
    ]:
        assert all(map(same, code, (J(v_c, U), *page)))
    words = {str(w): w for w in at.Vocab}
    window = [str(w) for w in at.window.values()]
    loss, in_V, in_U = word2vec.skipgram(str(at.c), at.m, window, words, at.V.T, U.T, None)
    assert same(loss, J_skipgram(at.naive_terms)(v_c, U))
    assert same(in_V.T[:, [at.c]], sum(in_v_c for in_v_c, _ in at.windows[0][1]))
    assert is_zero(np.delete(in_V, at.c, axis=0))
    assert same(in_U.T, sum(in_U for _, in_U in at.windows[0][1]))


def test_published_values_of_the_assignment():
    """Those of the gradient check with naive softmax: centre c, outside words a b e d b c."""
    vectors = np.random.RandomState(9265).randn(10, 3)
    vectors /= np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    v_c, U, window = vectors[[2]].T, vectors[5:].T, [0, 1, 4, 3, 1, 2]
    loss = sum(J_naive(v_c, o, U) for o in window)
    assert loss == pytest.approx(11.16610900153398, rel=1e-12)
    gradient = sum(naive_closed(v_c, o, U)[0] for o in window)
    np.testing.assert_allclose(gradient.T, [[-1.26947339, -1.36873189, 2.45158957]], atol=1e-8)


# Of the example by hand: v_c, U and o.
LN_2 = math.log(2)
HAND = np.array([[LN_2], [0]]), np.array([[1.0, 0, 0], [0, 1, -1]]), 1


def test_the_example_by_hand():
    v_c, U, o = HAND
    stepped = np.array([[LN_2 - 1 / 4], [1 / 2]])
    table = [
        [LN_2, 0, 0],
        [2, 1, 1],
        [1 / 2, 1 / 4, 1 / 4],
        [math.log(4)],
        [1 / 2, -3 / 4, 1 / 4],
        [1 / 2, -1],
        [LN_2 / 2, -3 / 4 * LN_2, LN_2 / 4],
        [0, 0, 0],
        stepped.ravel(),
        [P(o, stepped, U)],
        [J_naive(stepped, o, U)],
    ]
    for (_, _, decimals), values in zip(rows(section("An example by hand")), table, strict=True):
        np.testing.assert_allclose(numbers(decimals.strip("()")), values, rtol=0, atol=5e-4)
    scores, exps, yhat, loss, delta, in_v_c, *in_U = map(np.array, table[:8])
    assert same(scores, U.T @ v_c[:, 0]) and same(exps, exp(scores)) and same(yhat, exps / 4)
    assert same(delta, yhat - np.eye(3)[o]) and same(stepped[:, 0], v_c[:, 0] - in_v_c / 2)
    code = word2vec.naiveSoftmaxLossAndGradient(v_c[:, 0], o, U.T, None)
    assert same(code[0], loss) and same(code[1], in_v_c) and same(code[2].T, in_U)


def test_the_picture_of_the_example():
    shapes = {each.get("id"): each for each in ET.parse(ROOT / "docs/written_example.svg").iter()}
    v_c, U, o = HAND
    v_c, expected, seen = v_c[:, 0], U @ [1 / 2, 1 / 4, 1 / 4], U[:, o]
    arrows = {f"u_{w + 1}": ([0, 0], U[:, w]) for w in range(3)}
    arrows["expected_to_seen"] = expected, seen
    arrows["step"] = v_c, v_c + (seen - expected) / 2
    for name, ends in arrows.items():
        drawn = [float(shapes[name].get(at)) for at in ("x1", "y1", "x2", "y2")]
        np.testing.assert_allclose(drawn, np.concatenate(ends), atol=5e-4)
    for name, point in [("v_c", v_c), ("expected", expected)]:
        drawn = [float(shapes[name].get(at)) for at in ("cx", "cy")]
        np.testing.assert_allclose(drawn, point, atol=5e-4)


def test_the_code_in_the_picture_of_the_chain_is_that_of_the_table():
    texts = ET.parse(ROOT / "docs/written_chain.svg").iter("{http://www.w3.org/2000/svg}text")
    shown = [each.text.split("\u2003")[0] for each in texts if "code" in each.get("class", "")]
    lines = " ".join(code for code, _ in code_table()[0])
    assert len(shown) == 5 and all(code in lines for code in shown)
