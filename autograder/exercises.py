"""Make the calls that grade the functions of a submission, and their expected outputs.

Each question in questions.ini has a function here that makes its cases from new random inputs. The
expected outputs come from right formulas, the outputs of typical mistakes from the wrong formulas
in questions.ini. All inputs have two decimals, so the report prints exactly what was used.
"""

import random

import numpy as np

from autograder.checking import Case, Check, Exercise, checks_of, describe
from autograder.questions import FILE, evaluate, formulas, questions
from common.stopping import UserError


# ---------------------------------------------------------------------------------------- sigmoid
def sigmoid(x):
    """1 / (1 + e^-x), without overflow."""
    return np.exp(-np.logaddexp(0, -np.asarray(x, dtype=float)))


def sigmoid_cases(rng):
    """Arrays, and a number."""

    def case(item, x):
        wrong = evaluate("sigmoid", sigmoid=sigmoid, x=np.asarray(x))
        check = Check(item, 0, "sigmoid(x)", sigmoid(x), wrong)
        return Case({"x": x}, [check], call={"single": True})

    return [
        case(0, draw(rng, 5, scale=2)),
        case(0, draw(rng, 3, 4, scale=2)),
        case(1, round(float(draw(rng, 1)[0]), 2)),
        tell_overflow(case(0, np.array([-1000.0, 1000.0])), "sigmoid overflows"),
    ]


def tell_overflow(case, remark):
    """Return a case with its first output for a remark only, because its inputs are large."""
    check = case.checks[0]
    case.checks = [Check(None, 0, check.name, check.expected, remark=remark, overflow=True)]
    return case


# ---------------------------------------------------------------------------------- naive softmax
def naive_softmax(v, o, u, delta=None):
    """Return loss (2), its gradients with respect to v_c and U; `delta` can replace y_hat - y."""
    scores = u @ v
    log_y_hat = scores - np.logaddexp.reduce(scores)
    if delta is None:
        delta = np.exp(log_y_hat) - np.eye(len(u))[o]
    return -log_y_hat[o], u.T @ delta, np.outer(delta, v)


def naive_softmax_cases(rng):
    """The loss and its two gradients."""
    many = np.round(2 * np.sin(np.arange(6000)), 2).reshape(3000, 2)
    large = naive_softmax_case(draw(rng, 2), int(rng.integers(1000, 2999)), many)
    large.about = "outsideVectors is np.round(2 * np.sin(np.arange(6000)), 2).reshape(3000, 2)"
    large.hint = "large vocabulary"
    # exp(-500) does not underflow, so this is right if the maximum is subtracted.
    u = np.array([[30.0, 20.0], [20.0, 10.0], [1.0, 1.0]])
    return [
        naive_softmax_case(draw(rng, 4), int(rng.integers(1, 6)), draw(rng, 7, 4)),
        naive_softmax_case(draw(rng, 3), 0, draw(rng, 5, 3)),
        naive_softmax_case(draw(rng, 3), 5, draw(rng, 6, 3)),
        large,
        tell_overflow(naive_softmax_case(np.array([20.0, 30.0]), 1, u), "softmax overflows"),
    ]


def naive_softmax_case(v, o, u):
    """Return a call with centre vector v, outside word o, outside vectors u."""
    right = dict(zip(("loss", "gradCenterVec", "gradOutsideVecs"), naive_softmax(v, o, u)))
    scores, y = u @ v, np.eye(len(u))[o]
    y_hat = np.exp(scores - np.logaddexp.reduce(scores))
    wrong = evaluate("naive softmax", outside=right["gradOutsideVecs"])
    for hint, loss in evaluate("naive softmax: loss", scores=scores, y_hat=y_hat, o=o):
        wrong.append((hint, {"loss": loss}))
    for hint, delta in evaluate("naive softmax: delta", scores=scores, y_hat=y_hat, y=y):
        _, center, outside = naive_softmax(v, o, u, delta)
        wrong.append((hint, {"gradCenterVec": center, "gradOutsideVecs": outside}))
    return Case(loss_arguments(v, o, u, []), checks_of(right, wrong))


def loss_arguments(v, o, u, draws):
    """Return the arguments of a loss function; `draws` are the words that the data set draws."""
    arguments = {"centerWordVec": v, "outsideWordIdx": o, "outsideVectors": u}
    return {**arguments, "dataset": {"dataset": draws}}


