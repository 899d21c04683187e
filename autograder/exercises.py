"""What is asked of the functions of a submission: fresh inputs, expected outputs, likely mistakes.

    for exercise in make_exercises(seed):
        outcome = ...               # of the submission, called with exercise.calls()
        results, remarks = exercise.grade(outcome)

An `Exercise` is a function with its `Item`s, which earn points, and its `Case`s, the calls. A case
has a `Check` for each output that an item looks at: the expected array, and the arrays that classic
mistakes would lead to, each with the sentence that helps. All inputs have two decimals, so that
the table prints exactly what was used.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

TOLERANCE = 1e-5  # relative, as in the gradient check; float32 is good enough
MAX_TEXT = 1500  # characters of an array in the table
SKIP = -1  # in place of an item: do not look at this output


@dataclass
class Item:
    """Something that earns points."""

    title: str
    points: float
    number: str


@dataclass
class Check:
    """One output of a call, looked at for an item (None: for a remark that costs nothing)."""

    item: int | None
    output: int
    name: str
    expected: np.ndarray
    mistakes: dict = field(default_factory=dict)  # sentence -> array
    remark: str = ""
    tolerance: float = TOLERANCE


@dataclass
class Case:
    """One call of the function."""

    args: list  # as child.py builds them
    kwargs: dict
    inputs: str  # as the table shows them
    checks: list
    names: tuple  # of the arguments


class Result(NamedTuple):
    """What an item has earned, and what to say about it."""

    points: float
    lines: list


@dataclass
class Exercise:
    """A function of the assignment."""

    part: str  # of the assignment, for the table
    module: str
    function: str
    items: list
    cases: list
    half_if_modified: bool = True

    def calls(self):
        """The calls for `Sandbox.run`."""
        return [{"args": case.args, "kwargs": case.kwargs} for case in self.cases]

    def grade(self, outcome):
        """Pairs of `Item` and `Result`, and remarks that cost nothing."""
        if outcome.events and "failure" in outcome.events[0]:
            reason = [
                f"cannot use {self.module}.{self.function}: {text(outcome.events[0]['failure'])}"
            ]
            return [(item, Result(0, reason)) for item in self.items], []
        events = outcome.events + [None] * len(self.cases)
        wrong, remarks = {}, []  # number of an item -> lines
        for case, event in zip(self.cases, events):
            first = None  # the item with which the inputs of this case are printed
            for check in case.checks:
                complaint = complain(check, event) if event else no_result(outcome)
                if complaint and check.item is None:
                    remarks += [f"{self.function}: {check.remark}"] if event else []
                elif complaint and check.item not in wrong:
                    number = self.items[check.item].number
                    inputs = f"as for {first}" if first else case.inputs
                    first = first or number
                    wrong[check.item] = [labelled("input", inputs), *complaint]
        modified = {
            name for case, event in zip(self.cases, events) for name in changed(case, event)
        }
        lines = [f"The argument {name} was modified: work on a copy." for name in sorted(modified)]
        if lines and not self.half_if_modified:
            remarks += [f"{self.function}: {line}" for line in lines]
            lines = []
        results = []
        for i, item in enumerate(self.items):
            if i in wrong:
                result = Result(0, wrong[i] + lines)
            elif lines:
                result = Result(item.points / 2, [*lines, "The values are right; half the points."])
            else:
                result = Result(item.points, [])
            results.append((item, result))
        return results, list(dict.fromkeys(remarks))


def no_result(outcome):
    """What to say about a call of which nothing was reported."""
    return [
        "no result: " + (outcome.ending or "the process ended early"),
        *last_output(outcome.output),
    ]


def changed(case, event):
    """The names of the array arguments that a call has changed."""
    after = event.get("after") if event else None
    for name, argument, encoded in zip(
        case.names, case.args, after if isinstance(after, list) else ()
    ):
        if isinstance(argument, dict) and "array" in argument:
            value = numbers(encoded)
            if not isinstance(value, str) and not np.array_equal(
                value, np.array(argument["array"])
            ):
                yield name


# ------------------------------------------------------------------------------------- comparison
def complain(check, event):
    """What is wrong with the output of a call, in lines; none if it is right."""
    if "error" in event:
        return [f"it raises {text(event['error'])}"]
    outputs = event.get("outputs")
    if not isinstance(outputs, list) or len(outputs) <= check.output:
        return [f"{check.name} is missing: it returns too few values"]
    got = numbers(outputs[check.output])
    expected = labelled("expected", describe(**{check.name: np.asarray(check.expected)}))
    if isinstance(got, str):
        return [expected, labelled("got", got)]
    if np.ndim(check.expected) == 0 and got.size == 1:
        got = got.reshape(())  # an array of one number will do
    if got.shape == np.shape(check.expected) and close(got, check.expected, check.tolerance):
        warned = re.search("overflow|divide|invalid", str(event.get("warnings")))
        return ["it warns"] if warned and check.item is None else []
    lines = [expected, labelled("got", describe(**{check.name: got}))]
    hint = diagnose(got, check)
    return lines + ([labelled("hint", hint)] if hint else [])


def diagnose(got, check):
    """The sentence for the mistake that leads to this output, or None."""
    expected = np.asarray(check.expected, dtype=float)
    for sentence, wrong in check.mistakes.items():
        if got.shape == np.shape(wrong) and close(got, wrong, check.tolerance):
            return sentence
    if got.shape != expected.shape:
        if got.size == expected.size:
            return f"The numbers should have shape {expected.shape}, not {got.shape}."
        return f"The shape should be {expected.shape}; it is {got.shape}."
    if not np.isfinite(got).all():
        return "It holds nan or infinity."
    if not got.any():
        return "It is all zero: has this part been filled in?"
    if close(got, -expected, check.tolerance):
        return "The sign is the other way round."
    ratio = np.sum(got * expected) / np.sum(expected**2)
    if close(got, ratio * expected, check.tolerance):
        return f"It is {ratio:.6g} times what it should be."
    if expected.ndim == 2 and same_rows(got, expected, check.tolerance):
        return "The right gradients stand in the wrong rows."
    return None


def same_rows(a, b, tolerance):
    """Whether two matrices have the same rows in another order."""
    rows = list(range(len(b)))
    for row in a:
        match = next((i for i in rows if close(row, b[i], tolerance)), None)
        if match is None:
            return False
        rows.remove(match)
    return True


def close(a, b, tolerance):
    """Whether two arrays of one shape agree, relative to the largest number, or to 1 if smaller."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    finite = np.isfinite(a).all() and np.isfinite(b).all()
    return bool(finite and np.all(np.abs(a - b) <= tolerance * max(1.0, np.max(np.abs(b)))))


