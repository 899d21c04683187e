r"""The formulas, tables, pictures and claims of written.md, computed.

    python -m pytest tests/test_written.py

FORMULAS has what the page displays, by its tag, and MISTAKES the rows of the page's last tables, by
their number. Both are written in Python, with the names of `case`, which are the page's: v_c, U, V,
s, y, yhat, delta, o, c, w, k, K, m, eta, alpha. u[w] is column w of U, w_k[0] is o, w_k[1:] are the
negative samples, and u_k[k] and label[k] are the outside vector and the label of w_k[k].

The sides of each equation, "a = b = c" or "a = b for all w in Vocab", must agree in shape and value
on random inputs. A side that is a derivative is a central difference of the definitions (1), (2),
(5), (6), which come first. Columns are (D, 1), so that a transpose too many cannot pass.
"""

import math
import random
import re
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT
from numpy import exp, log
from numpy.linalg import norm
from scipy.linalg import null_space
from scipy.special import expit as sigma
from scipy.special import softmax

import word2vec
from common.word_choice import ASSIGNMENT_WORDS
from utils.treebank import StanfordSentiment

PAGE = (ROOT / "written.md").read_text(encoding="utf-8")
SHAPES = [(1, 2, 1, 1), (3, 5, 7, 2), (5, 3, 4, 1), (4, 8, 3, 3)]  # D, |V|, K, m


# ------------------------------------------------------------- the definitions
def score(w, v_c, U):
    return U[:, w] @ v_c[:, 0]


def log_sum(v_c, U):
    return log(sum(exp(score(w, v_c, U)) for w in range(U.shape[1])))


def P(o, v_c, U):  # (1)
    return exp(score(o, v_c, U)) / sum(exp(score(w, v_c, U)) for w in range(U.shape[1]))


def J_naive(v_c, o, U):  # (2)
    return -log(P(o, v_c, U))


def J_neg(v_c, o, U, samples):  # (5)
    return -log(sigma(score(o, v_c, U))) - sum(log(sigma(-score(w, v_c, U))) for w in samples)


def J_skipgram(terms):  # (6); terms are the J(v_c, w_{t+j}, U), one for each j
    return lambda v_c, U: sum(J(v_c, U) for J in terms)


# ------------------------------------------------------------- what the formulas are written with
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


def is_zero(array):
    return np.allclose(array, 0, atol=1e-8)


def naive_closed(v_c, o, U):
    """(b5) and (c4): the terms on the right of (f2) and (f1) in closed form."""
    delta = softmax(U.T @ v_c) - np.eye(U.shape[1])[:, [o]]
    return U @ delta, v_c @ delta.T


def neg_closed(v_c, o, U, samples):
    """(e11), and (e12) in every column."""
    columns = np.eye(U.shape[1])[:, [o, *samples]]
    delta = sigma(columns.T @ U.T @ v_c) - np.eye(1, len(samples) + 1).T
    return U @ columns @ delta, v_c @ delta.T @ columns.T


