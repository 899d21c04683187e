r"""written.md, formula by formula, against numerical differentiation.

    python -m pytest tests/test_written.py

Each `@formula` below has the LaTeX of one display of the page and, under it, the same computed
symbol by symbol: the sides of its equations, which must agree in shape and value on random inputs.
A side that is a derivative is a central difference of the definitions (1), (2), (5), (6), which
come first, in plain Python. Columns are true columns, (D, 1), so that a transpose too many cannot
pass. The page may show no formula that is not here, and each slip of its last table must fail in
the way that it says.

Names follow the page: v_c, U, V, y, yhat, o, c, w, k, K, m. u[w] is column w of U; w_k[0] is o,
w_k[1:] are the negative samples, and label[k] is the label of w_k[k].
"""

import inspect
import math
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

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


def derivative(f, at, h=1e-5):
    """Central differences of a number f(at) by each entry of `at`: the shape of `at`."""
    at = np.asarray(at, dtype=float)
    result = np.zeros(at.shape)
    for entry in np.ndindex(at.shape):
        step = np.zeros(at.shape)
        step[entry] = h
        result[entry] = (f(at + step) - f(at - step)) / (2 * h)
    return result


def by_u(J, U, w):
    """The derivative of a loss J(U) by the column u_w of U."""

    def of_column(u_w):
        moved = U.copy()
        moved[:, [w]] = u_w
        return J(moved)

    return derivative(of_column, U[:, [w]])


def case(D, size, K, m, seed):
    """Random inputs by name. With seed 0 the centre word is among the negative samples."""
    rng = np.random.default_rng(seed)

    def draw(n, but=None):
        return [int(w) for w in rng.choice([w for w in range(size) if w != but], size=n)]

    U, V = rng.normal(size=(2, D, size))
    [o] = draw(1)
    negatives = draw(K, but=o)
    c = negatives[0] if seed == 0 else draw(1)[0]
    v_c = V[:, [c]]
    window = draw(2 * m)  # w_{t+j} for j = -m..m without 0
    return SimpleNamespace(
        D=D,
        size=size,
        Vocab=range(size),
        K=K,
        m=m,
        U=U,
        V=V,
        c=c,
        o=o,
        v_c=v_c,
        u=[U[:, [w]] for w in range(size)],
        u_o=U[:, [o]],
        y=np.eye(size)[:, [o]],
        yhat=softmax(U.T @ v_c),
        w_k=[o] + negatives,
        label=[1] + [0] * K,
        window=window,
        draws=[draw(K, but=seen) for seen in window],
        x=rng.normal(),
        xs=rng.normal(size=(D, 1)),
    )


CASES = [case(*shape, seed) for shape in SHAPES for seed in range(3)]


def calls(check, inputs):
    """check(...) with the inputs it names, for each word w and each sample k if it names these."""
    names = inspect.signature(check).parameters
    words = inputs.Vocab if "w" in names else [None]
    samples = range(1, inputs.K + 1) if "k" in names else [None]
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
       {\sum_{w \in \text{Vocab}} \exp(\mathbf{u}_w^\top \mathbf{v}_c)}
\tag{1}""")
def equation_1(o, v_c, U, u_o, u, Vocab):
    yield P(o, v_c, U), exp(u_o.T @ v_c) / sum(exp(u[w].T @ v_c) for w in Vocab)


@formula(r"""
\hat{\mathbf{y}} = \mathrm{softmax}(\mathbf{U}^\top \mathbf{v}_c),
\qquad \hat{y}_w = P(O = w \mid C = c)
\tag{1a}""")
def equation_1a(w, v_c, U, yhat):
    yield yhat, softmax(U.T @ v_c)
    yield yhat[w, 0], P(w, v_c, U)


@formula(r"""
J_{\text{naive-softmax}}(\mathbf{v}_c, o, \mathbf{U}) = -\log P(O = o \mid C = c)
\tag{2}""")
def equation_2(v_c, o, U, yhat):
    yield J_naive(v_c, o, U), -log(yhat[o, 0])


@formula(r"""
-\sum_{w \in \text{Vocab}} y_w \log(\hat{y}_w)
= -1 \cdot \log(\hat{y}_o) - \sum_{w \neq o} 0 \cdot \log(\hat{y}_w)
= -\log(\hat{y}_o)
= J_{\text{naive-softmax}}(\mathbf{v}_c, o, \mathbf{U})
\tag{3}""")
def equation_3(v_c, o, U, y, yhat, Vocab):
    yield (
        -sum(y[w, 0] * log(yhat[w, 0]) for w in Vocab),
        -1 * log(yhat[o, 0]) - sum(0 * log(yhat[w, 0]) for w in Vocab if w != o),
        -log(yhat[o, 0]),
        J_naive(v_c, o, U),
    )


@formula(r"""
J_{\text{naive-softmax}}
= -\mathbf{u}_o^\top \mathbf{v}_c
  + \log \sum_{w \in \text{Vocab}} \exp(\mathbf{u}_w^\top \mathbf{v}_c)