# ------------------------------------------------------------------------------ negative sampling
def word_terms(scores):
    """Return loss (5) of each word and its derivative by the score u.v_c, both like `scores`.

    -log sigma(s) for the true word, which comes first in the last axis, -log sigma(-s) for the
    negatives.
    """
    sign = np.where(np.arange(scores.shape[-1]), -1, 1)
    return np.logaddexp(0, -sign * scores), -sign * sigmoid(-sign * scores)


def negative_sampling(v, o, u, negatives, loss=None, delta=None, weight=1, rows=None):
    """Return loss (5), its gradients with respect to v_c and U; the options make mistakes."""
    words = np.array([o, *negatives], dtype=int)
    terms = word_terms(u[words] @ v)
    loss = weight * (terms[0] if loss is None else loss)
    delta = weight * (terms[1] if delta is None else delta)
    outside = np.zeros_like(u)
    np.add.at(outside, words if rows is None else rows, np.outer(delta, v))
    return loss.sum(), u[words].T @ delta, outside


def negative_sampling_cases(rng):
    """The loss, its two gradients, and words drawn more than once."""
    words = rng.permutation(9)
    o, distinct = int(words[0]), words[1:6].tolist()
    default = (1 + rng.permutation(12)).tolist()
    last = 5
    a, b, c = rng.permutation(last)[:3].tolist()
    # Without the outside word, which is drawn once and then twice in a row, these are 10 negatives.
    again = [a, b, a, last, c, last, last, b, a, a, c, b, last, c, a]
    repeated = negative_sampling_case(draw(rng, 3), last, draw(rng, 6, 3), again, 10)
    for check in repeated.checks:  # they count for the last item, unless another item is wrong
        check.item, check.unless = 3, check.item if check.item < 2 else None
    v, u = np.array([30.0, 0.0]), np.array([[-30.0, 1.0], [1.0, 0.5], [0.2, 3.0]])
    overflowing = negative_sampling_case(v, 0, u, [1, 2, 1, 2, 2, 1, 1, 2, 1, 2], 10)
    return [
        negative_sampling_case(draw(rng, 4), o, draw(rng, 9, 4), distinct, 5),
        negative_sampling_case(draw(rng, 3), 0, draw(rng, 13, 3), default, 10),
        repeated,
        tell_overflow(overflowing, "log sigmoid overflows"),
    ]


def negative_sampling_case(v, o, u, draws, k):
    """Return a call in which sampleTokenIdx() draws a given sequence of words."""
    script = draws + [word for word in range(len(u)) if word != o] * 20
    drawn = [word for word in script if word != o]
    negatives, waiting = drawn[:k], iter(draws)

    def sampled(negatives=negatives, **changes):
        return negative_sampling(v, o, u, negatives, **changes)

    true = np.eye(k + 1)[0]
    scores, sign = u[[o, *negatives]] @ v, 2 * true - 1
    terms = dict(delta=word_terms(scores)[1], p=sigmoid(sign * scores), q=sigmoid(scores))
    words = dict(draws=draws, drawn=drawn, negatives=negatives, true=true, sign=sign, K=k, V=len(u))
    words["redrawn_once"] = [next(waiting, o) if word == o else word for word in waiting]
    wrong = evaluate("negative sampling", sampled=sampled, **words, **terms)
    right = dict(zip(("loss", "gradCenterVec", "gradOutsideVecs"), sampled()))
    case = Case(loss_arguments(v, o, u, script), checks_of(right, wrong), undrawn="own negatives")
    case.keywords = {} if k == 10 else {"K": k}
    case.about = f"sampleTokenIdx() draws {', '.join(map(str, draws))}"
    return case


# -------------------------------------------------------------------------------------- skip-gram
def skipgram_cases(rng):
    """The loss and its two gradients, for a made-up loss function."""
    empty = skipgram_case(rng, 5, "", 2)
    for check in empty.checks:
        check.item, check.remark = None, "no outside words"
    v, u = draw(rng, 3, 2), draw(rng, 3, 2)
    arguments = skipgram_arguments({"a": 0, "b": 1, "c": 2}, "ab", 1, v, u, [0, 1, 2] * 50)
    loss = sum(naive_softmax(v[2], o, u)[0] for o in (0, 1))
    by_default = Case(arguments, [Check(None, 0, "loss", loss, remark="default loss")])
    cases = [skipgram_case(rng, *how) for how in ((6, "fbfda", 3), (5, "b", 1), (5, "acd", 2))]
    return [*cases, empty, by_default]