def added_by_index(columns, w_k, shape):
    """The gradient (e12) as `grad[indices] += rows` has it."""
    result = np.zeros(shape)
    result[:, w_k] += columns
    return result


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
    Vocab, ks = range(size), range(1, K + 1)
    others, once = [w for w in Vocab if w != o], [k for k in ks if samples.count(w_k[k]) == 1]
    u, u_o, u_k = [U[:, [w]] for w in Vocab], U[:, [o]], [U[:, [w]] for w in w_k]
    s, s_o = np.array([[score(w, v_c, U)] for w in Vocab]), score(o, v_c, U)
    s_k = [score(w, v_c, U) for w in w_k]
    y, yhat = np.eye(size)[:, [o]], np.array([[P(w, v_c, U)] for w in Vocab])
    delta = yhat - y
    U_flat = U.copy()  # with the one u_o that makes (b5) zero; the weights of (b7) lack u_o
    U_flat[:, [o]] = U[:, others] @ softmax(U[:, others].T @ v_c)
    zero_or_not = [(False, U, yhat), (True, U_flat, softmax(U_flat.T @ v_c))]
    signs = [1] + [-1] * K
    beside = U[:, w_k] * signs  # U_{o, {w_1, ..., w_K}}
    g = np.array([[sigma(score(k, v_c, beside)) - 1] for k in range(K + 1)])
    window = draw(2 * m)
    pairs = [(word, draw(K, but=word)) for word in window]
    naive_terms = [lambda v_c, U, o=o: J_naive(v_c, o, U) for o in window]
    neg_terms = [lambda v_c, U, o=o, drawn=drawn: J_neg(v_c, o, U, drawn) for o, drawn in pairs]
    windows = [  # for each loss: the terms of (6), and both derivatives of each
        (naive_terms, [naive_closed(v_c, o, U) for o in window]),
        (neg_terms, [neg_closed(v_c, o, U, drawn) for o, drawn in pairs]),
    ]
    x, xs, three = rng.normal(), rng.normal(size=(D, 1)), rng.normal(size=3)
    eta, alpha = rng.uniform(0.1, 2), rng.uniform(0.1, 0.9)

    def naive(v_c, U):
        return J_naive(v_c, o, U)

    def neg(v_c, U):
        return J_neg(v_c, o, U, samples)

    def J_beside(columns):
        return -sum(log(sigma(score(k, v_c, columns))) for k in range(K + 1))

    def by_v_c(J, U=U):
        return derivative(lambda v_c: J(v_c, U), v_c)

    def by_U(J, w=None):
        return derivative(lambda U: J(v_c, U), U, w)

    return SimpleNamespace(**locals())


CASES = [case(*shape, seed) for shape in SHAPES for seed in range(2)]
REPEATED = CASES[2]  # Here c is a negative sample, and one is drawn twice for certain.