\tag{b1}""")
def b1(v_c, o, U, u_o, u, Vocab):
    yield J_naive(v_c, o, U), -u_o.T @ v_c + log(sum(exp(u[w].T @ v_c) for w in Vocab))


@formula(r"""
\frac{\partial}{\partial \mathbf{v}_c} \left( -\mathbf{u}_o^\top \mathbf{v}_c \right)
= -\mathbf{u}_o
\tag{b2}""")
def b2(v_c, o, U, u_o):
    yield derivative(lambda v_c: -score(o, v_c, U), v_c), -u_o


def log_sum(v_c, U):
    return math.log(sum(math.exp(score(x, v_c, U)) for x in range(U.shape[1])))


@formula(r"""
\frac{\partial}{\partial \mathbf{v}_c}
  \log \sum_{w \in \text{Vocab}} \exp(\mathbf{u}_w^\top \mathbf{v}_c)
= \frac{\sum_{w \in \text{Vocab}} \exp(\mathbf{u}_w^\top \mathbf{v}_c) \, \mathbf{u}_w}
       {\sum_{x \in \text{Vocab}} \exp(\mathbf{u}_x^\top \mathbf{v}_c)}
= \sum_{w \in \text{Vocab}} \hat{y}_w \, \mathbf{u}_w
\tag{b3}""")
def b3(v_c, U, u, yhat, Vocab):
    yield (
        derivative(lambda v_c: log_sum(v_c, U), v_c),
        sum(exp(u[w].T @ v_c) * u[w] for w in Vocab) / sum(exp(u[x].T @ v_c) for x in Vocab),
        sum(yhat[w] * u[w] for w in Vocab),
    )


@formula(r"""
\mathbf{U} \mathbf{y} = \sum_{w \in \text{Vocab}} y_w \, \mathbf{u}_w = \mathbf{u}_o,
\qquad
\mathbf{U} \hat{\mathbf{y}} = \sum_{w \in \text{Vocab}} \hat{y}_w \, \mathbf{u}_w
\tag{b4}""")
def b4(U, u, u_o, y, yhat, Vocab):
    yield U @ y, sum(y[w] * u[w] for w in Vocab), u_o
    yield U @ yhat, sum(yhat[w] * u[w] for w in Vocab)


@formula(r"""
\frac{\partial J_{\text{naive-softmax}}}{\partial \mathbf{v}_c}
= -\mathbf{u}_o + \sum_{w \in \text{Vocab}} \hat{y}_w \, \mathbf{u}_w
= \mathbf{U} (\hat{\mathbf{y}} - \mathbf{y})
\tag{b5}""")
def b5(v_c, o, U, u_o, u, y, yhat, Vocab):
    yield (
        derivative(lambda v_c: J_naive(v_c, o, U), v_c),
        -u_o + sum(yhat[w] * u[w] for w in Vocab),
        U @ (yhat - y),
    )


@formula(r"""
\frac{\partial}{\partial \mathbf{u}_w}
  \log \sum_{x \in \text{Vocab}} \exp(\mathbf{u}_x^\top \mathbf{v}_c)
= \frac{\exp(\mathbf{u}_w^\top \mathbf{v}_c)}
       {\sum_{x \in \text{Vocab}} \exp(\mathbf{u}_x^\top \mathbf{v}_c)} \, \mathbf{v}_c
= \hat{y}_w \, \mathbf{v}_c
\tag{c1}""")
def c1(w, v_c, U, u, yhat, Vocab):
    yield (
        by_u(lambda U: log_sum(v_c, U), U, w),
        exp(u[w].T @ v_c) / sum(exp(u[x].T @ v_c) for x in Vocab) * v_c,
        yhat[w] * v_c,
    )


@formula(r"""
\frac{\partial}{\partial \mathbf{u}_w} \left( -\mathbf{u}_o^\top \mathbf{v}_c \right)
= \begin{cases} -\mathbf{v}_c & w = o \\ \mathbf{0} & w \neq o \end{cases}
\tag{c2}""")
def c2(w, v_c, o, U, D):
    yield by_u(lambda U: -score(o, v_c, U), U, w), -v_c if w == o else np.zeros((D, 1))


@formula(r"""
\frac{\partial J_{\text{naive-softmax}}}{\partial \mathbf{u}_w}
= \begin{cases}
    (\hat{y}_o - 1) \, \mathbf{v}_c & w = o \\
    \hat{y}_w \, \mathbf{v}_c & w \neq o
  \end{cases}