def skipgram_case(rng, n, outside, window):
    """Return a call with a window around the word "c"; words a, b, ... are numbered at random."""
    letters = "abcdefgh"[:n]
    index = dict(zip(letters, rng.permutation(n).tolist()))
    v, u, a, b = (draw(rng, n, 3) for _ in range(4))
    c, words, rows = index["c"], [index[word] for word in outside], np.arange(1.0, n + 1)
    drawn = max(index[word] for word in letters if word not in outside)  # never 0

    def total(words=words, centers=None, scale=1, drawn=drawn, v=v, u=u):
        centers = np.array([c] * len(words) if centers is None else centers, dtype=int)
        words = np.array(words, dtype=int)
        loss = sum(a[o] @ v[row] + rows @ u @ b[o] + drawn for row, o in zip(centers, words))
        center = np.zeros_like(v)
        np.add.at(center, centers, a[words])
        return scale * loss, scale * center, scale * np.outer(rows, b[words].sum(axis=0))

    def always(loss, *more):
        losses, centers, outsides = zip(*(loss(v[c], o, u, *more) for o in words))
        return sum(losses), np.outer(np.eye(n)[c], sum(centers)), sum(outsides)

    right = dict(zip(("loss", "gradCenterVecs", "gradOutsideVectors"), total()))
    own_rows = sum(np.outer(rows * (np.arange(n) == o), b[o]) for o in words)
    names = dict(c=c, words=words, window=window, v=v, u=u, drawn=drawn, own_rows=own_rows)
    names |= dict(naive_softmax=naive_softmax, negative_sampling=negative_sampling)
    names |= dict(total=total, always=always, right=list(right.values()))
    wrong = evaluate("skip-gram", **names) if words else []
    loss = {"loss": {"a": a.tolist(), "b": b.tolist()}}
    arguments = skipgram_arguments(index, outside, window, v, u, [drawn] * 100, loss)
    about = (
        "word2vecLossAndGradient is made up:\n"
        f"J = a[o].v_c + sum_w (w + 1) b[o].u_w + dataset.sampleTokenIdx(), which is {drawn},\n"
        "with gradients a[o] and np.outer(range(1, V + 1), b[o]), where\n" + describe(a=a, b=b)
    )
    return Case(arguments, checks_of(right, wrong), about=about)


def skipgram_arguments(index, outside, window, v, u, draws, *loss):
    """Return the arguments of a call with centre word "c"; the loss function may be left out."""
    names = "currentCenterWord windowSize outsideWords word2Ind centerWordVectors outsideVectors"
    names += " dataset word2vecLossAndGradient"
    values = ("c", window, list(outside), {"dict": index}, v, u, {"dataset": draws}, *loss)
    return dict(zip(names.split(), values))


# -------------------------------------------------------------------------------------------- sgd
def sgd_cases(rng):
    """The steps, their annealing, postprocessing, and checkpoints.

    Long calls come last, so that a slow sgd can be graded on the others before it times out.
    """
    affine = round(float(rng.uniform(0.6, 0.9)), 2), round(float(rng.uniform(0.1, 0.5)), 2)
    return [
        *few_steps(0, rng, draw(rng, 3, 2) + 4, 0.1, 7),
        *few_steps(0, rng, round(float(draw(rng, 1)[0]) + 4, 2), 0.2, 5),  # as in `python sgd.py`
        *few_steps(2, rng, draw(rng, 2, 2) + 4, 0.1, 6, affine),
        annealing_case(rng, first=39_996),
        *resuming_cases(rng),
        *saving_cases(rng, first=4_991),
        *saving_cases(rng, first=1),
        annealing_case(rng, first=1),
    ]


def right_update(x, x0, step, g):
    """Return x after a step of sgd; questions.ini has wrong steps."""
    return x - step * g


def sgd_case(checks, objective, formula, x0, step, iterations, affine=None, **call):
    """Return a call of sgd; `call` has more information for child.py, such as the checkpoints."""
    arguments = {"f": objective, "x0": x0, "step": step, "iterations": iterations}
    arguments["postprocessing"] = {"affine": list(affine)} if affine else None
    arguments["useSaved"] = "folder" in call
    about = f"f(x) = {formula}"
    about += f"\npostprocessing: x -> {affine[0]} x + {affine[1]}" if affine else ""
    for iteration, params, seed in call.get("saves", ()):
        about += f"\nsaved_params_{iteration}.npy holds {params}"
        about += f"\nsaved_state_{iteration}.pickle holds the state after random.seed({seed})"
    if "noisy" in objective:
        about += f"\nbefore the call there was random.seed({objective['noisy']['seed']})"
    keywords = {"PRINT_EVERY": iterations}  # one line of progress is enough
    return Case(arguments, checks, keywords, about, call={"single": True, **call})