FORMULAS = """
(1)     P(o, v_c, U) = exp(u_o.T @ v_c) / sum(exp(u[w].T @ v_c) for w in Vocab)
(1a)    s = U.T @ v_c; yhat = softmax(s);
        yhat[w] = exp(s[w]) / sum(exp(s[x]) for x in Vocab) = P(w, v_c, U) for all w in Vocab
(2)     J_naive(v_c, o, U) = -log(P(o, v_c, U))
(3)     -sum(y[w] * log(yhat[w]) for w in Vocab)
        = -1 * log(yhat[o]) - sum(0 * log(yhat[w]) for w in others)
        = -log(yhat[o]) = J_naive(v_c, o, U)
(b1)    naive(v_c, U) = -s_o + log(sum(exp(s[w]) for w in Vocab))
(b2)    by_v_c(lambda v_c, U: -score(o, v_c, U)) = -u_o
(b3)    by_v_c(log_sum) = sum(exp(s[w]) * u[w] for w in Vocab) / sum(exp(s[x]) for x in Vocab)
        = sum(yhat[w] * u[w] for w in Vocab)
(b4)    U @ y = sum(y[w] * u[w] for w in Vocab) = u_o;
        U @ yhat = sum(yhat[w] * u[w] for w in Vocab)
(b5)    by_v_c(naive) = -u_o + sum(yhat[w] * u[w] for w in Vocab) = U @ (yhat - y)
(b6)    zero = is_zero(by_v_c(naive, U)) = is_zero(U @ yhat - U @ y) = is_zero(U @ (yhat - y))
        for all zero, U, yhat in zero_or_not
(b7)    zero = is_zero(U @ yhat - U @ y)
        = is_zero(U[:, [o]] - sum(yhat[w] / (1 - yhat[o]) * U[:, [w]] for w in others))
        for all zero, U, yhat in zero_or_not;
        1 = sum(yhat[w] / (1 - yhat[o]) for w in others)
(b7a)   jacobian(lambda v_c: naive_closed(v_c, o, U)[0], v_c)
        = sum(yhat[w] * (u[w] - U @ yhat) @ (u[w] - U @ yhat).T for w in Vocab)
(b8)    v_c - eta * by_v_c(naive) = v_c + eta * U @ y - eta * U @ yhat
        = v_c + eta * ((1 - yhat[o]) * u_o - sum(yhat[w] * u[w] for w in others))
(b9)    u_o.T @ (v_c + eta * U @ y) = s_o + eta * norm(u_o) ** 2
(b10)   yhat.T @ U.T @ (v_c - eta * U @ yhat) = yhat.T @ U.T @ v_c - eta * norm(U @ yhat) ** 2
(b10a)  (U @ y - U @ yhat).T @ (v_c - eta * by_v_c(naive))
        = (U @ y - U @ yhat).T @ v_c + eta * norm(U @ y - U @ yhat) ** 2
(b11)   derivative(lambda eta: naive(v_c - eta * by_v_c(naive), U), 0) = -norm(by_v_c(naive)) ** 2
(b12)   a * u_o / norm(a * u_o) = a * u_o / (abs(a) * norm(u_o)) = sign * u_o / norm(u_o)
        for all a, sign in [(alpha, 1), (-alpha, -1)]
(c1)    by_U(log_sum, w) = exp(s[w]) / sum(exp(s[x]) for x in Vocab) * v_c
        = yhat[w] * v_c for all w in Vocab
(c2)    by_U(lambda v_c, U: -score(o, v_c, U), w) = (-v_c if w == o else 0 * v_c) for all w in Vocab
(c3)    by_U(naive, w) = ((yhat[o] - 1) * v_c if w == o else yhat[w] * v_c)
        = (yhat[w] - y[w]) * v_c for all w in Vocab
(c4)    by_U(naive) = np.hstack([by_U(naive, w) for w in Vocab]) = v_c @ (yhat - y).T
(c5)    derivative(lambda v: sum(exp(a * v) for a in three), x)
        = sum(a * exp(a * x) for a in three);
        derivative(lambda u: sum(exp(a * x) for a in u), three)[1] = 0 + x * exp(three[1] * x) + 0
(c6)    derivative(lambda s: -s[o, 0] + log(exp(s).sum()), s) = yhat - y = delta
(c7)    by_v_c(naive) = sum(delta[w] * u[w] for w in Vocab) = U @ delta;
        by_U(naive) = v_c @ delta.T = [[delta[w, 0] * v for w in Vocab] for v in v_c[:, 0]]
(4)     sigma(x) = 1 / (1 + exp(-x)) = exp(x) / (exp(x) + 1)
(d1)    1 - sigma(x) = exp(-x) / (1 + exp(-x)) = 1 / (exp(x) + 1) = sigma(-x)
(d2)    derivative(sigma, x) = -((1 + exp(-x)) ** -2) * -exp(-x)
        = 1 / (1 + exp(-x)) * (exp(-x) / (1 + exp(-x))) = sigma(x) * (1 - sigma(x))
(d3)    jacobian(sigma, xs)[i, j] = (sigma(xs[i]) * (1 - sigma(xs[i])) if i == j else 0)
        for all i, j in np.ndindex(D, D)
(d4)    jacobian(sigma, xs) = np.diagflat(sigma(xs) * (np.ones((D, 1)) - sigma(xs)));
        np.diagflat(xs) @ v_c = xs * v_c
(d5)    derivative(lambda x: sigma(-x), x)
        = -sigma(-x) * (1 - sigma(-x)) = -sigma(x) * (1 - sigma(x))
(d6)    derivative(lambda x: log(sigma(x)), x) = 1 - sigma(x);
        derivative(lambda x: log(sigma(-x)), x) = -(1 - sigma(-x)) = -sigma(x)
(d7)    [derivative(lambda x: max(0, x), a) for a in (0.5, -0.5)] = [1, 0]
(d8)    [derivative(lambda x: max(alpha * x, x), a) for a in (0.5, -0.5)] = [1, alpha]
(5)     neg(v_c, U) = -log(sigma(s_o)) - sum(log(sigma(-s_k[k])) for k in ks)
(5a)    by_v_c(lambda v_c, U: -log(sigma(score(o, v_c, U))))
        = -(1 - sigma(s_o)) * u_o = (sigma(s_o) - 1) * u_o;
        by_v_c(lambda v_c, U: -log(sigma(-score(w_k[k], v_c, U))))
        = -(1 - sigma(-s_k[k])) * -u_k[k] = sigma(s_k[k]) * u_k[k] for all k in ks
(e1)    by_v_c(neg) = (sigma(s_o) - 1) * u_o + sum(sigma(s_k[k]) * u_k[k] for k in ks)
(e2)    by_U(neg, o) = (sigma(s_o) - 1) * v_c
(e3)    by_U(neg, w_k[k]) = sigma(s_k[k]) * v_c for all k in once
(e4)    beside = np.hstack([u_o, *(-u_k[k] for k in ks)]);
        neg(v_c, U) = -np.ones((K + 1, 1)).T @ log(sigma(beside.T @ v_c)) = J_beside(beside)
(e5)    g = sigma(beside.T @ v_c) - np.ones((K + 1, 1)); g[0] = sigma(s_o) - 1;
        g[k] = sigma(-s_k[k]) - 1 = -sigma(s_k[k]) for all k in ks
(e6)    by_v_c(neg) = beside @ g; by_U(neg, o) = g[0] * v_c;
        by_U(neg, w_k[k]) = -g[k] * v_c for all k in once
(e7)    derivative(J_beside, beside) = v_c @ g.T
(e8)    neg(v_c, U) = -log(sigma(s_o)) - sum(log(sigma(-s[w])) for k in ks if w_k[k] == w)
        - sum(log(sigma(-s_k[k])) for k in ks if w_k[k] != w) for all w in others
(e9)    by_U(neg, w) = sum((sigma(s_k[k]) * v_c for k in ks if w_k[k] == w), 0 * v_c)
        = samples.count(w) * sigma(s[w]) * v_c for all w in others
(e9a)   by_U(neg, w_k[k]) = samples.count(w_k[k]) * sigma(s_k[k]) * v_c for all k in ks
(e10)   w_k[0] = o; label = [1] + K * [0]
(e11)   by_v_c(neg) = sum((sigma(s_k[k]) - label[k]) * u_k[k] for k in range(K + 1))
(e12)   by_U(neg, w) = sum(((sigma(s_k[k]) - label[k]) * v_c
        for k in range(K + 1) if w_k[k] == w), 0 * v_c) for all w in Vocab
(6)     J_skipgram(naive_terms)(v_c, U) = sum(J_naive(v_c, word, U) for word in window)
(f1)    by_U(J_skipgram(terms)) = sum(in_U for _, in_U in parts) for all terms, parts in windows
(f2)    by_v_c(J_skipgram(terms)) = sum(in_v_c for in_v_c, _ in parts)
        for all terms, parts in windows
(f3)    derivative(lambda V: J_skipgram(terms)(V[:, [c]], U), V, w) = 0 * v_c
        for all terms, _ in windows for w in Vocab if w != c
(q1)    np.mean([d <= R for R in range(1, m + 1)]) = (m - d + 1) / m for all d in range(1, m + 1)
(q2)    neg(v_c, 0 * U) = -(K + 1) * log(sigma(0)) = (K + 1) * log(2)
"""