\; = (\hat{y}_w - y_w) \, \mathbf{v}_c
\tag{c3}""")
def c3(w, v_c, o, U, y, yhat):
    yield (
        by_u(lambda U: J_naive(v_c, o, U), U, w),
        (yhat[o] - 1) * v_c if w == o else yhat[w] * v_c,
        (yhat[w] - y[w]) * v_c,
    )


@formula(r"""
\frac{\partial J_{\text{naive-softmax}}}{\partial \mathbf{U}}
= \mathbf{v}_c (\hat{\mathbf{y}} - \mathbf{y})^\top
\tag{c4}""")
def c4(v_c, o, U, y, yhat):
    yield derivative(lambda U: J_naive(v_c, o, U), U), v_c @ (yhat - y).T


@formula(r"""
\sigma(x) = \frac{1}{1 + e^{-x}} = \frac{e^x}{e^x + 1}
\tag{4}""")
def equation_4(x):
    yield logistic(x), 1 / (1 + exp(-x)), exp(x) / (exp(x) + 1)


@formula(r"""
1 - \sigma(x) = \frac{e^{-x}}{1 + e^{-x}} = \frac{1}{e^x + 1} = \sigma(-x)
\tag{d1}""")
def d1(x):
    yield 1 - sigma(x), exp(-x) / (1 + exp(-x)), 1 / (exp(x) + 1), sigma(-x)


@formula(r"""
\frac{d \sigma(x)}{d x}
= \frac{e^{-x}}{(1 + e^{-x})^2}
= \frac{1}{1 + e^{-x}} \cdot \frac{e^{-x}}{1 + e^{-x}}
= \sigma(x) \, (1 - \sigma(x))
\tag{d2}""")
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
= \begin{cases} \sigma(x_i) \, (1 - \sigma(x_i)) & i = j \\ 0 & i \neq j \end{cases}
\tag{d3}""")
def d3(xs):
    for (i, j), entry in np.ndenumerate(jacobian(xs)):
        yield entry, sigma(xs[i, 0]) * (1 - sigma(xs[i, 0])) if i == j else 0


@formula(r"""
\frac{\partial \sigma(\mathbf{x})}{\partial \mathbf{x}}
= \mathrm{diag}\left( \sigma(\mathbf{x}) \odot (1 - \sigma(\mathbf{x})) \right)
\tag{d4}""")
def d4(xs):
    yield jacobian(xs), np.diagflat(sigma(xs) * (1 - sigma(xs)))


@formula(r"""
\frac{d \sigma(-x)}{d x} = -\sigma(-x) \, (1 - \sigma(-x)) = -\sigma(x) \, (1 - \sigma(x))
\tag{d5}""")
def d5(x):
    yield (
        derivative(lambda x: logistic(-x), x),
        -sigma(-x) * (1 - sigma(-x)),
        -sigma(x) * (1 - sigma(x)),
    )


@formula(r"""
\frac{d \log \sigma(x)}{d x} = 1 - \sigma(x),
\qquad
\frac{d \log \sigma(-x)}{d x} = -(1 - \sigma(-x)) = -\sigma(x)
\tag{d6}""")
def d6(x):
    yield derivative(lambda x: math.log(logistic(x)), x), 1 - sigma(x)
    yield derivative(lambda x: math.log(logistic(-x)), x), -(1 - sigma(-x)), -sigma(x)


@formula(r"""
J_{\text{neg-sample}}(\mathbf{v}_c, o, \mathbf{U})
= -\log(\sigma(\mathbf{u}_o^\top \mathbf{v}_c))
  - \sum_{k=1}^K \log(\sigma(-\mathbf{u}_k^\top \mathbf{v}_c))
\tag{5}""")
def equation_5(v_c, o, U, u_o, u, w_k, K):
    yield (
        J_neg(v_c, o, U, w_k[1:]),
        -log(sigma(u_o.T @ v_c)) - sum(log(sigma(-u[w_k[k]].T @ v_c)) for k in range(1, K + 1)),
    )


@formula(r"""
\frac{\partial J_{\text{neg-sample}}}{\partial \mathbf{v}_c}
= (\sigma(\mathbf{u}_o^\top \mathbf{v}_c) - 1) \, \mathbf{u}_o
  + \sum_{k=1}^K \sigma(\mathbf{u}_k^\top \mathbf{v}_c) \, \mathbf{u}_k
\tag{e1}""")
def e1(v_c, o, U, u_o, u, w_k, K):
    yield (
        derivative(lambda v_c: J_neg(v_c, o, U, w_k[1:]), v_c),
        (sigma(u_o.T @ v_c) - 1) * u_o
        + sum(sigma(u[w_k[k]].T @ v_c) * u[w_k[k]] for k in range(1, K + 1)),
    )


@formula(r"""
\frac{\partial J_{\text{neg-sample}}}{\partial \mathbf{u}_o}
= (\sigma(\mathbf{u}_o^\top \mathbf{v}_c) - 1) \, \mathbf{v}_c
\tag{e2}""")
def e2(v_c, o, U, u_o, w_k):
    yield (by_u(lambda U: J_neg(v_c, o, U, w_k[1:]), U, o), (sigma(u_o.T @ v_c) - 1) * v_c)


