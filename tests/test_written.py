r"""written.md, formula by formula, against numerical differentiation.

    python -m pytest tests/test_written.py

Each `@formula` below has the LaTeX of one display of the page and, under it, the same computed
symbol by symbol: the sides of its equations, which must agree in shape and value on random inputs.
A side that is a derivative is a central difference of the definitions (1), (2), (5), (6), which
come first, in plain Python. Columns are true columns, (D, 1), so that a transpose too many cannot
pass. The page may show no formula that is not here, and each slip of its last table must fail in
the way that it says.

Names follow the page: v_c, U, V, y, yhat, o, c, w, k, K, m, eta, alpha. u[w] is column w of U;
w_k[0] is o, w_k[1:] are the negative samples; u_k[k] and label[k] are the outside vector and the
label of w_k[k].
"""

import inspect
import math
import random
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.linalg import norm
from scipy.linalg import null_space

from utils.treebank import StanfordSentiment

PAGE = (Path(__file__).parent.parent / "written.md").read_text(encoding="utf-8")
DISPLAY = re.compile(r"^```math\n(.*?)^```$", re.M | re.S)
INLINE = re.compile(r"\$`([^`]+)`\$")
SHAPES = [  # D, |V|, K, m; where K >= |V| a sample is drawn twice for certain
    (1, 2, 1, 1),
    (3, 5, 4, 2),
    (5, 3, 7, 1),
    (4, 4, 3, 3),
    (2, 9, 20, 5),
    (10, 12, 10, 2),
]


# The definitions, in plain Python.


def score(w, v_c, U):
    return sum(float(a) * float(b) for a, b in zip(U[:, w], v_c[:, 0]))


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


def J_skipgram(terms, v_c, U):  # (6); terms are the J(v_c, w_{t+j}, U), one for each j
    return sum(J(v_c, U) for J in terms)


# What the formulas are written with.

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


def by_v_c(J, v_c, U):
    """The derivative of a loss J(v_c, U) with respect to v_c."""
    return derivative(lambda v_c: J(v_c, U), v_c)


def by_U(J, v_c, U, w=None):
    """The derivative of a loss J(v_c, U) with respect to U, or to its column u_w."""
    return derivative(lambda U: J(v_c, U), U, w)


# The derivatives in closed form: what the terms on the right of (f1) and (f2) are.


def naive_closed(v_c, o, U):
    """(b5) and (c4)."""
    y = np.eye(U.shape[1])[:, [o]]
    yhat = softmax(U.T @ v_c)
    return U @ (yhat - y), v_c @ (yhat - y).T


def neg_closed(v_c, o, U, samples):
    """(e11), and (e12) in every column."""
    in_v_c, in_U = np.zeros(v_c.shape), np.zeros(U.shape)
    for w, label in [(o, 1), *((w, 0) for w in samples)]:
        error = sigma(U[:, [w]].T @ v_c) - label
        in_v_c += error * U[:, [w]]
        in_U[:, [w]] += error * v_c
    return in_v_c, in_U


def case(D, size, K, m, seed):
    """Random inputs by name. With seed 0 the centre word is among the negative samples."""
    rng = np.random.default_rng(seed)

    def draw(n, but=None):
        return [int(w) for w in rng.choice([w for w in range(size) if w != but], size=n)]

    U, V = rng.normal(size=(2, D, size))
    [o] = draw(1)
    negatives = draw(K, but=o)
    c = negatives[0] if seed == 0 else draw(1)[0]
    v_c, w_k = V[:, [c]], [o, *negatives]
    window = draw(2 * m)  # w_{t+j} for j = -m..m without 0
    draws = [draw(K, but=seen) for seen in window]
    Vocab, ks = range(size), range(1, K + 1)
    u, u_o, u_k = [U[:, [w]] for w in Vocab], U[:, [o]], [U[:, [w]] for w in w_k]
    label = [1] + [0] * K
    y, yhat = np.eye(size)[:, [o]], softmax(U.T @ v_c)
    U_flat = with_gradient_zero(U, v_c, o)
    naive_terms = [lambda v_c, U, o=o: J_naive(v_c, o, U) for o in window]
    neg_terms = [lambda v_c, U, o=o, s=s: J_neg(v_c, o, U, s) for o, s in zip(window, draws)]
    windows = [  # for each loss: the terms of (6), and both derivatives of each
        (naive_terms, [naive_closed(v_c, o, U) for o in window]),
        (neg_terms, [neg_closed(v_c, o, U, s) for o, s in zip(window, draws)]),
    ]
    x, xs = rng.normal(), rng.normal(size=(D, 1))
    eta, alpha = rng.uniform(0.1, 2), rng.uniform(0.1, 0.9)

    def naive(v_c, U):
        return J_naive(v_c, o, U)

    def neg(v_c, U):
        return J_neg(v_c, o, U, negatives)

    return SimpleNamespace(**locals())


def with_gradient_zero(U, v_c, o):
    """U with the one u_o that makes (b5) zero: as in (b7), whose weights do not depend on u_o."""
    others = np.delete(U, o, axis=1)
    U = U.copy()
    U[:, [o]] = others @ softmax(others.T @ v_c)
    return U


CASES = [case(*shape, seed) for shape in SHAPES for seed in range(3)]


def calls(check, inputs):
    """check(...) with the inputs it names, for each word w and each sample k if it names these."""
    names = inspect.signature(check).parameters
    words = inputs.Vocab if "w" in names else [None]
    samples = inputs.ks if "k" in names else [None]
    for w in words:
        for k in samples:
            values = {**vars(inputs), "w": w, "k": k}
            yield check(**{name: values[name] for name in names})


def plain(side):
    """An array; a 1 x 1 matrix, such as a row times a column, is a number."""
    side = np.asarray(side, dtype=float)
    return side[0, 0] if side.shape == (1, 1) else side


def same(one, other):
    """Whether two sides agree in shape and value."""
    one, other = plain(one), plain(other)
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-6, atol=1e-8)


FORMULAS = {}  # LaTeX, spaces normalised: check


def normal(latex):
    return " ".join(latex.split())


def formula(latex):
    def hold(check):
        FORMULAS[normal(latex)] = check
        return check

    return hold


# The displays of the page, from top to bottom. A check returns the sides of each equation.


@formula(r"""
P(O = o \mid C = c)
= \frac{\exp(\mathbf{u}_o^\top \mathbf{v}_c)}
       {\sum_{w \in \text{Vocab}} \exp(\mathbf{u}_w^\top \mathbf{v}_c)} \tag{1}""")
def equation_1(o, v_c, U, u_o, u, Vocab):
    yield P(o, v_c, U), exp(u_o.T @ v_c) / sum(exp(u[w].T @ v_c) for w in Vocab)


@formula(r"""
\hat{\mathbf{y}} = \mathrm{softmax}(\mathbf{U}^\top \mathbf{v}_c),
\qquad \hat{y}_w = P(O = w \mid C = c) \tag{1a}""")
def equation_1a(w, v_c, U, yhat):
    yield yhat, softmax(U.T @ v_c)
    yield yhat[w, 0], P(w, v_c, U)


@formula(r"""
J_{\text{naive-softmax}}(\mathbf{v}_c, o, \mathbf{U}) = -\log P(O = o \mid C = c) \tag{2}""")
def equation_2(v_c, o, U, yhat):
    yield J_naive(v_c, o, U), -log(yhat[o, 0])


@formula(r"""
-\sum_{w \in \text{Vocab}} y_w \log(\hat{y}_w)
= -1 \cdot \log(\hat{y}_o) - \sum_{w \neq o} 0 \cdot \log(\hat{y}_w)
= -\log(\hat{y}_o) = J_{\text{naive-softmax}}(\mathbf{v}_c, o, \mathbf{U}) \tag{3}""")
def equation_3(v_c, o, U, y, yhat, Vocab):
    yield (
        -sum(y[w, 0] * log(yhat[w, 0]) for w in Vocab),
        -1 * log(yhat[o, 0]) - sum(0 * log(yhat[w, 0]) for w in Vocab if w != o),
        -log(yhat[o, 0]),
        J_naive(v_c, o, U),
    )