def numbers(encoded):
    """The array that a child's report stands for, or a sentence if it stands for none."""
    if not isinstance(encoded, dict):
        return "nothing that can be read"
    if "type" in encoded:
        return f"a value of type {text(encoded['type'])}"
    shape, data = encoded.get("shape"), encoded.get("data")
    if not (isinstance(shape, list) and isinstance(data, list) and len(shape) <= 4):
        return "nothing that can be read"
    if not all(type(n) is int and 0 <= n <= 10_000 for n in shape):
        return "nothing that can be read"
    if not all(type(x) is float for x in data) or int(np.prod(shape)) != len(data):
        return "nothing that can be read"
    return np.array(data, dtype=np.float64).reshape(shape)


# -------------------------------------------------------------------------------------------- text
def text(value, most=1000):
    """What comes from a submission, fit to print: no control characters, not too long."""
    value = str(value)[:most]
    return "".join(c if c == "\n" or c.isprintable() else "?" for c in value)


def show(array):
    """An array as Python would read it again."""
    shown = np.array2string(
        np.asarray(array), separator=", ", precision=6, suppress_small=True, threshold=200
    )
    return shown if len(shown) <= MAX_TEXT else f"an array of shape {np.shape(array)}"


def labelled(label, content):
    """A line of the table with its label; further lines are indented alike."""
    return f"{label:<9} " + content.replace("\n", "\n" + " " * 10)


def last_output(output):
    """The last line that a child printed, if there is one."""
    lines = [line for line in text(output[-2000:], 2000).splitlines() if line.strip()]
    return [labelled("printed", lines[-1])] if lines else []


def describe(**inputs):
    """The inputs of a case, one below the other."""
    shown = []
    for name, value in inputs.items():
        value = show(value) if isinstance(value, np.ndarray) else repr(value)
        shown.append(f"{name} = " + value.replace("\n", "\n" + " " * (len(name) + 3)))
    return "\n".join(shown)


def array(values):
    """An array argument as child.py builds it."""
    return {"array": np.asarray(values).tolist()}


# ---------------------------------------------------------------------------------------- sigmoid
def sigmoid(x):
    """1 / (1 + e^-x), without overflow."""
    return np.exp(-np.logaddexp(0, -np.asarray(x, dtype=float)))