@formula(r"""
\frac{\partial J_{\text{neg-sample}}}{\partial \mathbf{u}_k}
= \sigma(\mathbf{u}_k^\top \mathbf{v}_c) \, \mathbf{v}_c
\tag{e3}""")
def e3(k, v_c, U, w_k, u, K):
    drawn = U[:, w_k]  # one column a draw, so that only draw k moves
    yield (
        by_u(lambda drawn: J_neg(v_c, 0, drawn, range(1, K + 1)), drawn, k),
        sigma(u[w_k[k]].T @ v_c) * v_c,
    )


@formula(r"""
\frac{\partial J_{\text{neg-sample}}}{\partial \mathbf{u}_w}
= \sum_{k \,:\, w_k = w} \sigma(\mathbf{u}_k^\top \mathbf{v}_c) \, \mathbf{v}_c
= n_w \, \sigma(\mathbf{u}_w^\top \mathbf{v}_c) \, \mathbf{v}_c
\tag{e4}""")
def e4(w, v_c, o, U, u, w_k, K, D):
    if w != o:  # "for every word but o"
        draws = [k for k in range(1, K + 1) if w_k[k] == w]
        yield (
            by_u(lambda U: J_neg(v_c, o, U, w_k[1:]), U, w),
            sum((sigma(u[w_k[k]].T @ v_c) * v_c for k in draws), np.zeros((D, 1))),
            w_k[1:].count(w) * sigma(u[w].T @ v_c) * v_c,
        )


@formula(r"""
w_0 = o, \qquad \text{label}_0 = 1, \qquad \text{label}_1 = \dots = \text{label}_K = 0
\tag{e5}""")
def e5(o, w_k, label, K):
    yield w_k[0], o
    yield label[0], 1
    yield np.array(label[1:]), np.zeros(K)


@formula(r"""
\frac{\partial J_{\text{neg-sample}}}{\partial \mathbf{v}_c}
= \sum_{k=0}^K (\sigma(\mathbf{u}_k^\top \mathbf{v}_c) - \text{label}_k) \, \mathbf{u}_k
\tag{e6}""")
def e6(v_c, o, U, u, w_k, label, K):
    yield (
        derivative(lambda v_c: J_neg(v_c, o, U, w_k[1:]), v_c),
        sum((sigma(u[w_k[k]].T @ v_c) - label[k]) * u[w_k[k]] for k in range(K + 1)),
    )


@formula(r"""
\frac{\partial J_{\text{neg-sample}}}{\partial \mathbf{u}_w}
= \sum_{k \,:\, w_k = w} (\sigma(\mathbf{u}_k^\top \mathbf{v}_c) - \text{label}_k) \, \mathbf{v}_c
\tag{e7}""")
def e7(w, v_c, o, U, u, w_k, label, K, D):
    draws = [k for k in range(K + 1) if w_k[k] == w]
    yield (
        by_u(lambda U: J_neg(v_c, o, U, w_k[1:]), U, w),
        sum(((sigma(u[w_k[k]].T @ v_c) - label[k]) * v_c for k in draws), np.zeros((D, 1))),
    )


# (f): each formula for both losses, with the terms on its right in closed form, (b) to (e).


def naive_terms(window):
    return [lambda v_c, U, o=o: J_naive(v_c, o, U) for o in window]


def neg_terms(window, draws):
    return [
        lambda v_c, U, o=o, samples=samples: J_neg(v_c, o, U, samples)
        for o, samples in zip(window, draws)
    ]


def naive_closed(v_c, o, U):
    """(b5) and (c4)."""
    y = np.eye(U.shape[1])[:, [o]]
    yhat = softmax(U.T @ v_c)
    return U @ (yhat - y), v_c @ (yhat - y).T


def neg_closed(v_c, o, U, samples):
    """(e6), and (e7) in every column."""
    by_v_c, by_U = np.zeros(v_c.shape), np.zeros(U.shape)
    for w, label in [(o, 1), *((w, 0) for w in samples)]:
        error = sigma(U[:, [w]].T @ v_c) - label
        by_v_c += error * U[:, [w]]
        by_U[:, [w]] += error * v_c
    return by_v_c, by_U


def losses_of_window(v_c, U, window, draws):
    """For each loss: the terms of (6), and each term's derivatives by v_c and by U."""
    yield naive_terms(window), [naive_closed(v_c, o, U) for o in window]
    yield (
        neg_terms(window, draws),
        [
            neg_closed(v_c, *pair, samples)
            for *pair, samples in zip(window, [U] * len(window), draws)
        ],
    )