# "right != mistake"; further equations are what else the row says. REPEATED is the only input. Here
# w is a word drawn more than once, s_w its score; (e1) has `one`, and a term for each of `many`.
MISTAKES = """
(1)     y.sum() = 1 != np.ones(size).sum()
(2)     U @ y != U.T @ y
(3)     U @ yhat != U.T * yhat[w]
(4)     U @ (yhat - y) != U.T @ (yhat - y)
(5)     U @ (yhat - y) != U @ (yhat - y).T
(6)     U @ (yhat - y) != V @ (yhat - y)
(7)     is_zero(by_v_c(naive, U_flat)) = True != is_zero(zero_or_not[1][2] - y)
(8)     -(1 - yhat[o]) * v_c != -(v_c - yhat[o]) @ v_c
(9)     by_U(lambda v_c, U: exp(score(o, v_c, U)), o) = exp(s_o) * v_c != 1 * v_c
(10)    naive(v_c, U) = -(s_o - log_sum(v_c, U)) != -(exp(s_o) - log_sum(v_c, U));
        by_U(naive, w) = by_U(lambda v_c, U: log_sum(v_c, U) - exp(score(o, v_c, U)), w)
(11)    by_U(lambda v_c, U: score(w, v_c, U), w) = v_c != 0 * v_c;
        by_U(lambda v_c, U: score(o, v_c, U), w) = 0 * v_c
(12)    yhat[w] * v_c != yhat[w] * v_c * yhat[w]
(13)    (yhat[w] - y[w]) * v_c != sum((yhat[x] - y[x]) * v_c for x in Vocab);
        0 * v_c = sum((yhat[x] - y[x]) * v_c for x in Vocab)
(14)    v_c @ (yhat - y).T != (yhat - y) @ v_c; by_U(naive).T = (yhat - y) @ v_c.T
(15)    v_c @ (yhat - y).T != derivative(lambda V: naive(V[:, [c]], U), V);
        derivative(lambda V: naive(V[:, [c]], U), V, x) = 0 * v_c for all x in {*Vocab} - {c}
(16)    -sigma(x) * (1 - sigma(x)) != sigma(x) * (1 - sigma(x))
(17)    derivative(lambda x: sigma(-x), x) = -exp(x) / (1 + exp(x)) ** 2 != 1 / (1 + exp(-x))
(18)    sigma(x) + sigma(-x) = 1 != sigma(x) + sigma(1 - x); 1.23 = round(sigma(0) + sigma(1), 2)
(19)    derivative(lambda x: -log(sigma(x)), x) = sigma(x) - 1 != sigma(x) * (sigma(x) - 1);
        derivative(lambda x: -sigma(x), x) = sigma(x) * (sigma(x) - 1)
(20)    by_v_c(neg) = one + sum((1 - sigma(-u.T @ v_c)) * u for u in many)
        != one - sum((1 - sigma(-u.T @ v_c)) * u for u in many)
(21)    by_v_c(neg) != -one + sum(sigma(u.T @ v_c) * u for u in many)
(22)    (sigma(s_o) - 1) * v_c != (1 - sigma(s_o)) * v_c;
        True = (neg(v_c, U - 0.01 * (1 - sigma(s_o)) * v_c @ y.T) > neg(v_c, U))
(23)    by_U(neg, o) = (sigma(s_o) - 1) * v_c + 0 * v_c
        != (sigma(s_o) - 1) * v_c - sum((1 - sigma(-u.T @ v_c)) * v_c for u in many)
(24)    sigma(s_w) * v_c != -sigma(s_w) * v_c; -sigma(x) = -(1 - sigma(-x))
(25)    sigma(s_w) = 1 - sigma(-s_w) != 1 - sigma(s_w)
(26)    sigma(s_w) * v_c != (sigma(s_w) - 1) * v_c
(27)    by_v_c(neg) != neg_closed(v_c, o, U, [w for w in samples if w not in [c]])[0]
(28)    neg(v_c, U) = -sum(log(sigma(beside[:, [k]].T @ v_c)) for k in range(K + 1))
        != -sum(log(sigma(beside[:, [k]].T @ v_c)) for k in range(K))
(29)    derivative(lambda columns: J_beside(columns * signs), U[:, w_k])
        = v_c @ g.T * signs != v_c @ g.T * np.sign(beside)
(30)    samples.count(w) != list(Vocab).count(w); 1 = list(Vocab).count(x) for all x in Vocab
(31)    by_U(neg) != added_by_index(v_c @ g.T * signs, w_k, U.shape)
(32)    sum(in_U for _, in_U in windows[0][1]) != windows[0][1][0][1]
(33)    sum(in_U for _, in_U in windows[0][1]) != sum(in_U for _, in_U in windows[1][1])
(34)    sum(in_U for _, in_U in windows[0][1]) != sum(in_U for _, in_U in windows[0][1][:-1])
"""