@formula(r"""
J_{\text{naive-softmax}} = -\mathbf{u}_o^\top \mathbf{v}_c
  + \log \sum_{w \in \text{Vocab}} \exp(\mathbf{u}_w^\top \mathbf{v}_c) \tag{b1}""")
def b1(v_c, U, u_o, u, Vocab, naive):
    yield naive(v_c, U), -u_o.T @ v_c + log(sum(exp(u[w].T @ v_c) for w in Vocab))


@formula(r"""
\frac{\partial}{\partial \mathbf{v}_c} \left( -\mathbf{u}_o^\top \mathbf{v}_c \right)
= -\mathbf{u}_o \tag{b2}""")
def b2(v_c, o, U, u_o):
    yield by_v_c(lambda v_c, U: -score(o, v_c, U), v_c, U), -u_o


def log_sum(v_c, U):
    return math.log(sum(math.exp(score(x, v_c, U)) for x in range(U.shape[1])))


@formula(r"""
\frac{\partial}{\partial \mathbf{v}_c}
  \log \sum_{w \in \text{Vocab}} \exp(\mathbf{u}_w^\top \mathbf{v}_c)
= \frac{\sum_{w \in \text{Vocab}} \exp(\mathbf{u}_w^\top \mathbf{v}_c) \, \mathbf{u}_w}
       {\sum_{x \in \text{Vocab}} \exp(\mathbf{u}_x^\top \mathbf{v}_c)}
= \sum_{w \in \text{Vocab}} \hat{y}_w \, \mathbf{u}_w \tag{b3}""")
def b3(v_c, U, u, yhat, Vocab):
    yield (
        by_v_c(log_sum, v_c, U),
        sum(exp(u[w].T @ v_c) * u[w] for w in Vocab) / sum(exp(u[x].T @ v_c) for x in Vocab),
        sum(yhat[w] * u[w] for w in Vocab),
    )


@formula(r"""
\mathbf{U} \mathbf{y} = \sum_{w \in \text{Vocab}} y_w \, \mathbf{u}_w = \mathbf{u}_o, \qquad
\mathbf{U} \hat{\mathbf{y}} = \sum_{w \in \text{Vocab}} \hat{y}_w \, \mathbf{u}_w \tag{b4}""")
def b4(U, u, u_o, y, yhat, Vocab):
    yield U @ y, sum(y[w] * u[w] for w in Vocab), u_o
    yield U @ yhat, sum(yhat[w] * u[w] for w in Vocab)


@formula(r"""
\frac{\partial J_{\text{naive-softmax}}}{\partial \mathbf{v}_c}
= -\mathbf{u}_o + \sum_{w \in \text{Vocab}} \hat{y}_w \, \mathbf{u}_w
= \mathbf{U} (\hat{\mathbf{y}} - \mathbf{y}) \tag{b5}""")
def b5(v_c, U, u_o, u, y, yhat, Vocab, naive):
    yield (
        by_v_c(naive, v_c, U),
        -u_o + sum(yhat[w] * u[w] for w in Vocab),
        U @ (yhat - y),
    )


def is_zero(array):
    return np.allclose(array, 0, atol=1e-8)


@formula(r"""
\frac{\partial J_{\text{naive-softmax}}}{\partial \mathbf{v}_c} = \mathbf{0}
\iff \mathbf{U} \hat{\mathbf{y}} = \mathbf{U} \mathbf{y}
\iff \hat{\mathbf{y}} - \mathbf{y} \in \mathrm{Null}(\mathbf{U})
= \{ \mathbf{x} : \mathbf{U} \mathbf{x} = \mathbf{0} \} \tag{b6}""")
def b6(v_c, U, U_flat, y, naive):
    for matrix, zero in [(U, False), (U_flat, True)]:
        difference = softmax(matrix.T @ v_c) - y
        null = null_space(matrix, rcond=1e-10)
        yield (
            zero,
            is_zero(by_v_c(naive, v_c, matrix)),
            is_zero(matrix @ softmax(matrix.T @ v_c) - matrix @ y),
            is_zero(null @ null.T @ difference - difference),
        )
        yield matrix @ null, np.zeros((len(matrix), null.shape[1]))


@formula(r"""
\mathbf{U} \hat{\mathbf{y}} = \mathbf{U} \mathbf{y}
\iff \mathbf{u}_o = \sum_{w \neq o} \frac{\hat{y}_w}{1 - \hat{y}_o} \, \mathbf{u}_w \tag{b7}""")
def b7(v_c, o, U, U_flat, y, Vocab):
    for matrix, zero in [(U, False), (U_flat, True)]:
        yhat = softmax(matrix.T @ v_c)
        weights = {w: yhat[w, 0] / (1 - yhat[o, 0]) for w in Vocab if w != o}
        mean = sum(weights[w] * matrix[:, [w]] for w in weights)
        yield zero, is_zero(matrix @ yhat - matrix @ y), is_zero(matrix[:, [o]] - mean)
        yield sum(weights.values()), 1
        yield min(weights.values()) > 0, True


@formula(r"""
\mathbf{v}_c - \eta \, \frac{\partial J_{\text{naive-softmax}}}{\partial \mathbf{v}_c}
= \mathbf{v}_c + \eta \, \mathbf{U} \mathbf{y} - \eta \, \mathbf{U} \hat{\mathbf{y}} \tag{b8}""")
def b8(v_c, U, y, yhat, eta, naive):
    yield v_c - eta * by_v_c(naive, v_c, U), v_c + eta * U @ y - eta * U @ yhat


@formula(r"""
\mathbf{u}_o^\top (\mathbf{v}_c + \eta \, \mathbf{U} \mathbf{y})
= \mathbf{u}_o^\top \mathbf{v}_c + \eta \, \lVert \mathbf{u}_o \rVert_2^2 \tag{b9}""")
def b9(v_c, U, u_o, y, eta):
    yield u_o.T @ (v_c + eta * U @ y), u_o.T @ v_c + eta * norm(u_o) ** 2


@formula(r"""
\hat{\mathbf{y}}^\top \mathbf{U}^\top (\mathbf{v}_c - \eta \, \mathbf{U} \hat{\mathbf{y}})
= \hat{\mathbf{y}}^\top \mathbf{U}^\top \mathbf{v}_c
  - \eta \, \lVert \mathbf{U} \hat{\mathbf{y}} \rVert_2^2 \tag{b10}""")
def b10(v_c, U, yhat, eta):
    yield yhat.T @ U.T @ (v_c - eta * U @ yhat), yhat.T @ U.T @ v_c - eta * norm(U @ yhat) ** 2


@formula(r"""
\left. \frac{d}{d \eta} \, J_{\text{naive-softmax}} \left(
  \mathbf{v}_c - \eta \, \frac{\partial J_{\text{naive-softmax}}}{\partial \mathbf{v}_c},
  o, \mathbf{U} \right) \right|_{\eta = 0}
= -\left\lVert \frac{\partial J_{\text{naive-softmax}}}{\partial \mathbf{v}_c} \right\rVert_2^2
\tag{b11}""")
def b11(v_c, U, naive):
    gradient = by_v_c(naive, v_c, U)
    yield derivative(lambda eta: naive(v_c - eta * gradient, U), 0), -(norm(gradient) ** 2)


@formula(r"""
\mathbf{u}_x = \alpha \, \mathbf{u}_y, \; \alpha > 0
\implies \frac{\mathbf{u}_x}{\lVert \mathbf{u}_x \rVert_2}
= \frac{\alpha \, \mathbf{u}_y}{\alpha \, \lVert \mathbf{u}_y \rVert_2}
= \frac{\mathbf{u}_y}{\lVert \mathbf{u}_y \rVert_2} \tag{b12}""")
def b12(w, u, alpha):
    u_y, u_x = u[w], alpha * u[w]
    yield u_x / norm(u_x), (alpha * u_y) / (alpha * norm(u_y)), u_y / norm(u_y)