@formula(r"""
J_{\text{skip-gram}}(\mathbf{v}_c, w_{t-m}, \dots, w_{t+m}, \mathbf{U})
= \sum_{\substack{-m \leq j \leq m \\ j \neq 0}} J(\mathbf{v}_c, w_{t+j}, \mathbf{U})
\tag{6}""")
def equation_6(v_c, U, window, draws, u, m):
    positions = [j for j in range(-m, m + 1) if j != 0]
    w = dict(zip(positions, window, strict=True))  # w[j] is w_{t+j}
    yield (
        J_skipgram(naive_terms(window), v_c, U),
        sum(-log(softmax(U.T @ v_c)[w[j], 0]) for j in positions),
    )
    yield (
        J_skipgram(neg_terms(window, draws), v_c, U),
        -sum(
            log(sigma(u[o].T @ v_c)) + sum(log(sigma(-u[w_k].T @ v_c)) for w_k in samples)
            for o, samples in zip(window, draws)
        ),
    )


@formula(r"""
\frac{\partial J_{\text{skip-gram}}(\mathbf{v}_c, w_{t-m}, \dots, w_{t+m}, \mathbf{U})}
     {\partial \mathbf{U}}
= \sum_{\substack{-m \leq j \leq m \\ j \neq 0}}
  \frac{\partial J(\mathbf{v}_c, w_{t+j}, \mathbf{U})}{\partial \mathbf{U}}
\tag{f1}""")
def f1(v_c, U, window, draws):
    for terms, closed in losses_of_window(v_c, U, window, draws):
        yield (
            derivative(lambda U: J_skipgram(terms, v_c, U), U),
            sum(by_U for by_v_c, by_U in closed),
        )


@formula(r"""
\frac{\partial J_{\text{skip-gram}}(\mathbf{v}_c, w_{t-m}, \dots, w_{t+m}, \mathbf{U})}
     {\partial \mathbf{v}_c}
= \sum_{\substack{-m \leq j \leq m \\ j \neq 0}}
  \frac{\partial J(\mathbf{v}_c, w_{t+j}, \mathbf{U})}{\partial \mathbf{v}_c}
\tag{f2}""")
def f2(v_c, U, window, draws):
    for terms, closed in losses_of_window(v_c, U, window, draws):
        yield (
            derivative(lambda v_c: J_skipgram(terms, v_c, U), v_c),
            sum(by_v_c for by_v_c, by_U in closed),
        )


@formula(r"""
\frac{\partial J_{\text{skip-gram}}(\mathbf{v}_c, w_{t-m}, \dots, w_{t+m}, \mathbf{U})}
     {\partial \mathbf{v}_w}
= \mathbf{0} \qquad (w \neq c)
\tag{f3}""")
def f3(w, c, U, V, window, draws, D):
    if w != c:
        for terms in naive_terms(window), neg_terms(window, draws):
            yield by_u(lambda V: J_skipgram(terms, V[:, [c]], U), V, w), np.zeros((D, 1))


# The slips of the last table, from top to bottom. `wrong` and `right` must stand in the row's
# cells, and `shown` begin its last. A check returns the truth, the slip as a function, and the
# right form.

SLIPS = []  # (wrong, right, shown, check)
SHAPE, GRADIENT, NUMBER = "shapes", "gradient check", "a number"


def slip(wrong, right, shown):
    def hold(check):
        SLIPS.append((wrong, right, shown, check))
        return check

    return hold


@slip(r"$`y_w \neq 0`$", "$`y_w = 0`$", NUMBER)
def slip_one_hot(y, o, size):
    return 1, lambda: np.ones(size).sum(), sum(1 if w == o else 0 for w in range(size)) * y.sum()


@slip(r"$`\mathbf{U}^\top \mathbf{y}`$ for $`\mathbf{u}_o`$", r"$`\mathbf{U} \mathbf{y}`$", SHAPE)
def slip_column(U, u_o, y):
    return u_o, lambda: U.T @ y, U @ y


@slip(r"$`\mathbf{U}^\top \hat{y}_w`$", r"$`\mathbf{U} \hat{\mathbf{y}}`$", SHAPE)
def slip_entry(U, u, yhat, w, Vocab):
    return sum(yhat[w] * u[w] for w in Vocab), lambda: U.T * yhat[w], U @ yhat


def naive_by_v_c(v_c, o, U):
    return derivative(lambda v_c: J_naive(v_c, o, U), v_c)


@slip(
    r"$`-\mathbf{U}^\top \mathbf{y} + \mathbf{V}^\top \hat{\mathbf{y}}`$",
    r"$`-\mathbf{U} \mathbf{y} + \mathbf{U} \hat{\mathbf{y}}`$",
    SHAPE,
)
def slip_both_matrices(v_c, o, U, V, y, yhat):
    return naive_by_v_c(v_c, o, U), lambda: -U.T @ y + V.T @ yhat, -U @ y + U @ yhat


@slip(
    r"$`\mathbf{U}^\top (\hat{\mathbf{y}} - \mathbf{y})`$",
    r"$`\mathbf{U} (\hat{\mathbf{y}} - \mathbf{y})`$",
    SHAPE,
)
def slip_transpose(v_c, o, U, y, yhat):
    return naive_by_v_c(v_c, o, U), lambda: U.T @ (yhat - y), U @ (yhat - y)