def by_key(text):
    """A text of FORMULAS or MISTAKES as a dict."""
    pieces = re.split(r"^\((\w+)\)", text, flags=re.M)[1:]
    return dict(zip(pieces[::2], pieces[1::2]))


FORMULAS, MISTAKES = by_key(FORMULAS), by_key(MISTAKES)


def plain(side):
    """An array; one of a single entry, such as a row times a column, is a number."""
    side = np.asarray(side, dtype=float)
    return side.reshape(()) if side.size == 1 else side


def same(one, other):
    """Whether two sides agree in shape and value."""
    one, other = plain(one), plain(other)
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-6, atol=1e-8)


def check_equations(text, names):
    """Check the equations between the semicolons of a text; returns how many there were."""
    tried = 0
    for equation in filter(str.strip, text.split(";")):
        sides, every, inputs = equation.partition("for all")
        sides = sides.replace(" = ", ", ")
        code = f"[({sides}) {every and 'for'} {inputs}]"
        for first, *others in eval(code, {**globals(), **names}):
            tried += 1
            for other in others:
                assert same(first, other), f"{equation}\n{first}\n{other}"
    return tried


# ------------------------------------------------------------- the page's parts
def section(heading):
    """The text under the heading of level 2 or 3 that begins with these words."""
    found = re.search(rf"^(##+) {re.escape(heading)}[^\n]*\n(.*?)(?=^##? |\Z)", PAGE, re.M | re.S)
    assert found, f"written.md has no heading {heading!r}"
    text = found.group(2)
    return text.split("\n##")[0] if len(found.group(1)) == 3 else text