@formula(r"""
\frac{\partial}{\partial \mathbf{u}_w}
  \log \sum_{x \in \text{Vocab}} \exp(\mathbf{u}_x^\top \mathbf{v}_c)
= \frac{\exp(\mathbf{u}_w^\top \mathbf{v}_c)}
       {\sum_{x \in \text{Vocab}} \exp(\mathbf{u}_x^\top \mathbf{v}_c)} \, \mathbf{v}_c
= \hat{y}_w \, \mathbf{v}_c \tag{c1}""")
def c1(w, v_c, U, u, yhat, Vocab):
    yield (
        by_U(log_sum, v_c, U, w),
        exp(u[w].T @ v_c) / sum(exp(u[x].T @ v_c) for x in Vocab) * v_c,
        yhat[w] * v_c,
    )


@formula(r"""
\frac{\partial}{\partial \mathbf{u}_w} \left( -\mathbf{u}_o^\top \mathbf{v}_c \right)
= \begin{cases} -\mathbf{v}_c & w = o \\ \mathbf{0} & w \neq o \end{cases} \tag{c2}""")
def c2(w, v_c, o, U):
    yield by_U(lambda v_c, U: -score(o, v_c, U), v_c, U, w), -v_c if w == o else 0 * v_c


@formula(r"""
\frac{\partial J_{\text{naive-softmax}}}{\partial \mathbf{u}_w}
= \begin{cases} (\hat{y}_o - 1) \, \mathbf{v}_c & w = o \\
                \hat{y}_w \, \mathbf{v}_c & w \neq o \end{cases}
\; = (\hat{y}_w - y_w) \, \mathbf{v}_c \tag{c3}""")
def c3(w, v_c, o, U, y, yhat, naive):
    yield (
        by_U(naive, v_c, U, w),
        (yhat[o] - 1) * v_c if w == o else yhat[w] * v_c,
        (yhat[w] - y[w]) * v_c,
    )


@formula(r"""
\frac{\partial J_{\text{naive-softmax}}}{\partial \mathbf{U}}
= \begin{bmatrix}
    \dfrac{\partial J_{\text{naive-softmax}}}{\partial \mathbf{u}_1} & \cdots &
    \dfrac{\partial J_{\text{naive-softmax}}}{\partial \mathbf{u}_{\lvert V \rvert}}
  \end{bmatrix}
= \mathbf{v}_c (\hat{\mathbf{y}} - \mathbf{y})^\top \tag{c4}""")
def c4(v_c, U, y, yhat, Vocab, naive):
    yield (
        by_U(naive, v_c, U),
        np.hstack([by_U(naive, v_c, U, w) for w in Vocab]),
        v_c @ (yhat - y).T,
    )


@formula(r"\sigma(x) = \frac{1}{1 + e^{-x}} = \frac{e^x}{e^x + 1} \tag{4}")
def equation_4(x):
    yield logistic(x), 1 / (1 + exp(-x)), exp(x) / (exp(x) + 1)


@formula(r"""
1 - \sigma(x) = \frac{e^{-x}}{1 + e^{-x}} = \frac{1}{e^x + 1} = \sigma(-x) \tag{d1}""")
def d1(x):
    yield 1 - sigma(x), exp(-x) / (1 + exp(-x)), 1 / (exp(x) + 1), sigma(-x)


@formula(r"""
\frac{d \sigma(x)}{d x} = \frac{e^{-x}}{(1 + e^{-x})^2}
= \frac{1}{1 + e^{-x}} \cdot \frac{e^{-x}}{1 + e^{-x}} = \sigma(x) \, (1 - \sigma(x)) \tag{d2}""")
def d2(x):
    yield (
        derivative(logistic, x),
        exp(-x) / (1 + exp(-x)) ** 2,
        1 / (1 + exp(-x)) * (exp(-x) / (1 + exp(-x))),
        sigma(x) * (1 - sigma(x)),
    )


def jacobian(xs):
    """Entry i, j is the derivative of entry i of sigma(xs) by entry j of xs."""
    return np.array(
        [derivative(lambda xs, i=i: logistic(xs[i, 0]), xs)[:, 0] for i in range(len(xs))]
    )


@formula(r"""
\frac{\partial \sigma(\mathbf{x})_i}{\partial x_j}
= \begin{cases} \sigma(x_i) \, (1 - \sigma(x_i)) & i = j \\ 0 & i \neq j \end{cases} \tag{d3}""")
def d3(xs):
    for (i, j), entry in np.ndenumerate(jacobian(xs)):
        yield entry, sigma(xs[i, 0]) * (1 - sigma(xs[i, 0])) if i == j else 0


@formula(r"""
\frac{\partial \sigma(\mathbf{x})}{\partial \mathbf{x}}
= \mathrm{diag}\left( \sigma(\mathbf{x}) \odot (1 - \sigma(\mathbf{x})) \right) \tag{d4}""")
def d4(xs):
    yield jacobian(xs), np.diagflat(sigma(xs) * (1 - sigma(xs)))


@formula(r"""
\frac{d \sigma(-x)}{d x}
= -\sigma(-x) \, (1 - \sigma(-x)) = -\sigma(x) \, (1 - \sigma(x)) \tag{d5}""")
def d5(x):
    yield (
        derivative(lambda x: logistic(-x), x),
        -sigma(-x) * (1 - sigma(-x)),
        -sigma(x) * (1 - sigma(x)),
    )


@formula(r"""
\frac{d \log \sigma(x)}{d x} = 1 - \sigma(x), \qquad
\frac{d \log \sigma(-x)}{d x} = -(1 - \sigma(-x)) = -\sigma(x) \tag{d6}""")
def d6(x):
    yield derivative(lambda x: math.log(logistic(x)), x), 1 - sigma(x)
    yield derivative(lambda x: math.log(logistic(-x)), x), -(1 - sigma(-x)), -sigma(x)


def slopes(f, x):
    """Slopes of f at |x|, at -|x|, and at 0 from the right and from the left."""
    around = derivative(f, abs(x)), derivative(f, -abs(x))
    return np.array([*around, f(abs(x)) / abs(x), f(-abs(x)) / -abs(x)])


@formula(r"""
\frac{d}{d x} \max(0, x) = \begin{cases} 1 & x > 0 \\ 0 & x < 0 \end{cases} \tag{d7}""")
def d7(x):
    yield slopes(lambda x: max(0, x), x), [1, 0, 1, 0]


@formula(r"""
\frac{d}{d x} \max(\alpha x, x) = \begin{cases} 1 & x > 0 \\ \alpha & x < 0 \end{cases}
\qquad (0 < \alpha < 1) \tag{d8}""")
def d8(x, alpha):
    yield slopes(lambda x: max(alpha * x, x), x), [1, alpha, 1, alpha]


@formula(r"""
J_{\text{neg-sample}}(\mathbf{v}_c, o, \mathbf{U}) = -\log(\sigma(\mathbf{u}_o^\top \mathbf{v}_c))
  - \sum_{k=1}^K \log(\sigma(-\mathbf{u}_k^\top \mathbf{v}_c)) \tag{5}""")
def equation_5(v_c, o, U, u_o, u_k, w_k, ks):
    yield (
        J_neg(v_c, o, U, w_k[1:]),
        -log(sigma(u_o.T @ v_c)) - sum(log(sigma(-u_k[k].T @ v_c)) for k in ks),
    )


@formula(r"""
\frac{\partial J_{\text{neg-sample}}}{\partial \mathbf{v}_c}
= (\sigma(\mathbf{u}_o^\top \mathbf{v}_c) - 1) \, \mathbf{u}_o
  + \sum_{k=1}^K \sigma(\mathbf{u}_k^\top \mathbf{v}_c) \, \mathbf{u}_k \tag{e1}""")
def e1(v_c, U, u_o, u_k, ks, neg):
    yield (
        by_v_c(neg, v_c, U),
        (sigma(u_o.T @ v_c) - 1) * u_o + sum(sigma(u_k[k].T @ v_c) * u_k[k] for k in ks),
    )