@slip(
    r"$`\mathbf{V} (\hat{\mathbf{y}} - \mathbf{y})`$",
    r"$`\mathbf{U} (\hat{\mathbf{y}} - \mathbf{y})`$",
    GRADIENT,
)
def slip_v_for_u(v_c, o, U, V, y, yhat):
    return naive_by_v_c(v_c, o, U), lambda: V @ (yhat - y), U @ (yhat - y)


@slip(
    r"$`-(\mathbf{v}_c - \hat{y}_o) \, \mathbf{v}_c`$",
    r"$`-(1 - \hat{y}_o) \, \mathbf{v}_c`$",
    SHAPE,
)
def slip_v_c_twice(v_c, o, U, yhat):
    return (
        by_u(lambda U: J_naive(v_c, o, U), U, o),
        lambda: -(v_c - yhat[o]) @ v_c,
        -(1 - yhat[o]) * v_c,
    )


@slip(
    r"$`\exp(\mathbf{u}_o^\top \mathbf{v}_c) = 1`$",
    r"their derivative by it is $`\mathbf{0}`$",
    NUMBER,
)
def slip_exp_is_1(v_c, o, U, u_o, Vocab, D):
    return (
        by_u(lambda U: sum(math.exp(score(w, v_c, U)) for w in Vocab), U, o),
        lambda: 1 * v_c,
        exp(u_o.T @ v_c) * v_c + sum(np.zeros((D, 1)) for w in Vocab if w != o),
    )


@slip(
    r"$`-(\exp(\mathbf{u}_o^\top \mathbf{v}_c)"
    r" - \log \sum_w \exp(\mathbf{u}_w^\top \mathbf{v}_c))`$ for the loss",
    r"$`-(\mathbf{u}_o^\top \mathbf{v}_c - \log \sum_w \exp(\mathbf{u}_w^\top \mathbf{v}_c))`$",
    NUMBER,
)
def slip_exp_kept(w, v_c, o, U, u_o, u, Vocab):
    if w != o:  # the blind gradient check
        kept = by_u(lambda U: -(math.exp(score(o, v_c, U)) - log_sum(v_c, U)), U, w)
        assert same(kept, by_u(lambda U: J_naive(v_c, o, U), U, w))
    log_of_sum = log(sum(exp(u[w].T @ v_c) for w in Vocab))
    return (
        J_naive(v_c, o, U),
        lambda: -(exp(u_o.T @ v_c) - log_of_sum),
        -(u_o.T @ v_c - log_of_sum),
    )


@slip(
    r"$`\mathbf{u}_w^\top \mathbf{v}_c`$ called a constant",
    r"$`\mathbf{u}_o^\top \mathbf{v}_c`$ is the constant",
    GRADIENT,
)
def slip_constant(w, v_c, o, U, D):
    if w != o:
        zero = np.zeros((D, 1))
        both = [by_u(lambda U: score(word, v_c, U), U, w) for word in (w, o)]
        return np.hstack(both), lambda: np.hstack([zero, v_c]), np.hstack([v_c, zero])


@slip(r"$`\hat{y}_w \, \mathbf{v}_c \, \hat{y}_w`$", r"$`\hat{y}_w \, \mathbf{v}_c`$", GRADIENT)
def slip_probability_twice(w, v_c, o, U, yhat):
    if w != o:
        return (
            by_u(lambda U: J_naive(v_c, o, U), U, w),
            lambda: yhat[w] * v_c * yhat[w],
            yhat[w] * v_c,
        )


@slip(
    r"$`(\hat{\mathbf{y}} - \mathbf{y}) \, \mathbf{v}_c`$",
    r"$`\mathbf{v}_c (\hat{\mathbf{y}} - \mathbf{y})^\top`$",
    SHAPE,
)
def slip_outer_product(v_c, o, U, y, yhat):
    truth = derivative(lambda U: J_naive(v_c, o, U), U)
    assert same(truth.T, (yhat - y) @ v_c.T)  # "in the code's rows"
    return truth, lambda: (yhat - y) @ v_c, v_c @ (yhat - y).T


@slip(r"$`\partial J / \partial \mathbf{V}`$", r"$`\partial J / \partial \mathbf{U}`$", GRADIENT)
def slip_by_v(v_c, c, o, U, V, y, yhat):
    by_V = derivative(lambda V: J_naive(V[:, [c]], o, U), V)
    assert same(np.delete(by_V, c, axis=1), 0 * np.delete(V, c, axis=1))
    return derivative(lambda U: J_naive(v_c, o, U), U), lambda: by_V, v_c @ (yhat - y).T


@slip(
    r"$`\sigma(x) \, (1 - \sigma(x))`$ for the derivative of $`\sigma(-x)`$",
    r"$`-\sigma(x) \, (1 - \sigma(x))`$",
    GRADIENT,
)
def slip_sign(x):
    return (
        derivative(lambda x: logistic(-x), x),
        lambda: sigma(x) * (1 - sigma(x)),
        -sigma(x) * (1 - sigma(x)),
    )