def few_steps(item, rng, x0, step, iterations, affine=None):
    """Return calls with some steps down a quadratic, each followed by x -> a x + b."""
    a, b = np.abs(draw(rng, *np.shape(x0))) + 0.5, draw(rng, *np.shape(x0))
    post = dict(zip(("scale", "shift"), affine or (1, 0)))

    def descend(n=iterations, update=right_update, halved=False, start=x0, **changed):
        x, (scale, shift) = start, {**post, **changed}.values()
        for i in range(n):
            x = update(x=x, x0=x0, step=step / 2 if halved and i else step, g=a * (x - b))
            x = scale * x + shift
        return x

    names = dict(descend=descend, n=iterations, x0=x0, **post)
    told = [(hint, descend(update=update)) for hint, update in formulas("sgd: update")]
    objective = {"quadratic": {"a": a.tolist(), "b": b.tolist()}}
    formula = "sum(a * (x - b) ** 2) / 2 with\n" + describe(a=a, b=b)
    if not affine:
        check = Check(item, 0, "x", descend(), told + evaluate("sgd: steps", **names))
        return [sgd_case([check], objective, formula, x0, step, iterations)]
    own = sgd_case([], objective, "", x0, step, 1, turns=iterations, between=affine)
    mistakes = evaluate("sgd: postprocessing", **names)
    accepted = (*(x for _, x in told), descend(iterations - 1), descend(iterations + 1))
    check = Check(item, 0, "x", descend(), mistakes, accepted=accepted, own_steps=(own, *affine))
    return [sgd_case([check], objective, formula, x0, step, iterations, affine), own]


def plane(rng, n):
    """Return a random objective sum(g * x), g > 0: g, a starting point, the formula to show."""
    g, x0 = np.abs(draw(rng, n)) + 0.5, draw(rng, n)
    return g, x0, "sum(g * x) with\n" + describe(g=g)


def end_on_plane(update, steps, g, x0, start=None):
    """Return where these steps, (n, 1), lead with an update, from x0 or from a given start.

    On a plane, the gradient is the same everywhere. So x matters only as the point that an update
    starts from: it starts from x, from x0 or from neither.
    """
    changes, one = update(x=0, x0=0, step=steps, g=g), dict(step=1, g=1)
    if update(x=1, x0=0, **one) != update(x=0, x0=0, **one):
        return (x0 if start is None else start) + changes.sum(axis=0)
    return changes[-1] + (x0 if update(x=0, x0=1, **one) != update(x=0, x0=0, **one) else 0)


def annealed(step, first, last, late=0, factor=0.5, every=20_000, times=np.inf):
    """Return the learning rate of each iteration from the first to the last, (n, 1)."""
    halvings = np.maximum(0, np.arange(first - 1, last) - late) // every
    return (step * factor ** np.minimum(halvings, times))[:, None]


def told_elsewhere(end, but=()):
    """Return where wrong updates lead, since they cost the first item; but not these points."""
    ends = [end(update) for _, update in formulas("sgd: update")]
    return tuple(x for x in ends if not any(np.allclose(x, y, rtol=1e-6, atol=0) for y in but))


def annealing_case(rng, first=1):
    """Return a call with two halvings, on a plane, where only the sum of the steps matters.

    For an sgd that is right but slow: only the second one, resuming shortly before it.
    """
    (g, x0, formula), start, last = plane(rng, 3), draw(rng, 3), 40_007
    step, call = (0.1, {"folder": "annealing"}) if first > 1 else (1e-3, {})

    def descend(update=right_update, last=last, scale=1, **how):
        steps = scale * annealed(step, first, last, **how)
        return end_on_plane(update, steps, g, x0, start if first > 1 else None)

    updates = [right_update, *(update for _, update in formulas("sgd: update"))]
    accepted = told_elsewhere(descend, but=[descend(update, factor=1) for update in updates])
    if first == 1:
        accepted += (descend(last=last - 1), descend(last=last + 1))
    else:
        call["saves"] = [[first - 1, start.tolist(), 1]]
        # The course's own sgd has step * 0.5 ** (first / 20000), a fraction of a halving.
        accepted += (descend(scale=0.5 ** ((first - 1) / 20_000) / 0.5),)
    mistakes = evaluate("sgd: annealing", descend=descend, x0=x0)
    check = Check(1, 0, "x", descend(), mistakes, tolerance=1e-7, accepted=accepted)
    case = sgd_case([check], {"linear": g.tolist()}, formula, x0, step, last, **call)
    case.stands_in = first > 1
    return case