@formula(r"""
\frac{\partial J_{\text{neg-sample}}}{\partial \mathbf{u}_o}
= (\sigma(\mathbf{u}_o^\top \mathbf{v}_c) - 1) \, \mathbf{v}_c \tag{e2}""")
def e2(v_c, o, U, u_o, neg):
    yield by_U(neg, v_c, U, o), (sigma(u_o.T @ v_c) - 1) * v_c


def by_draw(k, v_c, U, w_k):
    """The derivative of (5) with respect to u_k: of draw k alone, though a word be drawn again."""
    own_columns = U[:, w_k]  # one for each draw
    return by_U(lambda v_c, U: J_neg(v_c, 0, U, range(1, len(w_k))), v_c, own_columns, k)


@formula(r"""
\frac{\partial J_{\text{neg-sample}}}{\partial \mathbf{u}_k}
= \sigma(\mathbf{u}_k^\top \mathbf{v}_c) \, \mathbf{v}_c \tag{e3}""")
def e3(k, v_c, U, w_k, u_k):
    yield by_draw(k, v_c, U, w_k), sigma(u_k[k].T @ v_c) * v_c


def side_by_side(u_k):
    """U_{o, {w_1, ..., w_K}}, (D, K + 1)."""
    return np.hstack([u_k[0], *(-column for column in u_k[1:])])


@formula(r"""
\mathbf{U}_{o, \{w_1, \dots, w_K\}}
= \begin{bmatrix} \mathbf{u}_o & -\mathbf{u}_{w_1} & \cdots & -\mathbf{u}_{w_K} \end{bmatrix},
\qquad J_{\text{neg-sample}}
= -\mathbf{1}^\top \log \sigma(\mathbf{U}_{o, \{w_1, \dots, w_K\}}^\top \mathbf{v}_c) \tag{e4}""")
def e4(v_c, U, u_k, w_k, label, K, neg):
    yield side_by_side(u_k), U[:, w_k] * [2 * label[k] - 1 for k in range(K + 1)]
    yield neg(v_c, U), -np.ones((K + 1, 1)).T @ log(sigma(side_by_side(u_k).T @ v_c))


def shared(v_c, u_k, K):
    return sigma(side_by_side(u_k).T @ v_c) - np.ones((K + 1, 1))


@formula(r"""
\mathbf{g} = \sigma(\mathbf{U}_{o, \{w_1, \dots, w_K\}}^\top \mathbf{v}_c) - \mathbf{1},
\qquad g_0 = \sigma(\mathbf{u}_o^\top \mathbf{v}_c) - 1,
\qquad g_k = \sigma(-\mathbf{u}_k^\top \mathbf{v}_c) - 1 = -\sigma(\mathbf{u}_k^\top \mathbf{v}_c)
\tag{e5}""")
def e5(k, v_c, u_o, u_k, K):
    g = shared(v_c, u_k, K)
    yield g.shape, (K + 1, 1)
    yield g[0, 0], sigma(u_o.T @ v_c) - 1
    yield g[k, 0], sigma(-u_k[k].T @ v_c) - 1, -sigma(u_k[k].T @ v_c)


@formula(r"""
\frac{\partial J_{\text{neg-sample}}}{\partial \mathbf{v}_c}
= \mathbf{U}_{o, \{w_1, \dots, w_K\}} \, \mathbf{g}, \qquad
\frac{\partial J_{\text{neg-sample}}}{\partial \mathbf{u}_o} = g_0 \, \mathbf{v}_c, \qquad
\frac{\partial J_{\text{neg-sample}}}{\partial \mathbf{u}_k} = -g_k \, \mathbf{v}_c \tag{e6}""")
def e6(v_c, o, U, u_k, w_k, K, ks, neg):
    g = shared(v_c, u_k, K)
    yield by_v_c(neg, v_c, U), side_by_side(u_k) @ g
    yield by_U(neg, v_c, U, o), g[0] * v_c
    for k in ks:
        yield by_draw(k, v_c, U, w_k), -g[k] * v_c


@formula(r"""
\frac{\partial J_{\text{neg-sample}}}{\partial \mathbf{U}_{o, \{w_1, \dots, w_K\}}}
= \mathbf{v}_c \, \mathbf{g}^\top \tag{e7}""")
def e7(v_c, u_k, K):
    def J(v_c, columns):
        return -sum(math.log(logistic(score(k, v_c, columns))) for k in range(K + 1))

    yield by_U(J, v_c, side_by_side(u_k)), v_c @ shared(v_c, u_k, K).T


@formula(r"""
J_{\text{neg-sample}} = -\log(\sigma(\mathbf{u}_o^\top \mathbf{v}_c))
  - \sum_{k \,:\, w_k = w} \log(\sigma(-\mathbf{u}_w^\top \mathbf{v}_c))
  - \sum_{k \,:\, w_k \neq w} \log(\sigma(-\mathbf{u}_k^\top \mathbf{v}_c)) \tag{e8}""")
def e8(w, v_c, U, u_o, u, u_k, w_k, ks, neg):
    yield (
        neg(v_c, U),
        -log(sigma(u_o.T @ v_c))
        - sum(log(sigma(-u[w].T @ v_c)) for k in ks if w_k[k] == w)
        - sum(log(sigma(-u_k[k].T @ v_c)) for k in ks if w_k[k] != w),
    )


@formula(r"""
\frac{\partial J_{\text{neg-sample}}}{\partial \mathbf{u}_w}
= \sum_{k \,:\, w_k = w} \sigma(\mathbf{u}_k^\top \mathbf{v}_c) \, \mathbf{v}_c
= n_w \, \sigma(\mathbf{u}_w^\top \mathbf{v}_c) \, \mathbf{v}_c \tag{e9}""")
def e9(w, v_c, o, U, u, u_k, w_k, ks, neg):
    if w != o:  # "other than o"
        yield (
            by_U(neg, v_c, U, w),
            sum((sigma(u_k[k].T @ v_c) * v_c for k in ks if w_k[k] == w), 0 * v_c),
            w_k[1:].count(w) * sigma(u[w].T @ v_c) * v_c,
        )


@formula(r"""
w_0 = o, \qquad \text{label}_0 = 1, \qquad \text{label}_1 = \dots = \text{label}_K = 0
\tag{e10}""")
def e10(o, w_k, label, K):
    yield w_k[0], o
    yield label[0], 1
    yield np.array(label[1:]), np.zeros(K)


@formula(r"""
\frac{\partial J_{\text{neg-sample}}}{\partial \mathbf{v}_c}
= \sum_{k=0}^K (\sigma(\mathbf{u}_k^\top \mathbf{v}_c) - \text{label}_k) \, \mathbf{u}_k
\tag{e11}""")
def e11(v_c, U, u_k, label, K, neg):
    yield (
        by_v_c(neg, v_c, U),
        sum((sigma(u_k[k].T @ v_c) - label[k]) * u_k[k] for k in range(K + 1)),
    )


@formula(r"""
\frac{\partial J_{\text{neg-sample}}}{\partial \mathbf{u}_w}
= \sum_{k \,:\, w_k = w} (\sigma(\mathbf{u}_k^\top \mathbf{v}_c) - \text{label}_k) \, \mathbf{v}_c
\tag{e12}""")
def e12(w, v_c, U, u_k, w_k, label, K, neg):
    draws = [k for k in range(K + 1) if w_k[k] == w]
    yield (
        by_U(neg, v_c, U, w),
        sum(((sigma(u_k[k].T @ v_c) - label[k]) * v_c for k in draws), 0 * v_c),
    )


# (f): each formula for both losses, with the terms on its right in closed form, (b) to (e).


@formula(r"""
J_{\text{skip-gram}}(\mathbf{v}_c, w_{t-m}, \dots, w_{t+m}, \mathbf{U})
= \sum_{\substack{-m \leq j \leq m \\ j \neq 0}} J(\mathbf{v}_c, w_{t+j}, \mathbf{U}) \tag{6}""")
def equation_6(v_c, U, window, draws, u, m, naive_terms, neg_terms):
    positions = [j for j in range(-m, m + 1) if j != 0]
    w = dict(zip(positions, window, strict=True))  # w[j] is w_{t+j}
    yield (
        J_skipgram(naive_terms, v_c, U),
        sum(-log(softmax(U.T @ v_c)[w[j], 0]) for j in positions),
    )
    yield (
        J_skipgram(neg_terms, v_c, U),
        -sum(
            log(sigma(u[o].T @ v_c)) + sum(log(sigma(-u[w_k].T @ v_c)) for w_k in samples)
            for o, samples in zip(window, draws)
        ),
    )