@slip("$`1 / (1 + e^{-x})`$", "$`-e^x / (1 + e^x)^2`$", GRADIENT)
def slip_sigma_itself(x):
    return (
        derivative(lambda x: logistic(-x), x),
        lambda: 1 / (1 + exp(-x)),
        -exp(x) / (1 + exp(x)) ** 2,
    )


@slip(r"$`\sigma(x) + \sigma(1 - x) = 1`$", r"$`\sigma(x) + \sigma(-x) = 1`$", NUMBER)
def slip_complement(x):
    assert f"{sigma(0) + sigma(1 - 0):.2f}" == "1.23"
    return 1, lambda: sigma(x) + sigma(1 - x), sigma(x) + sigma(-x)


def neg_by_v_c(v_c, o, U, samples):
    return derivative(lambda v_c: J_neg(v_c, o, U, samples), v_c)


@slip(
    r"$`-\sum_k (1 - \sigma(-\mathbf{u}_k^\top \mathbf{v}_c)) \, \mathbf{u}_k`$",
    r"$`+\sum_k (1 - \sigma(-\mathbf{u}_k^\top \mathbf{v}_c)) \, \mathbf{u}_k`$",
    GRADIENT,
)
def slip_inner_minus(v_c, o, U, u_o, u, w_k):
    first = (sigma(u_o.T @ v_c) - 1) * u_o
    total = sum((1 - sigma(-u[w].T @ v_c)) * u[w] for w in w_k[1:])
    return neg_by_v_c(v_c, o, U, w_k[1:]), lambda: first - total, first + total


@slip(
    r"$`-\sum_k (1 - \sigma(-\mathbf{u}_k^\top \mathbf{v}_c)) \, \mathbf{v}_c`$",
    r"$`\mathbf{0}`$ in its place",
    GRADIENT,
)
def slip_samples_in_u_o(v_c, o, U, u_o, u, w_k, D):
    first = (sigma(u_o.T @ v_c) - 1) * v_c
    return (
        by_u(lambda U: J_neg(v_c, o, U, w_k[1:]), U, o),
        lambda: first - sum((1 - sigma(-u[w].T @ v_c)) * v_c for w in w_k[1:]),
        first + np.zeros((D, 1)),
    )


@slip(
    "the samples must differ from the centre word",
    r"outside word, $`o \notin \{w_1, \dots, w_K\}`$",
    GRADIENT,
)
def slip_centre_as_sample(v_c, c, o, U, u, w_k, label, K):
    assert o not in w_k[1:]
    if c in w_k[1:]:
        kept = [k for k in range(K + 1) if w_k[k] != c]
        return (
            neg_by_v_c(v_c, o, U, w_k[1:]),
            lambda: sum((sigma(u[w_k[k]].T @ v_c) - label[k]) * u[w_k[k]] for k in kept),
            neg_closed(v_c, o, U, w_k[1:])[0],
        )


@slip(
    r"samples up to $`\mathbf{u}_{K-1}`$",
    r"up to $`\mathbf{u}_K`$, with that of $`\mathbf{u}_o`$ there are $`K + 1`$",
    NUMBER,
)
def slip_last_sample(v_c, o, U, u, w_k, K):
    def loss(scores):
        return -sum(log(sigma(score)) for score in scores)

    scores = [u[o].T @ v_c] + [-u[w].T @ v_c for w in w_k[1:]]
    assert len(scores) == K + 1
    return J_neg(v_c, o, U, w_k[1:]), lambda: loss(scores[:-1]), loss(scores)


@slip(
    r"$`-(1 - \sigma(-\mathbf{u}_k^\top \mathbf{v}_c))`$",
    r"on that of $`o`$ alone; $`1 - \sigma(-\mathbf{u}_k^\top \mathbf{v}_c)`$",
    GRADIENT,
)
def slip_factor(v_c, o, U, u_o, u, w_k):
    first = -(1 - sigma(u_o.T @ v_c)) * u_o
    return (
        neg_by_v_c(v_c, o, U, w_k[1:]),
        lambda: first + sum(-(1 - sigma(-u[w].T @ v_c)) * u[w] for w in w_k[1:]),
        first + sum((1 - sigma(-u[w].T @ v_c)) * u[w] for w in w_k[1:]),
    )


@slip(
    r"$`\partial J(\mathbf{v}_c, w_{t+j}, \mathbf{U}) / \partial \mathbf{U}`$",
    "the sum of these over the window, (f1); likewise (f2)",
    GRADIENT,
)
def slip_one_term(v_c, U, window):
    closed = [naive_closed(v_c, o, U)[1] for o in window]
    return (
        derivative(lambda U: J_skipgram(naive_terms(window), v_c, U), U),
        lambda: closed[0],
        sum(closed),
    )