def rows(text):
    """The cells of the table rows in a text, without headers."""
    tables = re.findall(r"^\|[-|]+\|\n((?:\|.*\n?)+)", text, re.M)
    return [re.split(r" *\| *", line)[1:-1] for line in "".join(tables).splitlines()]


def numbers(text):
    """All numbers of a text."""
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text.replace(",", " "))]


# ------------------------------------------------------------- formulas and mistakes
@pytest.mark.parametrize("tag", FORMULAS)
def test_formula_holds(tag):
    assert sum(check_equations(FORMULAS[tag], vars(at)) for at in CASES)


@pytest.mark.parametrize("number, shown", [(row[0], row[3]) for row in rows(section("Common"))])
def test_mistake_is_shown_as_its_row_says_and_the_right_form_holds(number, shown):
    at = REPEATED
    w = max(at.samples, key=at.samples.count)
    more = {"w": w, "s_w": at.s[w], "one": (sigma(at.s_o) - 1) * at.u_o, "many": at.u_k[1:]}
    names = {**globals(), **vars(at), **more}
    text, _, more = MISTAKES[number].partition(";")
    right, mistake = text.split(" != ")
    right, *same_as = right.split(" = ")
    check_equations(" = ".join([right, *same_as, right]) + f";{more}", names)
    right = plain(eval(f"({right})", names))
    try:
        wrong = plain(eval(f"({mistake})", names))
    except ValueError:  # NumPy refuses the product
        wrong = np.zeros(0)
    assert not same(right, wrong)
    assert (wrong.shape != right.shape) == shown.startswith("shapes")


def test_every_display_of_the_page_has_a_tag_and_is_computed():
    displays = re.findall(r"^```math\n(.*?)^```$", PAGE, re.M | re.S)
    assert [re.findall(r"\\tag\{(\w+)\}", each) for each in displays] == [[tag] for tag in FORMULAS]


# ------------------------------------------------------------- claims of the text
def test_the_gradient_vanishes_only_with_dependent_columns_and_then_the_loss_is_minimal():
    for at in CASES:
        assert 0 < at.yhat.min() and at.yhat.max() < 1
        assert null_space(at.U).shape[1] == max(0, at.size - at.D)
        assert null_space(at.U_flat, rcond=1e-10).shape[1] >= 1
        spread = at.U - at.U @ at.yhat  # (b7a)
        assert np.linalg.eigvalsh(spread * at.yhat.T @ spread.T).min() > -1e-12
        for v_c in np.random.default_rng(0).normal(size=(20, *at.v_c.shape)):
            assert J_naive(v_c, at.o, at.U_flat) >= J_naive(at.v_c, at.o, at.U_flat) - 1e-12


def test_a_gradient_can_be_zero_while_the_loss_is_not():
    """U = [-1 0 1], v_c = 0 and the middle word; and U = 0, with which the run starts."""
    v_c, U = np.zeros((1, 1)), np.array([[-1.0, 0.0, 1.0]])
    assert is_zero(naive_closed(v_c, 1, U)[0])
    assert J_naive(v_c, 1, U) == pytest.approx(math.log(3))
    in_v_c, in_U = neg_closed(np.ones((4, 1)), 2, np.zeros((4, 9)), [1, 3, 3])
    assert is_zero(in_v_c) and not is_zero(in_U)


def test_a_step_can_lower_the_score_of_the_seen_word_and_go_away_from_it():
    v_c, U = np.zeros((1, 1)), np.array([[1.0, 2.0]])
    stepped = v_c - 0.5 * naive_closed(v_c, 0, U)[0]
    said = numbers(section("What its two terms do"))
    assert {*stepped.flat, score(0, stepped, U), *abs(stepped - 1).flat} == {-0.25, 1.25}
    assert {-0.25, 1.25, P(0, v_c, U), round(P(0, stepped, U), 2)} <= {*said}