def noise(seed, n):
    """Return n values of `random.random()` for this seed, (n, 1), and the state after them."""
    generator = random.Random(seed)
    return np.array([[generator.random()] for _ in range(n)]), generator.getstate()[1]


def noisy(g, seed):
    """Return the objective of child.py that multiplies `plane` by a draw from `random`."""
    return {"noisy": {"slope": g.tolist(), "seed": seed}}


def resuming_cases(rng):
    """Return 10 iterations, resumed after 20,000, with a gradient that depends on `random`."""
    (g, x0, formula), step, at, n = plane(rng, 3), 0.1, 20_000, 10
    start, older = draw(rng, 3), draw(rng, 3)
    saved_seed, own_seed, older_seed = (rng.integers(1, 1000, 3) + [0, 1000, 2000]).tolist()

    def resume(start=start, seed=saved_seed, first=at + 1, scale=1, calls=1, update=right_update):
        r = noise(seed, calls * (at + n + 1 - first))[0][calls - 1 :: calls]
        return end_on_plane(update, scale * annealed(step, first, at + n), r * g, x0, start)

    names = dict(x0=x0, start=start, older=older, own_seed=own_seed, older_seed=older_seed)
    own = sgd_case([], noisy(g, saved_seed), "", start, step / 2, n)
    check = Check(3, 0, "x", resume(), evaluate("sgd: resuming", resume=resume, **names))
    check.accepted = told_elsewhere(lambda update: resume(update=update))
    check.own_steps, check.tolerance = (own, 1, 0), 1e-7
    saves = [[5000, older.tolist(), older_seed], [at, start.tolist(), saved_seed]]
    call, formula = {"folder": "resuming", "saves": saves}, f"random.random() * {formula}"
    return sgd_case([check], noisy(g, own_seed), formula, x0, step, at + n, **call), own


def saving_cases(rng, first):
    """Return the iterations from the first to 5,000, and the checkpoint that they write."""
    (g, x0, formula), step, last = plane(rng, 2), 0.001, 5_000
    seed, start = int(rng.integers(1, 1000)), draw(rng, 2) if first > 1 else x0
    r, state = noise(seed, last + 1 - first)

    def descend(update=right_update, scale=1):
        return end_on_plane(update, scale * annealed(step, 1, len(r)), r * g, x0, start)

    # The course's own sgd anneals by a fraction when it resumes.
    accepted = (*told_elsewhere(descend), descend(scale=0.5 ** ((first - 1) / 20_000)))
    files = (f"saved_params_{last}.npy", f"saved_state_{last}.pickle")
    own = sgd_case([], noisy(g, seed), "", start, step, len(r))
    params = Check(3, 1, files[0], descend(), accepted=accepted, own_steps=(own, 1, 0))
    state = Check(3, 2, f"the state in {files[1]}", np.array(state), tolerance=0)
    params.tolerance = 1e-7
    saves = [[first - 1, start.tolist(), seed]] if first > 1 else []
    call = {"folder": f"saving-from-{first}", "saves": saves, "reads": files}
    formula = f"random.random() * {formula}"
    case = sgd_case([params, state], noisy(g, seed), formula, x0, step, last, **call)
    case.stands_in, case.hint = first > 1, "must save"
    return case, own


# ------------------------------------------------------------------------------------------ inputs
def draw(rng, *shape, scale=1.0):
    """Return normal random numbers with two decimals, none of them 0."""
    values = np.round(scale * rng.normal(size=shape), 2)
    return np.where(values == 0, 0.37, values)


CASES = {
    "sigmoid": sigmoid_cases,
    "naive-softmax": naive_softmax_cases,
    "neg-sampling": negative_sampling_cases,
    "skipgram": skipgram_cases,
    "sgd": sgd_cases,
}


def make_exercises(seed, names=None):
    """Return the exercises of these questions, or of all, with inputs from this seed.

    Raises `UserError` for a question without cases, or with a different number of items.
    """
    exercises = []
    for i, (name, question) in enumerate(questions().items()):
        if not question.function:
            continue
        if name not in CASES:
            raise UserError(f"{FILE.name} has a question {name}, but exercises.py has no cases")
        if names and name not in names:
            continue
        cases = CASES[name](np.random.default_rng([seed, i]))
        n_items = len({check.item for case in cases for check in case.checks} - {None})
        if n_items != len(question.items):
            raise UserError(f"{FILE.name}: [question {name}] must have {n_items} items")
        exercises.append(Exercise(question, cases, is_step=name == "sgd"))
    return exercises