def window_by_U(v_c, U, terms):
    return by_U(lambda v_c, U: J_skipgram(terms, v_c, U), v_c, U)


@formula(r"""
\frac{\partial J_{\text{skip-gram}}(\mathbf{v}_c, w_{t-m}, \dots, w_{t+m}, \mathbf{U})}
     {\partial \mathbf{U}}
= \sum_{\substack{-m \leq j \leq m \\ j \neq 0}}
  \frac{\partial J(\mathbf{v}_c, w_{t+j}, \mathbf{U})}{\partial \mathbf{U}} \tag{f1}""")
def f1(v_c, U, windows):
    for terms, parts in windows:
        yield window_by_U(v_c, U, terms), sum(in_U for in_v_c, in_U in parts)


@formula(r"""
\frac{\partial J_{\text{skip-gram}}(\mathbf{v}_c, w_{t-m}, \dots, w_{t+m}, \mathbf{U})}
     {\partial \mathbf{v}_c}
= \sum_{\substack{-m \leq j \leq m \\ j \neq 0}}
  \frac{\partial J(\mathbf{v}_c, w_{t+j}, \mathbf{U})}{\partial \mathbf{v}_c} \tag{f2}""")
def f2(v_c, U, windows):
    for terms, parts in windows:
        by_window = by_v_c(lambda v_c, U: J_skipgram(terms, v_c, U), v_c, U)
        yield by_window, sum(in_v_c for in_v_c, in_U in parts)


@formula(r"""
\frac{\partial J_{\text{skip-gram}}(\mathbf{v}_c, w_{t-m}, \dots, w_{t+m}, \mathbf{U})}
     {\partial \mathbf{v}_w} = \mathbf{0} \qquad (w \neq c) \tag{f3}""")
def f3(w, c, U, V, windows):
    if w != c:
        for terms, _ in windows:
            by_v_w = derivative(lambda V: J_skipgram(terms, V[:, [c]], U), V, w)
            yield by_v_w, 0 * V[:, [w]]


@formula(r"P(d \leq R) = \frac{m - d + 1}{m}, \qquad 1 \leq d \leq m \tag{q1}")
def q1(m):
    for d in range(1, m + 1):
        yield np.mean([d <= R for R in range(1, m + 1)]), (m - d + 1) / m


@formula(r"""
J_{\text{neg-sample}}(\mathbf{v}_c, o, \mathbf{0})
= -(K + 1) \log \sigma(0) = (K + 1) \log 2 \tag{q2}""")
def q2(v_c, U, K, neg):
    yield neg(v_c, 0 * U), -(K + 1) * log(sigma(0)), (K + 1) * log(2)


# The slips of the last table, from top to bottom: a row's wrong form, its right one, and what shows
# the slip. The first two must stand in the row's cells, the third must begin its last. A check
# returns the truth, the slip as a function, and the right form.

SLIPS = []  # (wrong, right, shown, check)


def slip(row):
    def hold(check):
        SLIPS.append((*normal(row).split(" | "), check))
        return check

    return hold


@slip(r"$`y_w \neq 0`$ | $`y_w = 0`$ | a number")
def slip_one_hot(y, o, size):
    return 1, lambda: np.ones(size).sum(), sum(1 if w == o else 0 for w in range(size)) * y.sum()


@slip(r"$`\mathbf{U}^\top \mathbf{y}`$ for $`\mathbf{u}_o`$ | $`\mathbf{U} \mathbf{y}`$ | shapes")
def slip_column(U, u_o, y):
    return u_o, lambda: U.T @ y, U @ y


@slip(r"$`\mathbf{U}^\top \hat{y}_w`$ | $`\mathbf{U} \hat{\mathbf{y}}`$ | shapes")
def slip_entry(U, u, yhat, w, Vocab):
    return sum(yhat[w] * u[w] for w in Vocab), lambda: U.T * yhat[w], U @ yhat


@slip(r"""
$`-\mathbf{U}^\top \mathbf{y} + \mathbf{V}^\top \hat{\mathbf{y}}`$
| $`-\mathbf{U} \mathbf{y} + \mathbf{U} \hat{\mathbf{y}}`$ | shapes""")
def slip_both_matrices(v_c, U, V, y, yhat, naive):
    return by_v_c(naive, v_c, U), lambda: -U.T @ y + V.T @ yhat, -U @ y + U @ yhat


@slip(r"""
$`\mathbf{U}^\top (\hat{\mathbf{y}} - \mathbf{y})`$ | $`\mathbf{U} (\hat{\mathbf{y}} - \mathbf{y})`$
| shapes""")
def slip_transpose(v_c, U, y, yhat, naive):
    return by_v_c(naive, v_c, U), lambda: U.T @ (yhat - y), U @ (yhat - y)


@slip(r"""
$`\mathbf{V} (\hat{\mathbf{y}} - \mathbf{y})`$ | $`\mathbf{U} (\hat{\mathbf{y}} - \mathbf{y})`$
| gradient check""")
def slip_v_for_u(v_c, U, V, y, yhat, naive):
    return by_v_c(naive, v_c, U), lambda: V @ (yhat - y), U @ (yhat - y)


@slip(r"""
$`-(\mathbf{v}_c - \hat{y}_o) \, \mathbf{v}_c`$ | $`-(1 - \hat{y}_o) \, \mathbf{v}_c`$ | shapes""")
def slip_v_c_twice(v_c, o, U, yhat, naive):
    return by_U(naive, v_c, U, o), lambda: -(v_c - yhat[o]) @ v_c, -(1 - yhat[o]) * v_c


@slip(r"""
$`\exp(\mathbf{u}_o^\top \mathbf{v}_c) = 1`$ | so their derivatives are $`\mathbf{0}`$
| a number""")
def slip_exp_is_1(v_c, o, U, u_o, Vocab):
    return (
        by_U(lambda v_c, U: sum(math.exp(score(w, v_c, U)) for w in Vocab), v_c, U, o),
        lambda: 1 * v_c,
        exp(u_o.T @ v_c) * v_c + sum(0 * v_c for w in Vocab if w != o),
    )


@slip(r"""
$`-(\exp(\mathbf{u}_o^\top \mathbf{v}_c) - \log \sum_w \exp(\mathbf{u}_w^\top \mathbf{v}_c))`$
for the loss
| $`-(\mathbf{u}_o^\top \mathbf{v}_c - \log \sum_w \exp(\mathbf{u}_w^\top \mathbf{v}_c))`$
| a number""")
def slip_exp_kept(w, v_c, o, U, u_o, u, Vocab, naive):
    if w != o:  # the blind gradient check
        kept = by_U(lambda v_c, U: log_sum(v_c, U) - math.exp(score(o, v_c, U)), v_c, U, w)
        assert same(kept, by_U(naive, v_c, U, w))
    log_of_sum = log(sum(exp(u[w].T @ v_c) for w in Vocab))
    return naive(v_c, U), lambda: -(exp(u_o.T @ v_c) - log_of_sum), -(u_o.T @ v_c - log_of_sum)


@slip(r"""
$`\mathbf{u}_w^\top \mathbf{v}_c`$ called a constant
| $`\mathbf{u}_o^\top \mathbf{v}_c`$ is the constant | gradient check""")
def slip_constant(w, v_c, o, U):
    if w != o:
        both = [by_U(lambda v_c, U: score(word, v_c, U), v_c, U, w) for word in (w, o)]
        return np.hstack(both), lambda: np.hstack([0 * v_c, v_c]), np.hstack([v_c, 0 * v_c])