def sigmoid_exercise(rng):
    """2 points: arrays, and a number."""

    def case(item, x, remark=""):
        s = sigmoid(x)
        mistakes = {
            "This is sigmoid(-x): the exponent must be -x.": 1 - s,
            "This is the derivative, sigmoid(x) (1 - sigmoid(x)).": s * (1 - s),
            "This is tanh(x).": np.tanh(x),
            "This is log sigmoid(x).": -np.logaddexp(0, -np.asarray(x)),
            "This is softmax(x).": np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x))),
            "This is the argument: has the function been filled in?": np.asarray(x),
        }
        check = Check(item, 0, "sigmoid(x)", s, mistakes if item is not None else {}, remark)
        argument = array(x) if np.ndim(x) else float(x)
        return Case([argument], {}, describe(x=x), [check], ("x",))

    unstable = (
        "it overflows for large |x| (tried -1000 and 1000). 1 / (1 + exp(-x)) does that at -1000; "
        "scipy.special.expit does not."
    )
    return Exercise(
        "a",
        "word2vec",
        "sigmoid",
        [Item("sigmoid of an array", 1, "a.1"), Item("sigmoid of a number", 1, "a.2")],
        [
            case(0, draw(rng, 5, scale=2)),
            case(0, draw(rng, 3, 4, scale=2)),
            case(1, round(float(draw(rng, 1)[0]), 2)),
            case(None, np.array([-1000.0, 1000.0]), unstable),
        ],
    )


# ---------------------------------------------------------------------------------- naive softmax
def naive_exercise(rng):
    """3 points: the loss and its two gradients."""
    titles = ("loss", "gradCenterVec", "gradOutsideVecs")
    return Exercise(
        "a",
        "word2vec",
        "naiveSoftmaxLossAndGradient",
        [Item(f"naive softmax: {t}", 1, f"a.{i}") for i, t in enumerate(titles, 3)],
        [
            naive_case(draw(rng, 4), int(rng.integers(1, 6)), draw(rng, 7, 4)),
            naive_case(draw(rng, 3), 0, draw(rng, 5, 3)),
            naive_case(
                np.array([20.0, 30.0]),
                1,
                np.array([[30.0, 20.0], [-30.0, 10.0], [1.0, 1.0]]),
                "it overflows for large scores (tried 1200 and -300). Use the softmax of "
                "utils/utils.py, or subtract the largest score first.",
            ),
        ],
    )


def naive_case(v, o, u, remark=""):
    """A call with centre vector v, outside word o, outside vectors u."""
    scores = u @ v
    log_sum = np.logaddexp.reduce(scores)
    y_hat = np.exp(scores - log_sum)
    y = np.eye(len(u))[o]
    others = y_hat * (1 - y)
    loss = log_sum - scores[o]
    checks = [
        Check(0, 0, "loss", loss),
        Check(1, 1, "gradCenterVec", u.T @ (y_hat - y)),
        Check(2, 2, "gradOutsideVecs", np.outer(y_hat - y, v)),
    ]
    if remark:
        checks = [Check(None, 0, "loss", loss, remark=remark)]
    else:
        checks[0].mistakes = {
            "This is log y_hat_o: the minus sign is missing.": -loss,
            "This is y_hat_o, without the logarithm.": y_hat[o],
            "This is -y_hat_o, without the logarithm.": -y_hat[o],
            "This is the logarithm to base 2; it must be the natural one.": loss / np.log(2),
            "This is the sum over all words; only the outside word counts.": -np.log(y_hat).sum(),
        }
        missing_y = (
            "This is y_hat where y_hat - y is needed: subtract 1 at the outside word (do it "
            "before you use y_hat in either gradient)."
        )
        missing_y_hat = "This is -y where y_hat - y is needed."
        left_out = "The true outside word is left out: it has a term of its own, y_hat_o - 1."
        swapped = "This is y - y_hat: the sign is the other way round."
        checks[1].mistakes = {
            swapped: u.T @ (y - y_hat),
            missing_y: u.T @ y_hat,
            missing_y_hat: -u[o],
            left_out: u.T @ others,
        }
        checks[2].mistakes = {
            swapped: np.outer(y - y_hat, v),
            missing_y: np.outer(y_hat, v),
            missing_y_hat: np.outer(-y, v),
            left_out: np.outer(others, v),
            "This is the transpose: a word a row, as in outsideVectors.": np.outer(v, y_hat - y),
        }
    inputs = describe(centerWordVec=v, outsideWordIdx=o, outsideVectors=u)
    return Case([array(v), o, array(u), {"dataset": []}], {}, inputs, checks, LOSS_ARGUMENTS)