@slip(r"the derivatives of $`J_{\text{neg-sample}}`$ put in for $`J`$", "$`J`$ left open", GRADIENT)
def slip_one_loss(v_c, U, window, draws):
    naive, neg = losses_of_window(v_c, U, window, draws)
    return (
        derivative(lambda U: J_skipgram(naive[0], v_c, U), U),
        lambda: sum(by_U for by_v_c, by_U in neg[1]),
        sum(by_U for by_v_c, by_U in naive[1]),
    )


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
    assert J_skipgram(naive_terms(window), v_c, U) == pytest.approx(11.16610900153398, rel=1e-12)
    np.testing.assert_allclose(
        sum(naive_closed(v_c, o, U)[0] for o in window),
        [[-1.26947339], [-1.36873189], [2.45158957]],
        atol=1e-8,
    )


# The tests of the tables.


def rows(section):
    """Cells of the table rows in a part of the page, without the header."""
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
            assert fails_in(truth, wrong) == ("shapes" if shown == SHAPE else "value")


def fails_in(truth, wrong):
    """In what a slip differs from the truth: "shapes", "value", or None."""
    try:
        value = wrong()
    except ValueError:  # NumPy refuses the product
        return "shapes"
    if plain(value).shape != plain(truth).shape:
        return "shapes"
    return None if same(truth, value) else "value"


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
        r"\mathbf{u}_k": inputs.u[inputs.w_k[1]],
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


class Draws:
    """A dataset that draws the given negative samples."""

    def __init__(self, words):
        self.words = iter(words)

    def sampleTokenIdx(self):
        return next(self.words)


@pytest.mark.parametrize("inputs", CASES[::3], ids=lambda at: f"D={at.D},V={at.size},K={at.K}")
def test_word2vec_computes_the_page(inputs):
    import word2vec

    v_c, U, o, samples = inputs.v_c, inputs.U, inputs.o, inputs.w_k[1:]
    naive = word2vec.naiveSoftmaxLossAndGradient(v_c.ravel(), o, U.T.copy(), None)
    neg = word2vec.negSamplingLossAndGradient(v_c.ravel(), o, U.T.copy(), Draws(samples), inputs.K)
    for code, loss, page in [
        (naive, J_naive(v_c, o, U), naive_closed(v_c, o, U)),
        (neg, J_neg(v_c, o, U, samples), neg_closed(v_c, o, U, samples)),
    ]:
        assert same(code[0], loss)
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
        ("(e)", ["e1", "e2", "e3", "e4"]),
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


def test_plot_is_described_in_at_most_three_sentences():
    text = section("2 (c)")
    assert "PLOT-SENTENCES-TO-COME" not in text, "the plot is not described yet"
    assert 1 <= len(sentences(text)) <= 3


def test_sentences_are_counted():
    assert len(sentences("![a. b. c.](p.png)\nOne with 1.5 and $`x. y`$. Two? Three")) == 3


def test_inline_formulas_are_parts_of_held_ones():
    """A formula in the text is a piece of a held display or slip, a symbol, or a shape."""
    held = " ".join([*FORMULAS, *(f"{wrong} {right}" for wrong, right, _, _ in SLIPS)])
    held = held.replace(" ", "")
    shape = re.compile(r"(D|n|1|\\lvert V \\rvert) \\times (D|n|1|\\lvert V \\rvert)")
    known = {
        "D",
        r"\lvert V \rvert",
        "K D",
        r"\lvert V \rvert D",
        "n",
        r"\odot",
        "-1",
        "K + 1",
        r"\mathbf{U}^\top",
        r"\mathbf{U}^\top \mathbf{v}_c",
        "(1 + e^{-x})^{-1}",
        "-x",
        r"\mathbf{u}_c",
        r"-\mathbf{u}_k",
        r"\hat{\mathbf{y}} - \mathbf{y}",
        r"(\hat{\mathbf{y}} - \mathbf{y}) \, \mathbf{v}_c^\top",
    }  # asserted in its slip
    free = {latex for latex in INLINE.findall(PAGE) if latex.replace(" ", "") not in held}
    assert {latex for latex in free if not shape.fullmatch(latex)} <= known


def test_github_renders_the_formulas():
    text = DISPLAY.sub("", PAGE)
    assert "$" not in INLINE.sub("", text), "inline formulas are written $`...`$"
    cramped = re.search(r"[^\s(]\$`[^`]+`\$|\$`[^`]+`\$[^\s.,:;)]", text)
    assert not cramped, f"GitHub needs room around {cramped.group()}"
    assert all(len(row) in (3, 4) for row in rows(PAGE)), "a bare | splits a table's cell"
    for latex in [*DISPLAY.findall(PAGE), *INLINE.findall(PAGE)]:
        assert latex.count("{") == latex.count("}") and "\n\n" not in latex
        assert not re.search(r"\\(operatorname|newcommand|def|require|href|label|ref)\b", latex)