@slip(r"""
$`\hat{y}_w \, \mathbf{v}_c \, \hat{y}_w`$ | $`\hat{y}_w \, \mathbf{v}_c`$ | gradient check""")
def slip_probability_twice(w, v_c, o, U, yhat, naive):
    if w != o:
        return by_U(naive, v_c, U, w), lambda: yhat[w] * v_c * yhat[w], yhat[w] * v_c


@slip(r"""
$`(\hat{\mathbf{y}} - \mathbf{y}) \, \mathbf{v}_c`$
| $`\mathbf{v}_c (\hat{\mathbf{y}} - \mathbf{y})^\top`$ | shapes""")
def slip_outer_product(v_c, U, y, yhat, naive):
    truth = by_U(naive, v_c, U)
    assert same(truth.T, (yhat - y) @ v_c.T)  # "in the code's rows"
    return truth, lambda: (yhat - y) @ v_c, v_c @ (yhat - y).T


@slip(r"""
$`\partial J / \partial \mathbf{V}`$ | $`\partial J / \partial \mathbf{U}`$ | gradient check""")
def slip_by_v(v_c, c, U, V, y, yhat, naive):
    by_V = derivative(lambda V: naive(V[:, [c]], U), V)
    assert same(np.delete(by_V, c, axis=1), 0 * np.delete(V, c, axis=1))
    return by_U(naive, v_c, U), lambda: by_V, v_c @ (yhat - y).T


@slip(r"""
$`\sigma(x) \, (1 - \sigma(x))`$ for the derivative of $`\sigma(-x)`$
| $`-\sigma(x) \, (1 - \sigma(x))`$ | gradient check""")
def slip_sign(x):
    right = -sigma(x) * (1 - sigma(x))
    return derivative(lambda x: logistic(-x), x), lambda: sigma(x) * (1 - sigma(x)), right


@slip(r"$`1 / (1 + e^{-x})`$ | $`-e^x / (1 + e^x)^2`$ | gradient check")
def slip_sigma_itself(x):
    right = -exp(x) / (1 + exp(x)) ** 2
    return derivative(lambda x: logistic(-x), x), lambda: 1 / (1 + exp(-x)), right


@slip(r"$`\sigma(x) + \sigma(1 - x) = 1`$ | $`\sigma(x) + \sigma(-x) = 1`$ | a number")
def slip_complement(x):
    assert f"{sigma(0) + sigma(1 - 0):.2f}" == "1.23"
    return 1, lambda: sigma(x) + sigma(1 - x), sigma(x) + sigma(-x)


@slip(r"""
$`-\sum_k (1 - \sigma(-\mathbf{u}_k^\top \mathbf{v}_c)) \, \mathbf{u}_k`$
| $`+\sum_k (1 - \sigma(-\mathbf{u}_k^\top \mathbf{v}_c)) \, \mathbf{u}_k`$ | gradient check""")
def slip_inner_minus(v_c, U, u_o, u_k, neg):
    first = (sigma(u_o.T @ v_c) - 1) * u_o
    total = sum((1 - sigma(-u.T @ v_c)) * u for u in u_k[1:])
    return by_v_c(neg, v_c, U), lambda: first - total, first + total


@slip(r"""
$`-\sum_k (1 - \sigma(-\mathbf{u}_k^\top \mathbf{v}_c)) \, \mathbf{v}_c`$
| $`\mathbf{0}`$ in its place | gradient check""")
def slip_samples_in_u_o(v_c, o, U, u_o, u_k, neg):
    first = (sigma(u_o.T @ v_c) - 1) * v_c
    samples = sum((1 - sigma(-u.T @ v_c)) * v_c for u in u_k[1:])
    return by_U(neg, v_c, U, o), lambda: first - samples, first + 0 * v_c


@slip(r"""
$`\sigma(x) \, (\sigma(x) - 1)`$ for the derivative of $`-\log \sigma(x)`$ | $`\sigma(x) - 1`$
| gradient check""")
def slip_logarithm_forgotten(x):
    assert same(derivative(lambda x: -logistic(x), x), sigma(x) * (sigma(x) - 1))
    truth = derivative(lambda x: -math.log(logistic(x)), x)
    return truth, lambda: sigma(x) * (sigma(x) - 1), sigma(x) - 1


@slip(r"""
$`(1 - \sigma(\mathbf{u}_o^\top \mathbf{v}_c)) \, \mathbf{v}_c`$ for (e2)
| $`(\sigma(\mathbf{u}_o^\top \mathbf{v}_c) - 1) \, \mathbf{v}_c`$ | gradient check""")
def slip_sign_of_e2(v_c, o, U, u_o, neg):
    uphill = (1 - sigma(u_o.T @ v_c)) * v_c
    moved = U.copy()
    moved[:, [o]] -= 0.01 * uphill
    assert neg(v_c, moved) > neg(v_c, U)  # "subtracting the slip raises the loss"
    return by_U(neg, v_c, U, o), lambda: uphill, (sigma(u_o.T @ v_c) - 1) * v_c


@slip(r"""
$`-\sigma(\mathbf{u}_k^\top \mathbf{v}_c) \, \mathbf{v}_c`$ for (e3)
| $`\sigma(\mathbf{u}_k^\top \mathbf{v}_c) \, \mathbf{v}_c`$ | gradient check""")
def slip_sign_of_e3(k, v_c, U, w_k, u_k):
    right = sigma(u_k[k].T @ v_c) * v_c
    return by_draw(k, v_c, U, w_k), lambda: -right, right


@slip(r"""
$`(1 - \sigma(\mathbf{u}_o^\top \mathbf{v}_c)) \, \mathbf{u}_o
+ \sum_k \sigma(\mathbf{u}_k^\top \mathbf{v}_c) \, \mathbf{u}_k`$ on paper
| (e1), which the code computes | gradient check""")
def slip_on_paper(v_c, o, U, u_o, u_k, w_k, neg):
    samples = sum(sigma(u.T @ v_c) * u for u in u_k[1:])
    paper = (1 - sigma(u_o.T @ v_c)) * u_o + samples
    code = code_of_neg(v_c, o, U, w_k[1:])[1].reshape(v_c.shape)
    return by_v_c(neg, v_c, U), lambda: paper, code


@slip(r"""
the samples must differ from the centre word | outside word, $`o \notin \{w_1, \dots, w_K\}`$
| gradient check""")
def slip_centre_as_sample(v_c, c, o, U, u_k, w_k, label, K, neg):
    assert o not in w_k[1:]
    if c in w_k[1:]:
        kept = [k for k in range(K + 1) if w_k[k] != c]
        return (
            by_v_c(neg, v_c, U),
            lambda: sum((sigma(u_k[k].T @ v_c) - label[k]) * u_k[k] for k in kept),
            neg_closed(v_c, o, U, w_k[1:])[0],
        )


@slip(r"""
samples up to $`\mathbf{u}_{K-1}`$
| up to $`\mathbf{u}_K`$; with that of $`\mathbf{u}_o`$ there are $`K + 1`$ | a number""")
def slip_last_sample(v_c, U, u_k, K, neg):
    def loss(scores):
        return -sum(log(sigma(score)) for score in scores)

    scores = [u_k[0].T @ v_c] + [-u.T @ v_c for u in u_k[1:]]
    assert len(scores) == K + 1
    return neg(v_c, U), lambda: loss(scores[:-1]), loss(scores)


@slip(r"""
$`-(1 - \sigma(-\mathbf{u}_k^\top \mathbf{v}_c))`$
| only on that of $`o`$; $`1 - \sigma(-\mathbf{u}_k^\top \mathbf{v}_c)`$ | gradient check""")
def slip_factor(v_c, U, u_o, u_k, neg):
    first = -(1 - sigma(u_o.T @ v_c)) * u_o
    wrong = first + sum(-(1 - sigma(-u.T @ v_c)) * u for u in u_k[1:])
    right = first + sum((1 - sigma(-u.T @ v_c)) * u for u in u_k[1:])
    return by_v_c(neg, v_c, U), lambda: wrong, right