LOSS_ARGUMENTS = ("centerWordVec", "outsideWordIdx", "outsideVectors", "dataset")


# ------------------------------------------------------------------------------ negative sampling
def negative_exercise(rng):
    """4 points: the loss, its two gradients, and words drawn more than once."""
    titles = (
        "loss",
        "gradCenterVec",
        "gradOutsideVecs",
        "words drawn repeatedly",
    )
    words = rng.permutation(9)
    o, distinct = int(words[0]), words[1:6].tolist()
    few = rng.permutation(6)
    o2, a, b, c = few[:4].tolist()
    repeated = [a, b, a, c, o2, b, a, a, c, b, o2, c]  # 10 negatives, once o is left out
    case = negative_case(draw(rng, 4), o, draw(rng, 9, 4), distinct, 5, (0, 1, 2))
    case_repeated = negative_case(draw(rng, 3), o2, draw(rng, 6, 3), repeated, 10, (SKIP, SKIP, 3))
    extreme = negative_case(
        np.array([30.0, 0.0]),
        0,
        np.array([[-30.0, 1.0], [1.0, 0.5], [0.2, 3.0]]),
        [1, 2, 1, 2, 2, 1, 1, 2, 1, 2],
        10,
        (None, SKIP, SKIP),
    )
    extreme.checks[
        0
    ].remark = (
        "log(sigmoid(x)) overflows for large |x| (tried -900): -np.logaddexp(0, -x) does not."
    )
    return Exercise(
        "a",
        "word2vec",
        "negSamplingLossAndGradient",
        [Item(f"negative sampling: {t}", 1, f"a.{i}") for i, t in enumerate(titles, 6)],
        [case, case_repeated, extreme],
    )


def negative_case(v, o, u, draws, k, items):
    """A call in which sampleTokenIdx() draws a given sequence of words; the item of each output."""
    negatives = [word for word in draws if word != o][:k]
    right = negative_sampling(v, o, u, negatives)
    no_exclusion = negative_sampling(v, o, u, draws[:k])
    once = negative_sampling(v, o, u, sorted(set(negatives)))
    # Each score with its own weight: [the true word, the negatives].
    left_out = negative_sampling(v, o, u, negatives, true=0)
    only_true = negative_sampling(v, o, u, [])
    flipped = negative_sampling(v, o, u, negatives, flip=True)
    mean = negative_sampling(v, o, u, negatives, weight=1 / k)
    sentences = {
        "The true outside word is left out: it has a term of its own.": left_out,
        "The negative samples are left out.": only_true,
        "The negatives have the wrong sign: it must be sigmoid(-u_k.v_c) for each.": flipped,
        "The sum over the negatives has been divided by K: it must be the sum.": mean,
        "The sign is the other way round.": tuple(-part for part in right),
    }
    if len(set(negatives)) < k:
        sentences[
            "A word drawn k times as a negative counts k times; here each counts once. "
            "grad[indices] += values does that: use np.add.at(grad, indices, values), or a loop."
        ] = once
    if draws[:k] != negatives:
        sentences["A negative equal to the outside word must be drawn again."] = no_exclusion
    names = ("loss", "gradCenterVec", "gradOutsideVecs")
    checks = [
        Check(item, i, name, right[i], {sentence: w[i] for sentence, w in sentences.items()})
        for i, (item, name) in enumerate(zip(items, names))
        if item is not SKIP
    ]
    if k < len(u) and items[2] is not SKIP:
        by_place = np.zeros_like(u)
        by_place[: k + 1] = right[2][[o, *negatives]]
        checks[-1].mistakes[
            "The gradient of each sample stands in row 0, 1, 2, ... of the list of samples; it "
            "belongs in the row of its word."
        ] = by_place
    inputs = describe(centerWordVec=v, outsideWordIdx=o, outsideVectors=u, K=k)
    inputs += f"\nsampleTokenIdx() draws {', '.join(map(str, draws))}"
    script = draws + [word for word in range(len(u)) if word != o] * 20
    args = [array(v), o, array(u), {"dataset": script}]
    kwargs = {} if k == 10 else {"K": k}
    return Case(args, kwargs, inputs, checks, LOSS_ARGUMENTS)