def test_the_example_of_normalisation():
    text = section("L2 normalisation")
    found = re.findall(r"\*(\w+)\* = (\([^)]*\))", text)
    vectors = {word: np.array(numbers(vector)) for word, vector in found}
    assert [norm(vector) for vector in vectors.values()] == pytest.approx([1, 3, 2, 3])
    np.testing.assert_allclose(vectors["great"], 3 * vectors["good"])
    for words, *cells in rows(text):
        raw = [vectors[word] for word in words.split(", ")]
        for cell, total in zip(cells, [sum(raw), sum(v / norm(v) for v in raw)]):
            np.testing.assert_allclose(numbers(cell), total, atol=1e-12)
            sign = int(np.sign(total[0].round(9)))
            assert cell.endswith(["undecided", "positive", "negative"][sign])


def test_the_windows_and_the_noise_of_the_run(sst):
    said = set(numbers(section("Questions that people ask")))
    outside, spread, pair = 2.86, 1.69, 11 * math.log(2)
    batch = pair * spread / math.sqrt(50)
    smoothed = batch * math.sqrt(0.05 / (2 - 0.05))  # of s = 0.95 s + 0.05 loss
    assert {round(pair, 2), outside, spread, round(batch, 1), round(smoothed, 1)} <= said
    assert {round(pair * outside, 1), *(d / 5 for d in range(1, 6))} <= said
    random.seed(0)
    dataset = StanfordSentiment(sst)
    sizes = [len(dataset.getRandomContext(random.randint(1, 5))[1]) for _ in range(5000)]
    assert np.mean(sizes) == pytest.approx(outside, abs=0.1)
    assert np.std(sizes) == pytest.approx(spread, abs=0.05)
    assert round(len(dataset.subsample().tokens) / 1e6, 1) in said  # million positions


def test_the_picture_of_the_run_shows_what_is_said(full_run, sst):
    dataset = StanfordSentiment(sst)
    words = sum(ASSIGNMENT_WORDS.values(), [])
    indices = [dataset.tokens()[word] for word in words]
    vectors = np.load(full_run / "saved_params_40000.npy")[indices]
    left, values, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    points = (left * values)[:, :2]
    counts = dict(zip(words, dataset.frequencies[indices]))
    distances = norm(points[:, None] - points, axis=2)

    def by_distance(word):
        return [words[i] for i in np.argsort(distances[words.index(word)])]

    def angle(at, *arrows):
        ends = [[at[words.index(word)] for word in arrow.split()] for arrow in arrows]
        one, other = ((end - start) / norm(end - start) for start, end in ends)
        return math.degrees(math.acos(one @ other))

    pairs = "woman female, amazing wonderful, coffee tea, enjoyable annoying, great boring"
    for one, other in map(str.split, pairs.split(", ")):
        assert by_distance(one)[1] == other and by_distance(other)[1] == one
    assert by_distance("rain")[-1] == by_distance("snow")[-1] == "hail" and counts["hail"] == 1
    share_of_hail = points[words.index("hail"), 0] ** 2 / sum(points[:, 0] ** 2)
    assert share_of_hail == pytest.approx(0.5, abs=0.01)
    drawn, in_ten = (angle(at, "king queen", "male female") for at in (points, vectors))
    assert drawn < 15 and angle(points, "king queen", "man woman") > 90
    numbers_said = {round(drawn), round(in_ten), round(100 * sum(values[:2] ** 2) / sum(values**2))}
    numbers_said |= {counts[word] for word in ("tea", "coffee", "rain", "woman", "female")}
    assert numbers_said <= set(numbers(section("2 (c)")))


# ------------------------------------------------------------- tables and a picture of the page
def test_the_points_of_each_edition_add_up():
    *questions, totals, _ = [cells for _, _, *cells in rows(section("Which edition asks what"))]
    for cells, total in zip(zip(*questions), totals, strict=True):
        assert sum(numbers(" ".join(cells))) == int(total)