@slip(r"""
$`\partial J(\mathbf{v}_c, w_{t+j}, \mathbf{U}) / \partial \mathbf{U}`$
| the sum of these over the window, (f1); likewise (f2) | gradient check""")
def slip_one_term(v_c, U, windows):
    terms, parts = windows[0]
    by_term = [in_U for in_v_c, in_U in parts]
    return window_by_U(v_c, U, terms), lambda: by_term[0], sum(by_term)


@slip(r"""
the derivatives of $`J_{\text{neg-sample}}`$ put in for $`J`$ | $`J`$ left open | gradient check""")
def slip_one_loss(v_c, U, windows):
    naive, neg = (sum(in_U for in_v_c, in_U in parts) for _, parts in windows)
    return window_by_U(v_c, U, windows[0][0]), lambda: neg, naive


# The tests of the formulas.


def assert_holds(check, inputs):
    for equations in calls(check, inputs):
        for first, *others in equations:
            for number, other in enumerate(others, 1):
                assert same(first, other), (
                    f"D={inputs.D}, |V|={inputs.size}: side {number} is\n{other}\nnot\n{first}"
                )


def tag_of(latex):
    return re.search(r"\\tag\{(\w+)\}$", latex).group(1)


@pytest.mark.parametrize("check", FORMULAS.values(), ids=[tag_of(latex) for latex in FORMULAS])
def test_formula_holds(check):
    for inputs in CASES:
        assert_holds(check, inputs)


def test_the_inputs_cover_what_matters():
    assert any(len(set(inputs.w_k)) < len(inputs.w_k) for inputs in CASES)
    assert any(inputs.c in inputs.w_k[1:] for inputs in CASES)
    assert any(inputs.c not in inputs.w_k for inputs in CASES)
    assert any(inputs.D < inputs.size for inputs in CASES)
    assert any(inputs.D > inputs.size for inputs in CASES)


def test_every_display_of_the_page_is_held_and_in_this_order():
    assert [normal(latex) for latex in DISPLAY.findall(PAGE)] == list(FORMULAS)


def test_published_values_of_the_assignment():
    """Of the gradient check with naive softmax: centre c, outside words a b e d b c."""
    vectors = np.random.RandomState(9265).randn(10, 3)
    vectors /= np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    v_c, U, window = vectors[[2]].T, vectors[5:].T, [0, 1, 4, 3, 1, 2]
    loss = sum(J_naive(v_c, o, U) for o in window)
    assert loss == pytest.approx(11.16610900153398, rel=1e-12)
    gradient = sum(naive_closed(v_c, o, U)[0] for o in window)
    np.testing.assert_allclose(gradient.T, [[-1.26947339, -1.36873189, 2.45158957]], atol=1e-8)


@pytest.mark.parametrize("inputs", CASES, ids=lambda at: f"D={at.D},V={at.size}")
def test_the_gradient_vanishes_only_with_dependent_columns(inputs):
    """What the text under (b6) says about the null space and about softmax."""
    assert 0 < inputs.yhat.min() and inputs.yhat.max() < 1
    dimensions = null_space(inputs.U).shape[1]
    assert dimensions == max(0, inputs.size - inputs.D)
    assert null_space(inputs.U_flat, rcond=1e-10).shape[1] >= 1


# The tests of the tables.


def rows(section):
    """Cells of the table rows in a part of the page, without lines of dashes."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in table if not set(row[0]) <= {"-"}]


def test_every_slip_of_the_page_is_held():
    header, *table = rows(section("Common mistakes"))
    assert header == ["part", "slip", "right", "shown by"]
    assert len(table) == len(SLIPS)
    for (_, slip_cell, right_cell, shown_cell), (wrong, right, shown, _) in zip(table, SLIPS):
        assert wrong in slip_cell
        assert right in right_cell
        assert shown_cell.startswith(shown)


@pytest.mark.parametrize(
    "shown, check", [each[2:] for each in SLIPS], ids=[each[3].__name__ for each in SLIPS]
)
def test_slip_fails_and_right_form_holds(shown, check):
    for inputs in CASES:
        if inputs.D == 1 or inputs.D == inputs.size:  # shapes can agree by accident
            continue
        for truth, wrong, right in filter(None, calls(check, inputs)):
            assert same(truth, right)
            assert fails_in(truth, wrong) == ("shapes" if shown == "shapes" else "value")


def fails_in(truth, wrong):
    """In what a slip differs from the truth: "shapes", "value", or None."""
    try:
        value = wrong()
    except ValueError:  # NumPy refuses the product
        return "shapes"
    if plain(value).shape != plain(truth).shape:
        return "shapes"
    return None if same(truth, value) else "value"


def slug(heading):
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_table_of_editions():
    header, *table = rows(section("Which edition asks what"))
    assert header[2:] == ["2019 to 2021", "2022 and 2023", "2024 to 2026"]
    anchors = {slug(heading) for heading in re.findall(r"^##+ (.*)", PAGE, re.M)}
    tags = {tag_of(latex) for latex in FORMULAS}
    for _, here, *_ in table:
        assert set(re.findall(r"\(#([^)]*)\)", here)) <= anchors
        assert set(re.findall(r"\(([a-f]\d+)\)", here)) <= tags
    for column, letters, points in [(2, "abcdef", 23), (3, "abcdefghi", 30)]:
        cells = [re.match(r"\((\w)\)(?: \(i\))?(?:, (\d))?", row[column]) for row in table]
        asked = [found.groups() for found in cells if found]
        assert [letter for letter, worth in asked if worth] == list(letters)
        assert sum(int(worth) for _, worth in asked if worth) == points


def numbers(cell):
    return np.array([float(number) for number in re.findall(r"-?\d+\.\d+", cell)])


def test_the_example_of_normalisation():
    table = rows(section("L2 normalisation"))
    split = table.index(["phrase", "sum", "sum after normalisation"])
    vectors = {word: numbers(vector) for word, vector, _ in table[1:split]}
    for word, _, length in table[1:split]:
        assert norm(vectors[word]) == pytest.approx(float(length))
    phrases = table[split + 1 :]
    for words, *sums in phrases:
        raw = [vectors[word] for word in words.split(", ")]
        for cell, total in zip(sums, [sum(raw), sum(v / norm(v) for v in raw)]):
            np.testing.assert_allclose(numbers(cell), total, atol=1e-12)
            sign = ["undecided", "positive", "negative"][int(np.sign(np.round(total[0], 9)))]
            assert cell.endswith(sign)
    np.testing.assert_allclose(vectors["great"], 3 * vectors["good"])
    assert [words for words, *_ in phrases] == ["good, bad", "great, bad", "great, dreadful", "bad"]
    signs = [[cell.split()[-1] for cell in sums] for _, *sums in phrases]
    assert signs[0][0] != signs[1][0] and phrases[0][2] == phrases[1][2]  # lost
    assert all(before == after for before, after in signs[2:])  # kept


def test_shapes_of_the_notation_table():
    inputs = CASES[-1]
    lengths = {"D": inputs.D, r"\lvert V \rvert": inputs.size, "1": 1}
    arrays = {
        r"\mathbf{v}_c": inputs.v_c,
        r"\mathbf{u}_w": inputs.u[0],
        r"\mathbf{U}": inputs.U,
        r"\mathbf{V}": inputs.V,
        r"\mathbf{y}": inputs.y,
        r"\hat{\mathbf{y}}": inputs.yhat,
        r"\mathbf{u}_k": inputs.u_k[1],
    }
    said = {
        INLINE.findall(row[0])[0]: INLINE.findall(row[1])
        for row in rows(section("Notation"))
        if row[0].startswith("$") and r"\times" in row[1]
    }
    for symbol, array in arrays.items():
        rows_and_columns = said[symbol][0].split(r" \times ")
        assert tuple(lengths[length] for length in rows_and_columns) == array.shape, symbol


@pytest.mark.parametrize(
    "latex, of_page",
    [
        (r"\mathbf{U}^\top \mathbf{v}_c", lambda at: at.U.T @ at.v_c),
        (r"\mathbf{U}(\hat{\mathbf{y}} - \mathbf{y})", lambda at: at.U @ (at.yhat - at.y)),
        (
            r"\mathbf{v}_c (\hat{\mathbf{y}} - \mathbf{y})^\top",
            lambda at: at.v_c @ (at.yhat - at.y).T,
        ),
    ],
)
def test_the_code_column_is_the_page_transposed(latex, of_page):
    at = CASES[-1]
    names = {
        "np": np,
        "outsideVectors": at.U.T,
        "centerWordVec": at.v_c.ravel(),
        "yhat": at.yhat.ravel(),
        "y": at.y.ravel(),
    }
    ((_, shape, code, code_shape),) = [
        row for row in rows(section("Notation")) if row[0] == f"$`{latex}`$"
    ]
    expected = of_page(at)
    value = eval(code.strip("`"), names)
    assert same(value, expected.T if value.ndim == 2 else expected.ravel())
    lengths = {"D": at.D, "V": at.size, r"\lvert V \rvert": at.size, "1": 1}
    assert value.shape == eval(code_shape.strip("`"), lengths)
    assert expected.shape == tuple(lengths[n] for n in shape[2:-2].split(r" \times "))


def code_of_neg(v_c, o, U, samples):
    """What the code returns if it draws the given negative samples."""
    import word2vec

    dataset = SimpleNamespace(sampleTokenIdx=iter(samples).__next__)
    code = word2vec.negSamplingLossAndGradient
    return code(v_c.ravel(), o, U.T.copy(), dataset, len(samples))


@pytest.mark.parametrize("inputs", CASES[::3], ids=lambda at: f"D={at.D},V={at.size},K={at.K}")
def test_word2vec_computes_the_page(inputs):
    import word2vec

    v_c, U, o, samples = inputs.v_c, inputs.U, inputs.o, inputs.w_k[1:]
    naive = word2vec.naiveSoftmaxLossAndGradient(v_c.ravel(), o, U.T.copy(), None)
    for code, loss, page in [
        (naive, inputs.naive, naive_closed(v_c, o, U)),
        (code_of_neg(v_c, o, U, samples), inputs.neg, neg_closed(v_c, o, U, samples)),
    ]:
        assert same(code[0], loss(v_c, U))
        assert same(code[1], page[0].ravel())
        assert same(code[2], page[1].T)


# The tests of the text.


def section(heading):
    """The text under a heading of level 2 or 3 that begins with the given words."""
    found = re.search(rf"^(##+) {re.escape(heading)}[^\n]*\n(.*?)(?=^##? |\Z)", PAGE, re.M | re.S)
    assert found, f"written.md has no heading {heading!r}"
    text = found.group(2)
    return text.split("\n##")[0] if len(found.group(1)) == 3 else text


def sentences(text):
    """Sentences of a text; formulas and code count as words, images not at all."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)|<[^>]*>", "", text)
    text = re.sub(r"\$?`[^`]*`\$?", "x", text)
    return [sentence for sentence in re.split(r"(?<=[.!?])\s+", text.strip()) if sentence]