def negative_sampling(v, o, u, negatives, true=1, flip=False, weight=1):
    """Loss (5) and its two gradients, or with one thing changed.

    `true` and `weight` multiply the terms of the true word and of the negatives; `flip` drops the
    minus in sigmoid(-u_k.v_c).
    """
    words = np.array([o, *negatives], dtype=int)
    signs = np.array([1] + [1 if flip else -1] * len(negatives))
    weights = np.array([true] + [weight] * len(negatives), dtype=float)
    x = signs * (u[words] @ v)
    delta = -weights * signs * sigmoid(-x)
    outside = np.zeros_like(u)
    np.add.at(outside, words, np.outer(delta, v))
    return np.sum(weights * np.logaddexp(0, -x)), u[words].T @ delta, outside


# -------------------------------------------------------------------------------------- skip-gram
def skipgram_exercise(rng):
    """3 points: the loss and its two gradients, for a loss function made up by us."""
    titles = ("loss", "gradCenterVecs", "gradOutsideVectors")
    return Exercise(
        "a",
        "word2vec",
        "skipgram",
        [Item(f"skip-gram: {t}", 1, f"a.{i}") for i, t in enumerate(titles, 10)],
        [skipgram_case(rng, 6, "fbdaf", 3), skipgram_case(rng, 5, "b", 1)],
    )


def skipgram_case(rng, n, outside, window):
    """A window around the word "c", with words a, b, ... numbered at random."""
    letters = "abcdefgh"[:n]
    index = dict(zip(letters, rng.permutation(n).tolist()))
    v, u = draw(rng, n, 3), draw(rng, n, 3)
    a, b, rows = draw(rng, n, 3), draw(rng, n, 3), np.arange(1.0, n + 1)
    c, words = index["c"], [index[word] for word in outside]

    def total(centers, words, scale=1):
        """Loss and gradients summed over words, with the centre vectors of these rows."""
        loss = sum(a[o] @ v[row] + rows @ u @ b[o] for row, o in zip(centers, words))
        center = np.zeros_like(v)
        np.add.at(center, centers, a[words])
        return scale * loss, scale * center, scale * np.outer(rows, b[words].sum(axis=0))

    right = total([c] * len(words), words)
    sentences = {}
    if len(words) > 1:
        mean = total([c] * len(words), words, 1 / len(words))
        last = total([c], words[-1:])
        first = total([c], words[:1])
        once = total([c] * len(set(words)), sorted(set(words)))
        sentences = {
            "This is the mean over the outside words; it must be their sum (6).": mean,
            "Only the last outside word counts: use += in the loop.": last,
            "Only the first outside word counts: does the loop return early?": first,
            "An outside word that occurs twice in the window counts twice.": once,
        }
    sentences["The vectors of the outside words were taken as centre vectors."] = total(
        words, words
    )
    names = ("loss", "gradCenterVecs", "gradOutsideVectors")
    checks = [
        Check(i, i, name, right[i], {sentence: w[i] for sentence, w in sentences.items()})
        for i, name in enumerate(names)
    ]
    checks[1].mistakes["The gradient belongs in the row of the centre word alone."] = np.tile(
        right[1][c], (n, 1)
    )
    inputs = describe(
        currentCenterWord="c",
        windowSize=window,
        outsideWords=list(outside),
        word2Ind=index,
        centerWordVectors=v,
        outsideVectors=u,
    )
    inputs += (
        "\nword2vecLossAndGradient is made up: J = a[o].v_c + sum_w (w + 1) b[o].u_w,\n"
        "with gradients a[o] and np.outer(range(1, V + 1), b[o]), where\n" + describe(a=a, b=b)
    )
    arguments = ["c", window, list(outside), {"dict": index}, array(v), array(u), {"dataset": []}]
    arguments.append({"loss": {"a": a.tolist(), "b": b.tolist()}})
    argument_names = (
        "currentCenterWord windowSize outsideWords word2Ind centerWordVectors outsideVectors "
        "dataset word2vecLossAndGradient"
    )
    return Case(arguments, {}, inputs, checks, tuple(argument_names.split()))