def test_the_table_of_editions_links_to_where_the_formula_is():
    links = re.findall(r"\[\((\w*\d\w*)\)\]\(#([^)]*)\)", section("Which edition asks what"))
    for tag, anchor in links:
        heading = re.findall(r"^##+ (.*)", PAGE.partition(rf"\tag{{{tag}}}")[0], re.M)[-1]
        assert anchor == re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_shapes_of_the_notation_table():
    at = CASES[-1]
    lengths = {"D": at.D, r"\lvert V \rvert": at.size, "1": 1}
    shapes = [shape.strip("$`").split(r" \times ") for _, shape, _ in rows(section("Notation"))]
    said = [tuple(lengths[n] for n in shape) for shape in shapes if len(shape) == 2]
    arrays = [at.v_c, at.u_o, at.U, at.V, at.s, at.yhat, at.y, at.delta, at.u_k[1]]
    assert said == [array.shape for array in arrays]


def test_the_lines_of_code_have_the_shapes_said_and_compute_the_page():
    at, gradients = CASES[-1], []
    names = dict(np=np, sigmoid=word2vec.sigmoid, K=at.K, center=at.c, outsideWordIdx=at.o)
    names |= dict(outsideVectors=at.U.T, negSampleWordIndices=at.samples)
    names |= dict(centerWordVec=at.v_c.ravel(), gradCenterVecs=np.zeros((at.size, at.D)))
    names |= dict(gradOutsideVectors=np.zeros((at.size, at.D)))
    for function, _, code, shape in rows(section("The same in word2vec.py")):
        if function:  # the first line of another one
            gradients.append((names.get("gradCenterVec"), names.get("gradOutsideVecs")))
            if function.startswith("negative"):
                names["gradOutsideVecs"] = np.zeros((at.size, at.D))
        exec(code.strip("`"), names)
        value = names[re.match(r"`(?:np\.add\.at\()?(\w+)", code)[1]]
        assert np.shape(value) == eval(shape.strip("`"), {"V": at.size, "D": at.D, "K": at.K})
    _, of_naive, of_neg = gradients
    assert same(names["loss"], at.naive(at.v_c, at.U))
    of_page = naive_closed(at.v_c, at.o, at.U), neg_closed(at.v_c, at.o, at.U, at.samples)
    for computed, (in_v_c, in_U) in zip((of_naive, of_neg), of_page):
        assert same(computed[0], in_v_c.ravel()) and same(computed[1].T, in_U)
    # With one outside word, skip-gram's sums have one term.
    assert same(names["gradCenterVecs"], np.outer(np.eye(at.size)[at.c], of_neg[0]))
    assert same(names["gradOutsideVectors"], of_neg[1])


HAND = np.array([log(2), 0]), np.array([[1.0, 0], [0, 1], [0, -1]]), 1  # v_c, U^T and o


def test_the_example_by_hand():
    v_c, U, o = HAND
    loss, in_v_c, in_U = word2vec.naiveSoftmaxLossAndGradient(v_c, o, U, None)
    yhat, stepped = softmax(U @ v_c), v_c - in_v_c / 2
    values = [U @ v_c, exp(U @ v_c), yhat, loss, yhat - np.eye(3)[o], in_v_c, *in_U.T, stepped]
    values += [softmax(U @ stepped)[o], -log(softmax(U @ stepped)[o])]
    table = rows(section("An example by hand"))
    for (_, _, decimals), value in zip(table, values, strict=True):
        np.testing.assert_allclose(numbers(decimals.strip("()")), np.ravel(value), atol=5e-4)


def test_the_picture_of_the_example():
    shapes = {each.get("id"): each for each in ET.parse(ROOT / "docs/written_example.svg").iter()}
    v_c, U, o = HAND
    expected = [1 / 2, 1 / 4, 1 / 4] @ U
    drawn = {f"u_{w + 1}": (0, 0, *U[w]) for w in range(3)}
    drawn["expected_to_seen"] = *expected, *U[o]
    drawn["step"] = *v_c, *(v_c + (U[o] - expected) / 2)
    drawn |= {"v_c": v_c, "expected": expected}
    for name, numbers_drawn in drawn.items():
        names = ("x1", "y1", "x2", "y2") if len(numbers_drawn) == 4 else ("cx", "cy")
        found = [float(shapes[name].get(at)) for at in names]
        np.testing.assert_allclose(found, numbers_drawn, atol=5e-4)