@pytest.mark.parametrize(
    "heading, answers",
    [
        ("(a)", ["3"]),
        ("(b)", ["b5"]),
        ("(c)", ["c3", "c4"]),
        ("(d)", ["d4", "d5"]),
        ("(e)", ["e1", "e2", "e3"]),
        ("What the three derivatives share", ["e5"]),
        ("A word drawn more than once", ["e9"]),
        ("(f)", ["f1", "f2", "f3"]),
    ],
)
def test_part_is_answered(heading, answers):
    text = section(heading)
    after = text[text.index("**Answer.**") :]
    assert set(answers) <= {tag_of(normal(latex)) for latex in DISPLAY.findall(after)}


def test_efficiency_is_answered_in_one_sentence():
    text = section("Efficiency, in one sentence")
    assert len(sentences(text)) == 1
    assert "$`K + 1`$" in text and r"\lvert V \rvert" in text


@pytest.mark.parametrize("heading", ["When it is zero", "What its two terms do"])
def test_questions_of_one_sentence_are_answered_in_one(heading):
    _, answer = section(heading).split("**In one sentence.**")
    assert len(sentences(answer.split("\n\n")[0])) == 1


def test_plot_is_described_in_at_most_three_sentences():
    assert 1 <= len(sentences(section("2 (c)"))) <= 3


def test_sentences_are_counted():
    assert len(sentences("![a. b. c.](p.png)\nOne with 1.5 and $`x. y`$. Two? Three")) == 3


def test_the_numbers_on_windows_and_on_noise(sst):
    text = normal(section("Questions that people ask"))
    shares = ", ".join(f"{(5 - d + 1) / 5:g}" for d in range(1, 6))
    assert f"{shares} for $`m = 5`$" in text and "3 on average" in text
    outside, spread = 5_719_487 / (40_000 * 50), 1.69
    pair = 11 * math.log(2)
    batch = pair * spread / math.sqrt(50)
    smoothed = batch * math.sqrt(0.05 / (2 - 0.05))  # of s = 0.95 s + 0.05 loss
    for said in [
        f"{pair:.2f} with $`K = 10`$",
        f"{outside:.2f} outside words on average, with a standard deviation of {spread}",
        f"{pair * outside:.1f} on average, with a standard deviation of {batch:.1f}",
        f"smoothed loss settles at {smoothed:.1f}",
    ]:
        assert said in text
    random.seed(0)
    dataset = StanfordSentiment(sst)
    sizes = [len(dataset.getRandomContext(random.randint(1, 5))[1]) for _ in range(5000)]
    assert np.mean(sizes) == pytest.approx(outside, abs=0.1)
    assert np.std(sizes) == pytest.approx(spread, abs=0.05)


def test_inline_formulas_are_parts_of_held_ones():
    """A formula in the text is a piece of a held display or slip, a symbol, or a shape."""
    held = " ".join([*FORMULAS, *(f"{wrong} {right}" for wrong, right, _, _ in SLIPS)])
    held = held.replace(" ", "")
    length = r"(D|n|1|\\lvert V \\rvert|\(K \+ 1\))"
    shape = re.compile(rf"{length} \\times {length}")
    known = r"""
        D; n; K D; K + 1; -1; -x; \lvert V \rvert; \lvert V \rvert D; (1 + e^{-x})^{-1}; w_s;
        \odot; K = 10; m = 5; \eta > 0; \alpha \neq 1; \mathbf{u}_c; -\mathbf{u}_k;
        \mathbf{u}_{w_s}; \mathbf{U}^\top; \mathbf{U}^\top \mathbf{v}_c;
        \hat{\mathbf{y}} - \mathbf{y}; (\hat{\mathbf{y}} - \mathbf{y}) \, \mathbf{v}_c^\top"""
    known = set(normal(known).split("; "))  # the last is asserted in its slip
    free = {latex for latex in INLINE.findall(PAGE) if latex.replace(" ", "") not in held}
    assert {latex for latex in free if not shape.fullmatch(latex)} <= known


# Seen to parse in KaTeX and in MathJax without extensions.
MACROS = """
    alpha begin cases bmatrix cdot cdots dfrac dots end eta exp frac hat iff implies in left leq log
    lVert lvert mathbf mathrm max mid neq notin odot partial qquad right rVert rvert sigma substack
    sum tag text times top
""".split()


def test_github_renders_the_formulas():
    text = DISPLAY.sub("", PAGE)
    assert "$" not in INLINE.sub("", text), "inline formulas are written $`...`$"
    cramped = re.search(r"[^\s(]\$`[^`]+`\$|\$`[^`]+`\$[^\s.,:;)]", text)
    assert not cramped, f"GitHub needs room around {cramped.group()}"
    for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.M):
        assert len({line.count("|") for line in table.splitlines()}) == 1, "a bare | splits a cell"
    for latex in [*DISPLAY.findall(PAGE), *INLINE.findall(PAGE)]:
        assert latex.count("{") == latex.count("}") and "\n\n" not in latex
        assert latex.count(r"\left") == latex.count(r"\right")
        assert re.findall(r"\\begin(\{\w+\})", latex) == re.findall(r"\\end(\{\w+\})", latex)
        assert set(re.findall(r"\\([a-zA-Z]+)", latex)) <= set(MACROS)