# -------------------------------------------------------------------------------------------- sgd
def sgd_exercise(rng):
    """4 points: the steps, their annealing, and postprocessing."""
    return Exercise(
        "b",
        "sgd",
        "sgd",
        [
            Item("sgd: steps down the gradient", 2, "b.1"),
            Item("sgd: step halved every 20,000 iterations", 1, "b.2"),
            Item("sgd: postprocessing after every step", 1, "b.3"),
        ],
        [
            few_steps(0, rng, draw(rng, 3, 2) + 4, 0.1, 7),
            few_steps(0, rng, round(float(draw(rng, 1)[0]) + 4, 2), 0.2, 5),  # as `python sgd.py`
            annealing_case(rng),
            few_steps(2, rng, draw(rng, 2, 2) + 4, 0.1, 6, draw_affine(rng)),
        ],
        half_if_modified=False,
    )


def sgd_case(item, objective, formula, x0, step, ends, affine=None, tolerance=TOLERANCE):
    """A call of sgd. `ends` has the number of iterations, and where they and each mistake lead."""
    iterations, expected, mistakes = ends
    check = Check(item, 0, "x", expected, mistakes, tolerance=tolerance)
    inputs = f"f(x) = {formula}\n" + describe(x0=x0, step=step, iterations=iterations)
    inputs += f"\npostprocessing: x -> {affine[0]} x + {affine[1]}" if affine else ""
    post = {"affine": list(affine)} if affine else None
    args = [objective, array(x0) if np.ndim(x0) else x0, step, iterations, post, False]
    names = ("f", "x0", "step", "iterations", "postprocessing", "useSaved")
    # One line of progress will do.
    return Case(args, {"PRINT_EVERY": iterations}, inputs, [check], names)


def few_steps(item, rng, x0, step, iterations, affine=None):
    """Some steps down a quadratic, each followed by x -> affine[0] x + affine[1]."""
    a, b = np.abs(draw(rng, *np.shape(x0))) + 0.5, draw(rng, *np.shape(x0))
    scale, shift = affine or (1, 0)

    def descend(sign=-1, n=iterations, scale=scale, shift=shift):
        x = np.array(x0)
        for _ in range(n):
            x = scale * (x + sign * step * a * (x - b)) + shift
        return x

    mistakes = {
        "The step is added; it must be subtracted, to go down.": descend(sign=1),
        "This is the starting point: x is never updated.": np.array(x0),
        "One iteration is missing.": descend(n=iterations - 1),
        "That is one iteration too many.": descend(n=iterations + 1),
    }
    if affine:
        mistakes["postprocessing is not applied."] = descend(scale=1, shift=0)
        once = scale * descend(scale=1, shift=0) + shift
        mistakes["postprocessing is applied only once, in the end."] = once
    objective = {"quadratic": {"a": a.tolist(), "b": b.tolist()}}
    formula = "sum(a * (x - b) ** 2) / 2 with\n" + describe(a=a, b=b)
    return sgd_case(item, objective, formula, x0, step, (iterations, descend(), mistakes), affine)


def annealing_case(rng):
    """Two halvings, on a plane: all that decides is the sum of the steps."""
    g, x0, step, iterations = np.abs(draw(rng, 3)) + 0.5, draw(rng, 3), 1e-3, 40_007

    def descend(sign=-1, factor=0.5, late=0):
        halvings = np.maximum(0, np.arange(iterations) - late) // 20_000
        return x0 + sign * np.sum(step * factor**halvings) * g

    mistakes = {
        "The step is added; it must be subtracted, to go down.": descend(sign=1),
        "This is the starting point: x is never updated.": x0,
        "The step is never halved (ANNEAL_EVERY).": descend(factor=1),
        "The step is halved an iteration late.": descend(late=1),
        "The step is halved an iteration early.": descend(late=-1),
    }
    formula = "sum(g * x) with\n" + describe(g=g)
    ends = (iterations, descend(), mistakes)
    return sgd_case(1, {"linear": g.tolist()}, formula, x0, step, ends, tolerance=1e-7)


def draw(rng, *shape, scale=1.0):
    """Normal deviates with two decimals, none of them 0."""
    values = np.round(scale * rng.normal(size=shape), 2)
    return np.where(values == 0, 0.37, values)


def draw_affine(rng):
    """Factor and summand of a postprocessing that changes every x."""
    return round(float(rng.uniform(0.6, 0.9)), 2), round(float(rng.uniform(0.1, 0.5)), 2)


MAKERS = (sigmoid_exercise, naive_exercise, negative_exercise, skipgram_exercise, sgd_exercise)


def make_exercises(seed):
    """All exercises, with inputs that this seed decides."""
    return [make(np.random.default_rng([seed, i])) for i, make in enumerate(MAKERS)]
