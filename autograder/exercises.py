"""What is asked of the functions of a submission: fresh inputs, expected outputs, likely mistakes.

    for exercise in make_exercises(seed):
        outcome = ...               # of the submission, called with exercise.calls()
        results, remarks = exercise.grade(outcome)

An `Exercise` is a function with its `Item`s, which earn points, and its `Case`s, the calls. A case
has a `Check` for each output that an item looks at: the expected array, and the arrays that classic
mistakes would lead to, each with the sentence that helps. All inputs have two decimals, so that
the table prints exactly what was used.
"""

import random
import re
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

TOLERANCE = 1e-5  # relative, as in the gradient check; float32 is good enough
MAX_TEXT = 1500  # characters of an array in the table
NOT_WRITTEN = "not written yet"
MISSING = "nothing"
NOTHING = [{"type": "NoneType"}]  # the outputs of a function without a return
BARE = r"(#.*|pass|\.\.\.|raise NotImplementedError\b.*)?$"  # lines that do nothing


@dataclass
class Item:
    """Something that earns points."""

    title: str
    points: float
    number: str
    shapes_run: bool = False  # whether the vectors of the run come out wrong if this is wrong


@dataclass
class Check:
    """One output of a call, looked at for an item (None: for a remark that costs nothing)."""

    item: int | None
    output: int
    name: str
    expected: np.ndarray = None
    mistakes: dict = field(default_factory=dict)  # sentence -> array
    remark: str = ""
    tolerance: float = TOLERANCE
    accepted: tuple = ()  # arrays that are right but for a mistake that another item has told
    unless: int | None = None  # an item; if that is wrong, this output is not looked at
    same_as: int | None = None  # a case, whose output is what is expected
    # (a, b): if the first item is wrong, a x + b is right too, with the x that the next case gives
    own_steps: tuple | None = None


@dataclass
class Case:
    """One call of the function."""

    args: list  # as child.py builds them
    kwargs: dict
    inputs: str  # as the table shows them
    checks: list
    names: tuple  # of the arguments
    more: dict = field(default_factory=dict)  # of the call: see child.py's `work`
    hint: str = ""  # if anything is wrong, since that alone is what this case is about
    stands_in: bool = False  # counts only if a later case takes too long


class Result(NamedTuple):
    """What an item has earned, and what to say about it."""

    points: float
    lines: list
    written: bool = True


class Complaint(NamedTuple):
    """What is wrong with an output: a hint, and what was expected and got, in lines."""

    hint: str
    found: list
    no_output: bool = False  # then what was found says what to do, and comes before the input


@dataclass
class Exercise:
    """A function of the assignment."""

    question: str  # as the command line names it
    module: str
    function: str
    items: list
    cases: list
    half_if_modified: bool = True
    rests_on_first: bool = False  # whether the other items can hardly be right without the first

    def calls(self):
        """The calls for `Sandbox.run`."""
        return [{"args": case.args, "kwargs": case.kwargs, **case.more} for case in self.cases]

    def grade(self, outcome, source=b""):
        """Pairs of `Item` and `Result`, and remarks that cost nothing.

        `outcome` is what `Sandbox.run` gave for the calls, `source` the submission's file.
        """
        if outcome.events and "failure" in outcome.events[0]:
            wrong, remarks = dict.fromkeys(range(len(self.items)), self._failure(outcome)), []
        else:
            wrong, remarks = self._look(outcome)
        events = padded(outcome.events, len(self.cases))
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
        if len(wrong) == len(self.items) and is_unwritten(self, outcome, source):
            return [(item, Result(0, [NOT_WRITTEN], False)) for item in self.items], []
        return results, list(dict.fromkeys(remarks))

    def _failure(self, outcome):
        """What to say if there is no such function, or its file cannot be imported."""
        failure = text(outcome.events[0]["failure"])
        return [labelled("hint", f"{self.module}.py has no {self.function} to call: {failure}")]

    def _look(self, outcome):
        """What is wrong, item -> lines, and remarks."""
        events = padded(outcome.events, len(self.cases))
        wrong, remarks = {}, []
        if events[0] and events[0].get("imported"):
            remarks.append(
                f"{self.module}.py cannot be imported here: {text(events[0]['imported'])}. "
                "The rest of it was graded all the same."
            )
        told = {}  # number of a case -> that of the item with which its inputs are shown
        odd = {}  # name of an output -> remark on its form
        excused = excused_items(self.cases, events, outcome)
        for n, (case, event) in enumerate(zip(self.cases, events)):
            for check in case.checks:
                if check.item in wrong or check.unless in wrong:
                    continue
                if case.stands_in and check.item not in excused:
                    continue
                if not case.stands_in and check.item in excused and not event:
                    continue
                if check.own_steps and 0 in wrong:
                    own = output_of(events[n + 1], 0)
                    if np.shape(own) == np.shape(check.expected):
                        factor, summand = check.own_steps
                        check = replace(check, accepted=(*check.accepted, factor * own + summand))
                complaint, remark = self._complain(check, event, events, outcome)
                if check.item is None:
                    inexact = complaint and not complaint.no_output and not wrong
                    if event and (inexact or overflowed(check, event)):
                        remarks.append(f"{self.function}: {check.remark}")
                    continue
                if remark:
                    odd.setdefault(check.name, f"{self.function}: {remark}")
                if not complaint:
                    continue
                inputs = [labelled("input", f"as for {told[n]}" if n in told else case.inputs)]
                told.setdefault(n, self.items[check.item].number)
                hint = (event and case.hint) or complaint.hint or self._advice(wrong)
                lines = [labelled("hint", hint)] if hint else []
                if complaint.no_output:
                    wrong[check.item] = lines + complaint.found + inputs
                else:
                    wrong[check.item] = lines + inputs + complaint.found
        remarks += odd.values()
        if excused:
            remarks.append(
                f"{self.function}: so many iterations take it too long, so it was judged by a few. "
                "Are there Python loops over the entries of x, or lines at every step?"
            )
        return wrong, remarks

    def _advice(self, wrong):
        """What to do first, where there is no other hint; else nothing."""
        if self.rests_on_first and 0 in wrong:
            return f"Get {self.items[0].number} right first."
        return ""

    def _complain(self, check, event, events, outcome):
        """A `Complaint` or None, and a remark."""
        if check.same_as is not None:
            expected = output_of(events[check.same_as], check.output)
            if isinstance(expected, str) or expected.size != 1:
                return None, ""
            check = replace(check, expected=expected)
        return complain(check, event) if event else (no_result(outcome), "")


def padded(events, n):
    """So many events, None for those that never came."""
    return (list(events) + [None] * n)[:n]


def excused_items(cases, events, outcome):
    """The items whose main case took too long, and that have another one to stand in for it."""
    if "longer than" not in str(outcome.ending):
        return set()
    standing_in = {check.item for case in cases if case.stands_in for check in case.checks}
    return {
        check.item
        for case, event in zip(cases, events)
        if event is None and not case.stands_in
        for check in case.checks
        if check.item in standing_in
    }


def is_unwritten(exercise, outcome, source):
    """Whether a function has not been written yet: a bare marker, NotImplementedError, None."""
    source = source.decode("utf-8", "replace")
    # In sgd.py nothing but the step is to be written, in sgd or in a function that it calls.
    start = "def " if exercise.module == "sgd" else f"def {exercise.function}("
    if has_bare_marker(source, start):
        return True
    written = has_code(source, f"def {exercise.function}(")  # then what is missing is a return
    return bool(outcome.events) and all(
        str(event.get("error")).startswith("NotImplementedError")
        or (event.get("outputs") == NOTHING and not written)
        for event in outcome.events
    )


def functions_in(source, start):
    """The functions that start so, each a list of its lines without the spaces around them.

    The source is read line by line, since a parser could be brought to its end by it.
    """
    functions, inside = [], False
    for line in source.splitlines():
        if line[:1] not in ("", " ", "\t", "#", ")"):
            inside = line.startswith(start)
            functions += [[]] if inside else []
        if inside:
            functions[-1].append(line.strip())
    return functions


def has_bare_marker(source, start):
    """Whether nothing stands behind any `### YOUR CODE HERE` of the functions that start so."""
    markers = 0
    for function in functions_in(source, start):
        waiting = False  # for the first line of code behind a marker
        for line in function:
            if "YOUR CODE HERE" in line and line.startswith("#"):
                markers, waiting = markers + 1, True
            elif "END YOUR CODE" in line and line.startswith("#"):
                waiting = False
            elif waiting and not re.match(BARE, line):
                return False
    return markers > 0


def has_code(source, start):
    """Whether any line of the functions that start so does something, docstrings left out."""
    for function in functions_in(source, start):
        ends = [i for i, line in enumerate(function) if line.partition("#")[0].rstrip()[-1:] == ":"]
        body = "\n".join(function[ends[0] + 1 :] if ends else function)  # behind the signature
        body = re.sub("(\"\"\"|''').*?\\1", "", body, count=1, flags=re.DOTALL)
        if not all(re.match(BARE, line) for line in body.splitlines()):
            return True
    return False


def no_result(outcome):
    """The `Complaint` about a call of which nothing was reported."""
    return Complaint(
        "",
        [
            "no result: " + (outcome.ending or "the process ended early"),
            *last_output(outcome.output),
        ],
        no_output=True,
    )


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
    """What is wrong with the output of a call, a `Complaint` or None, and a remark."""
    if "error" in event:
        return Complaint("", [f"it raises {text(event['error'])}"], no_output=True), ""
    outputs = event.get("outputs")
    if outputs == NOTHING:
        return Complaint("It returns nothing: is the line with return missing?", []), ""
    got = output_of(event, check.output)
    if got is MISSING:
        return Complaint(f"It returns too few values: {check.name} is missing.", []), ""
    shape = np.shape(check.expected)
    wanted = "an array" if shape else "a number"
    expected = labelled("expected", describe(**{check.name: np.asarray(check.expected)}))
    if isinstance(got, str):
        return Complaint(f"{check.name} must be {wanted}.", [expected, labelled("got", got)]), ""
    remark = "" if check.item is None else remark_on_form(check, outputs[check.output], got.shape)
    if trimmed(got.shape) == trimmed(shape) and got.shape != shape:
        got = got.reshape(shape)
    if any(agrees(got, right, check.tolerance) for right in (check.expected, *check.accepted)):
        return None, remark
    found = [expected, labelled("got", describe(**{check.name: got}))]
    return Complaint(diagnose(got, check) or "", found), ""


def output_of(event, number):
    """One output of a call as an array, or a sentence if it is none."""
    outputs = event.get("outputs") if event else None
    if isinstance(outputs, list) and len(outputs) > number:
        return numbers(outputs[number])
    return MISSING


def overflowed(check, event):
    """Whether a call with large numbers led to infinity, or to a warning or error of that kind."""
    kinds = "overflow|divide by zero|invalid value|OverflowError"  # an underflow is none
    if re.search(kinds, f"{event.get('warnings')} {event.get('error')}"):
        return True
    got = output_of(event, check.output)
    return not isinstance(got, str) and not np.isfinite(got).all()


def trimmed(shape):
    """A shape without its axes of length 1."""
    return tuple(n for n in shape if n != 1)


def remark_on_form(check, encoded, got):
    """What to say of right numbers in an odd form."""
    shape = np.shape(check.expected)
    if encoded.get("was") in ("list", "tuple", "matrix"):
        wanted = "an array" if shape else "a number"
        return f"{check.name} is a {encoded['was']}; the values count, but return {wanted}."
    if shape and trimmed(got) == trimmed(shape) and got != shape:
        return f"{check.name} has shape {got}; the values count, but it should be {shape}."
    return ""


def agrees(got, right, tolerance):
    """Whether two arrays have the same shape and numbers."""
    return got.shape == np.shape(right) and close(got, right, tolerance)


def diagnose(got, check):
    """The sentence for the mistake that leads to this output, or None."""
    expected = np.asarray(check.expected, dtype=float)
    for sentence, wrong in check.mistakes.items():
        if agrees(got, wrong, check.tolerance):
            return sentence
    if got.shape != expected.shape and not expected.shape:
        return f"It should be a number; it is an array of shape {got.shape}."
    if got.shape != expected.shape:
        return f"The shape should be {expected.shape}; it is {got.shape}."
    if not np.isfinite(got).all():
        return "It holds nan or infinity."
    if not got.any():
        return "It is all zero: has this part been filled in?"
    if close(got, -expected, check.tolerance):
        return "The sign is the other way round."
    with np.errstate(all="ignore"):  # of numbers that come from a submission, or zeros
        ratio = np.sum(got * expected) / np.sum(expected**2)
        multiple = ratio * expected
        # Any number is a multiple of another one; a count or a fraction of one may be no accident.
        telling = got.size > 1 or any(abs(r - np.rint(r)) < 1e-4 for r in (ratio, 1 / ratio))
    if telling and close(got, multiple, check.tolerance):
        return f"It is {ratio:.6g} times what it should be."
    if expected.ndim == 2 and len(got) < 100 and same_rows(got, expected, check.tolerance):
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
        return Case([argument], {}, describe(x=x), [check], ("x",), {"single": True})

    unstable = (
        "it overflows for large |x| (tried -1000 and 1000). 1 / (1 + exp(-x)) does that at -1000; "
        "scipy.special.expit does not."
    )
    return Exercise(
        "sigmoid",
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
    many = np.round(2 * np.sin(np.arange(6000)), 2).reshape(3000, 2)
    large = naive_case(draw(rng, 2), int(rng.integers(1000, 2999)), many)
    large.inputs += "\noutsideVectors is np.round(2 * np.sin(np.arange(6000)), 2).reshape(3000, 2)"
    large.hint = "It was right for a small vocabulary; this one has 3,000 words."
    return Exercise(
        "naive-softmax",
        "word2vec",
        "naiveSoftmaxLossAndGradient",
        [Item(f"naive softmax: {t}", 1, f"a.{i}") for i, t in enumerate(titles, 3)],
        [
            naive_case(draw(rng, 4), int(rng.integers(1, 6)), draw(rng, 7, 4)),
            naive_case(draw(rng, 3), 0, draw(rng, 5, 3)),
            naive_case(draw(rng, 3), 5, draw(rng, 6, 3)),
            large,
            # exp(-500) is no underflow: whoever subtracts the maximum is right here.
            naive_case(
                np.array([20.0, 30.0]),
                1,
                np.array([[30.0, 20.0], [20.0, 10.0], [1.0, 1.0]]),
                "it overflows for large scores (tried 1200 and 700). Use the softmax of "
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
        e = np.exp(scores)
        not_normalised = "This is no softmax: divide exp(u_w.v_c) by its sum over all words w."
        checks[0].mistakes = {
            "This is log y_hat_o: the minus sign is missing.": -loss,
            "This is y_hat_o, without the logarithm.": y_hat[o],
            "This is -y_hat_o, without the logarithm.": -y_hat[o],
            "This is the logarithm to base 2; it must be the natural one.": loss / np.log(2),
            "This is the logarithm to base 10; it must be the natural one.": loss / np.log(10),
            not_normalised: -scores[o],
            "This is the sum over all words; only the outside word counts.": -np.log(y_hat).sum(),
        }
        missing_y = (
            "This is y_hat where y_hat - y is needed: subtract 1 at the outside word (do it "
            "before you use y_hat in either gradient)."
        )
        missing_y_hat = "This is -y where y_hat - y is needed."
        left_out = "The true outside word is left out: it has a term of its own, y_hat_o - 1."
        swapped = "This is y - y_hat: the sign is the other way round."
        added = "1 is added at the outside word (delta[o] += 1); it must be subtracted."
        alone = "Only the outside word counts here: each word has a term, with y_hat_w - y_w."
        checks[1].mistakes = {
            swapped: u.T @ (y - y_hat),
            missing_y: u.T @ y_hat,
            missing_y_hat: -u[o],
            left_out: u.T @ others,
            added: u.T @ (y_hat + y),
            alone: u.T @ (y * y_hat - y),
            not_normalised: u.T @ (e - y),
        }
        checks[2].mistakes = {
            swapped: np.outer(y - y_hat, v),
            missing_y: np.outer(y_hat, v),
            missing_y_hat: np.outer(-y, v),
            left_out: np.outer(others, v),
            added: np.outer(y_hat + y, v),
            alone: np.outer(y * y_hat - y, v),
            not_normalised: np.outer(e - y, v),
            "This is the transpose: a word a row, as in outsideVectors.": np.outer(v, y_hat - y),
        }
        tell_order(checks)
    inputs = describe(centerWordVec=v, outsideWordIdx=o, outsideVectors=u)
    return Case([array(v), o, array(u), {"dataset": []}], {}, inputs, checks, LOSS_ARGUMENTS)


def tell_order(checks):
    """Add to the mistakes of some outputs that one of them stands in another one's place."""
    names = ", ".join(check.name for check in checks)
    for check in checks:
        for other in checks:
            if other is not check:
                sentence = f"This is {other.name}: return {names}, in this order."
                check.mistakes[sentence] = other.expected


LOSS_ARGUMENTS = ("centerWordVec", "outsideWordIdx", "outsideVectors", "dataset")


# ------------------------------------------------------------------------------ negative sampling
def negative_exercise(rng):
    """4 points: the loss, its two gradients, and words drawn more than once."""
    titles = (
        "loss",
        "gradCenterVec",
        "gradOutsideVecs",
        "words drawn again",
    )
    words = rng.permutation(9)
    o, distinct = int(words[0]), words[1:6].tolist()
    default = (1 + rng.permutation(12)).tolist()
    last = 5
    a, b, c = rng.permutation(last)[:3].tolist()
    # 10 negatives, once the outside word is left out: drawn once, then twice running.
    repeated = [a, b, a, last, c, last, last, b, a, a, c, b, last, c, a]
    extreme = negative_case(
        np.array([30.0, 0.0]),
        0,
        np.array([[-30.0, 1.0], [1.0, 0.5], [0.2, 3.0]]),
        [1, 2, 1, 2, 2, 1, 1, 2, 1, 2],
        10,
    )
    remark = "log(sigmoid(x)) overflows for large |x| (tried -900): -np.logaddexp(0, -x) does not."
    extreme.checks = [Check(None, 0, "loss", extreme.checks[0].expected, remark=remark)]
    cases = [
        negative_case(draw(rng, 4), o, draw(rng, 9, 4), distinct, 5),
        negative_case(draw(rng, 3), 0, draw(rng, 13, 3), default, 10),
        repeated_case(draw(rng, 3), last, draw(rng, 6, 3), repeated),
        extreme,
    ]
    items = [
        Item(f"negative sampling: {t}", 1, f"a.{i}", shapes_run=i > 6)
        for i, t in enumerate(titles, 6)
    ]
    return Exercise("neg-sampling", "word2vec", "negSamplingLossAndGradient", items, cases)


def repeated_case(v, o, u, draws):
    """A call for the last item, which tells nothing again that another item has told."""
    case = negative_case(v, o, u, draws, 10)
    for check in case.checks:
        check.item, check.unless = 3, check.item if check.item < 2 else None
    return case


def negative_case(v, o, u, draws, k):
    """A call in which sampleTokenIdx() draws a given sequence of words."""
    script = draws + [word for word in range(len(u)) if word != o] * 20
    drawn = [word for word in script if word != o]
    negatives = drawn[:k]
    right = negative_sampling(v, o, u, negatives)
    sentences = {
        "The true outside word is left out: it has a term of its own.": negative_sampling(
            v, o, u, negatives, true=0
        ),
        "The negative samples are left out.": negative_sampling(v, o, u, []),
        "The negatives have the wrong sign: it must be sigmoid(-u_k.v_c) for each.": (
            negative_sampling(v, o, u, negatives, flip=True)
        ),
        "The sign is lost in the negatives' sigmoid: it must be sigmoid(-u_k.v_c).": sign_lost(
            v, o, u, negatives
        ),
        "The logarithm is forgotten: d log sigmoid(x) / dx is 1 - sigmoid(x), so the gradients "
        "have sigmoid - 1, not sigmoid (sigmoid - 1).": logarithm_forgotten(v, o, u, negatives),
        "1 is added for the true word where it must be subtracted: sigmoid(u_o.v_c) - 1.": (
            label_wrong(v, o, u, negatives, added=2)
        ),
        "1 is not subtracted for the true word: sigmoid(u_o.v_c) - 1.": (
            label_wrong(v, o, u, negatives, added=1)
        ),
        "The sign of the true word's term is the wrong way round.": negative_sampling(
            v, o, u, negatives, true=-1
        ),
        "The sign of the negatives' terms is the wrong way round.": negative_sampling(
            v, o, u, negatives, weight=-1
        ),
        "Only the first negative counts: does a loop over them return early?": negative_sampling(
            v, o, u, drawn[:1]
        ),
        "Only the last negative counts: use += in the loop.": negative_sampling(
            v, o, u, negatives[-1:], true=0
        ),
        **{
            f"{n} negatives are drawn where it must be K, here {k}.": negative_sampling(
                v, o, u, drawn[:n]
            )
            for n in (5, 10)
            if n != k
        },
        "The sum over the negatives has been divided by K: it must be the sum.": (
            negative_sampling(v, o, u, negatives, weight=1 / k)
        ),
        "The sign is the other way round.": tuple(-part for part in right),
    }
    if len(set(negatives)) < k:
        sentences[
            "A word drawn k times as a negative counts k times; here each counts once. "
            "grad[indices] += values does that: use np.add.at(grad, indices, values), or a loop."
        ] = negative_sampling(v, o, u, sorted(set(negatives)))
    if draws[:k] != negatives:
        sentences["A negative equal to the outside word must be drawn again."] = negative_sampling(
            v, o, u, draws[:k]
        )
        sentences[
            "A negative equal to the outside word must be drawn again until it is another word: "
            "while, not if."
        ] = negative_sampling(v, o, u, redrawn_once(draws, o)[:k])
    names = ("loss", "gradCenterVec", "gradOutsideVecs")
    checks = [
        Check(i, i, name, right[i], {sentence: w[i] for sentence, w in sentences.items()})
        for i, name in enumerate(names)
    ]
    for sentence in sentences:
        if sentence.startswith(("1 is added", "1 is not")):
            del checks[0].mistakes[sentence]  # the loss is right in spite of that
    tell_order(checks)
    if k + 1 < len(u):
        by_place = np.zeros_like(u)
        by_place[: k + 1] = right[2][[o, *negatives]]
        checks[2].mistakes[
            "The gradient of each sample stands in row 0, 1, 2, ... of the list of samples; it "
            "belongs in the row of its word."
        ] = by_place
    inputs = describe(centerWordVec=v, outsideWordIdx=o, outsideVectors=u, K=k)
    inputs += f"\nsampleTokenIdx() draws {', '.join(map(str, draws))}"
    args = [array(v), o, array(u), {"dataset": script}]
    kwargs = {} if k == 10 else {"K": k}
    return Case(args, kwargs, inputs, checks, LOSS_ARGUMENTS)


def redrawn_once(draws, o):
    """What is left of draws if one equal to the outside word is drawn again, but only once."""
    taken, waiting = [], list(draws)
    while waiting:
        word = waiting.pop(0)
        taken.append(waiting.pop(0) if word == o and waiting else word)
    return taken


def negative_sampling(v, o, u, negatives, true=1, flip=False, weight=1):
    """Loss (5) and its two gradients, or with one thing changed.

    `true` and `weight` multiply the terms of the true word and of the negatives; `flip` drops the
    minus in sigmoid(-u_k.v_c).
    """
    words, signs, x = signed_scores(v, o, u, negatives, flip)
    weights = np.array([true] + [weight] * len(negatives), dtype=float)
    delta = -weights * signs * sigmoid(-x)
    return np.sum(weights * np.logaddexp(0, -x)), *gradients(v, u, words, delta)


def sign_lost(v, o, u, negatives):
    """As written with 1 - sigmoid(-u_k.v_c), of which the minus is lost."""
    words, signs, x = signed_scores(v, o, u, negatives, flip=True)
    delta = sigmoid(-x)
    delta[0] *= -1
    return np.sum(np.logaddexp(0, -x)), *gradients(v, u, words, delta)


def logarithm_forgotten(v, o, u, negatives):
    """-sigmoid(x) where -log sigmoid(x) is meant, and its gradients."""
    words, signs, x = signed_scores(v, o, u, negatives)
    delta = -signs * sigmoid(x) * sigmoid(-x)
    return -np.sum(sigmoid(x)), *gradients(v, u, words, delta)


def label_wrong(v, o, u, negatives, added):
    """Something added to sigmoid(u_o.v_c) - 1: sigmoid(u_o.v_c) or sigmoid(u_o.v_c) + 1."""
    words, signs, x = signed_scores(v, o, u, negatives)
    delta = -signs * sigmoid(-x)
    delta[0] += added
    return np.sum(np.logaddexp(0, -x)), *gradients(v, u, words, delta)


def signed_scores(v, o, u, negatives, flip=False):
    """The words, their signs in (5), and sign u.v_c of each."""
    words = np.array([o, *negatives], dtype=int)
    signs = np.array([1] + [1 if flip else -1] * len(negatives))
    return words, signs, signs * (u[words] @ v)


def gradients(v, u, words, delta):
    """gradCenterVec and gradOutsideVecs of what has the derivatives delta by the scores."""
    outside = np.zeros_like(u)
    np.add.at(outside, words, np.outer(delta, v))
    return u[words].T @ delta, outside


# -------------------------------------------------------------------------------------- skip-gram
def skipgram_exercise(rng):
    """3 points: the loss and its two gradients, for a loss function made up by us."""
    titles = ("loss", "gradCenterVecs", "gradOutsideVectors")
    empty = skipgram_case(rng, 5, "", 2)
    empty.hint = "A window without outside words has loss 0 and gradients of zeros."
    cases = [
        skipgram_case(rng, 6, "fbfda", 3),
        skipgram_case(rng, 5, "b", 1),
        skipgram_case(rng, 5, "acd", 2),
        empty,
        *default_loss_cases(rng),
    ]
    items = [
        Item(f"skip-gram: {t}", 1, f"a.{i}", shapes_run=i > 10) for i, t in enumerate(titles, 10)
    ]
    return Exercise("skipgram", "word2vec", "skipgram", items, cases)


DRAWN = 7  # the one word that the made-up data set draws


def skipgram_case(rng, n, outside, window):
    """A window around the word "c", with words a, b, ... numbered at random."""
    letters = "abcdefgh"[:n]
    index = dict(zip(letters, rng.permutation(n).tolist()))
    v, u = draw(rng, n, 3), draw(rng, n, 3)
    a, b, rows = draw(rng, n, 3), draw(rng, n, 3), np.arange(1.0, n + 1)
    c, words = index["c"], [index[word] for word in outside]

    def total(centers, words, scale=1, drawn=DRAWN, v=v, u=u):
        """Loss and gradients summed over words, with the centre vectors of these rows."""
        centers, words = np.array(centers, dtype=int), np.array(words, dtype=int)
        loss = sum(a[o] @ v[row] + rows @ u @ b[o] + drawn for row, o in zip(centers, words))
        center = np.zeros_like(v)
        np.add.at(center, centers, a[words])
        return scale * loss, scale * center, scale * np.outer(rows, b[words].sum(axis=0))

    right = total([c] * len(words), words)
    sentences = {}
    if len(words) > 1:
        mean = total([c] * len(words), words, 1 / len(words))
        sentences = {
            "This is the mean over the outside words; it must be their sum (6).": mean,
            "Only the last outside word counts: use += in the loop.": total([c], words[-1:]),
            "Only the first outside word counts: does the loop return early?": total(
                [c], words[:1]
            ),
        }
    if len(words) > window:
        sentences["Only windowSize outside words count: take all, outsideWords is the window."] = (
            total([c] * window, words[:window])
        )
    if len(set(words)) < len(words):
        sentences["An outside word that occurs twice in the window counts twice."] = total(
            [c] * len(set(words)), sorted(set(words))
        )
    if c in words:
        others = [word for word in words if word != c]
        sentences["An outside word equal to the centre word counts like any other."] = total(
            [c] * len(others), others
        )
    if words:
        sentences["The vectors of the outside words were taken as centre vectors."] = total(
            words, words
        )
    names = ("loss", "gradCenterVecs", "gradOutsideVectors")
    checks = [
        Check(i, i, name, right[i], {sentence: w[i] for sentence, w in sentences.items()})
        for i, name in enumerate(names)
    ]
    if words:
        checks[0].mistakes["dataset is not handed on to word2vecLossAndGradient."] = total(
            [c] * len(words), words, drawn=0
        )[0]
        checks[0].mistakes["The centre word's vector is taken from outsideVectors."] = total(
            [c] * len(words), words, v=u
        )[0]
        checks[0].mistakes["centerWordVectors are handed on where outsideVectors must be."] = total(
            [c] * len(words), words, u=v
        )[0]
        checks[1].mistakes["The gradient belongs in the row of the centre word alone."] = np.tile(
            right[1][c], (n, 1)
        )
        checks[2].mistakes["Each word has a gradient here: add all rows, not just one."] = sum(
            np.outer(rows * (np.arange(n) == o), b[o]) for o in words
        )
        tell_order(checks)
    inputs = describe(
        currentCenterWord="c",
        windowSize=window,
        outsideWords=list(outside),
        word2Ind=index,
        centerWordVectors=v,
        outsideVectors=u,
    )
    inputs += (
        "\nword2vecLossAndGradient is made up:\n"
        "J = a[o].v_c + sum_w (w + 1) b[o].u_w + dataset.sampleTokenIdx(), which is "
        f"{DRAWN},\nwith gradients a[o] and np.outer(range(1, V + 1), b[o]), where\n"
        + describe(a=a, b=b)
    )
    arguments = ["c", window, list(outside), {"dict": index}, array(v), array(u)]
    arguments += [{"dataset": [DRAWN] * 50}, {"loss": {"a": a.tolist(), "b": b.tolist()}}]
    return Case(arguments, {}, inputs, checks, SKIPGRAM_ARGUMENTS)


def default_loss_cases(rng):
    """Two calls that must give the same: without a loss function, and with the naive softmax."""
    arguments = ["c", 1, ["a", "b"], {"dict": {"a": 0, "b": 1, "c": 2}}]
    arguments += [array(draw(rng, 3, 2)), array(draw(rng, 3, 2)), {"dataset": [0, 1, 2] * 50}]
    inputs = describe(currentCenterWord="c", outsideWords=["a", "b"])
    inputs += "\nword2vecLossAndGradient is not given"
    hint = "Without word2vecLossAndGradient it must be naiveSoftmaxLossAndGradient."
    naive = [*arguments, {"own": "naiveSoftmaxLossAndGradient"}]
    return [
        Case(
            arguments,
            {},
            inputs,
            [Check(0, 0, "loss", same_as=5)],
            SKIPGRAM_ARGUMENTS,
            hint=hint,
        ),
        Case(naive, {}, "", [], SKIPGRAM_ARGUMENTS),
    ]


SKIPGRAM_ARGUMENTS = (
    "currentCenterWord windowSize outsideWords word2Ind centerWordVectors outsideVectors "
    "dataset word2vecLossAndGradient"
).split()


# -------------------------------------------------------------------------------------------- sgd
class Update(NamedTuple):
    """What someone writes for x <- x - step * gradient: x, x0 or 0, plus a change."""

    change: object  # of step and gradient, on which it works entry by entry
    base: str = "x"


STEP_DOWN = Update(lambda step, g: -step * g)
FROM_X0 = Update(STEP_DOWN.change, base="x0")
WRONG_UPDATES = {
    "The step is added; it must be subtracted, to go down.": Update(lambda step, g: step * g),
    "Each step starts from x0: it must start from x, where the last one has led.": FROM_X0,
    "This is the change alone: it must be added to x (x -= step * gradient, not x =-).": Update(
        STEP_DOWN.change, base="0"
    ),
    "The gradient is not multiplied by the step.": Update(lambda step, g: -g),
    "The step is divided by the gradient; it must be multiplied.": Update(
        lambda step, g: -step / g
    ),
}
ITERATIONS_OFF = {"One iteration is missing.": -1, "That is one iteration too many.": 1}


def sgd_exercise(rng):
    """4 points: the steps, their annealing, postprocessing, and saves."""
    return Exercise(
        "sgd",
        "sgd",
        "sgd",
        [
            Item("sgd: steps down the gradient", 1, "b.1", shapes_run=True),
            Item("sgd: step halved every 20,000 iterations", 1, "b.2", shapes_run=True),
            Item("sgd: postprocessing after every step", 1, "b.3"),
            Item("sgd: saves, and goes on from a save", 1, "b.4"),
        ],
        # What takes long comes last: whatever is slow has shown the rest by then.
        [
            *few_steps(0, rng, draw(rng, 3, 2) + 4, 0.1, 7),
            *few_steps(0, rng, round(float(draw(rng, 1)[0]) + 4, 2), 0.2, 5),  # as `python sgd.py`
            *few_steps(2, rng, draw(rng, 2, 2) + 4, 0.1, 6, draw_affine(rng)),
            resumed_annealing_case(rng),
            *resuming_cases(rng),
            *saving_cases(rng, first=4_991),
            *saving_cases(rng, first=1),
            annealing_case(rng),
        ],
        half_if_modified=False,
        rests_on_first=True,
    )


def sgd_case(checks, objective, formula, x0, step, iterations, affine=None, **more):
    """A call of sgd; `more` goes to the call."""
    use_saved = "folder" in more
    inputs = f"f(x) = {formula}\n" + describe(x0=x0, step=step, iterations=iterations)
    inputs += f"\npostprocessing: x -> {affine[0]} x + {affine[1]}" if affine else ""
    inputs += "\nuseSaved=True" if use_saved else ""
    post = {"affine": list(affine)} if affine else None
    args = [objective, array(x0) if np.ndim(x0) else x0, step, iterations, post, use_saved]
    names = ("f", "x0", "step", "iterations", "postprocessing", "useSaved")
    # One line of progress will do.
    return Case(args, {"PRINT_EVERY": iterations}, inputs, checks, names, {"single": True, **more})


def own_steps(objective, x0, step, iterations, **turns):
    """A call, compared with nothing, that shows where the steps of a submission lead.

    One who gets them wrong in whatever way has lost a point for it, and is held to them elsewhere.
    """
    return sgd_case([], objective, "", x0, step, iterations, **turns)


def few_steps(item, rng, x0, step, iterations, affine=None):
    """Some steps down a quadratic, each followed by x -> affine[0] x + affine[1]."""
    a, b = np.abs(draw(rng, *np.shape(x0))) + 0.5, draw(rng, *np.shape(x0))
    scale, shift = affine or (1, 0)

    def descend(update=STEP_DOWN, n=iterations, scale=scale, shift=shift, from_0=False, start=None):
        x = np.array(x0 if start is None else start)
        for i in range(n):
            base = {"x": x, "x0": x0, "0": 0}[update.base]
            change = update.change(step / 2 if from_0 and i else step, a * (x - b))
            x = scale * (base + change) + shift
        return x

    miscounted = {sentence: descend(n=iterations + off) for sentence, off in ITERATIONS_OFF.items()}
    if affine:
        once = scale * descend(scale=1, shift=0) + shift
        early = (descend(start=scale * x0 + shift) - shift) / scale
        mistakes = {
            "postprocessing is not applied.": descend(scale=1, shift=0),
            "postprocessing is applied only once, in the end.": once,
            "postprocessing is applied before the step; it must be applied after it.": early,
        }
        accepted = (descend(FROM_X0), *miscounted.values())
    else:
        counted_from_0 = "Iterations are counted from 0, so the step is halved after the first"
        mistakes = {
            **{sentence: descend(update) for sentence, update in WRONG_UPDATES.items()},
            "This is the starting point: x is never updated.": np.array(x0),
            **miscounted,
            "Only one iteration is made: does the loop return early?": descend(n=1),
            f"{counted_from_0}.": descend(from_0=True),
            f"{counted_from_0}, and there is one too many.": descend(n=iterations + 1, from_0=True),
        }
        accepted = ()
    check = Check(item, 0, "x", descend(), mistakes, accepted=accepted, own_steps=affine)
    objective = {"quadratic": {"a": a.tolist(), "b": b.tolist()}}
    formula = "sum(a * (x - b) ** 2) / 2 with\n" + describe(a=a, b=b)
    cases = [sgd_case([check], objective, formula, x0, step, iterations, affine)]
    if affine:
        cases.append(own_steps(objective, x0, step, 1, turns=iterations, between=affine))
    return cases


def end_on_plane(x0, changes, update, start=None):
    """Where some changes lead, (n, D), from x0, or from a save if there is a start."""
    if update.base == "x":
        return (x0 if start is None else start) + changes.sum(axis=0)
    return changes[-1] + (x0 if update.base == "x0" else 0)


def annealed(step, first, last, late=0, factor=0.5, every=20_000, times=np.inf):
    """The step of each iteration from the first to the last, (n, 1)."""
    halvings = np.maximum(0, np.arange(first - 1, last) - late) // every
    return (step * factor ** np.minimum(halvings, times))[:, None]


def told_elsewhere(end, but=()):
    """Where the wrong updates lead, which the first item tells; not those that lead elsewhere."""
    ends = [end(update) for update in WRONG_UPDATES.values()]
    return tuple(x for x in ends if not any(np.allclose(x, y, rtol=1e-6, atol=0) for y in but))


def annealing_case(rng):
    """Two halvings, on a plane: all that decides is the sum of the steps."""
    g, x0, step, iterations = np.abs(draw(rng, 3)) + 0.5, draw(rng, 3), 1e-3, 40_007

    def descend(update=STEP_DOWN, n=iterations, **how):
        return end_on_plane(x0, update.change(annealed(step, 1, n, **how), g), update)

    never = [descend(update, factor=1) for update in (STEP_DOWN, *WRONG_UPDATES.values())]
    mistakes = {
        "This is the starting point: x is never updated.": x0,
        "The step is never halved (ANNEAL_EVERY).": never[0],
        "The step is halved an iteration late.": descend(late=1),
        "The step is halved an iteration early.": descend(late=-1),
        "The step is halved only once; it must be after each 20,000 iterations.": descend(times=1),
        **{
            f"The step is halved every {n:,} iterations; it must be every 20,000.": descend(every=n)
            for n in (5_000, 10_000)
        },
    }
    accepted = (
        *told_elsewhere(descend, but=never),
        *(descend(n=iterations + off) for off in ITERATIONS_OFF.values()),
    )
    check = Check(1, 0, "x", descend(), mistakes, tolerance=1e-7, accepted=accepted)
    formula = "sum(g * x) with\n" + describe(g=g)
    return sgd_case([check], {"linear": g.tolist()}, formula, x0, step, iterations)


def resumed_annealing_case(rng):
    """The second halving alone, from a save before it: for an sgd that is right, but slow."""
    g, x0, step, first, last = np.abs(draw(rng, 3)) + 0.5, draw(rng, 3), 0.1, 39_996, 40_007
    start = draw(rng, 3)

    def descend(update=STEP_DOWN, scale=1.0):
        changes = update.change(scale * annealed(step, first, last), g)
        return end_on_plane(x0, changes, update, start)

    # The course's own sgd has step * 0.5 ** (first / 20000), which is no whole halving.
    courses = 0.5 ** ((first - 1) / 20_000) / 0.5
    accepted = (*told_elsewhere(descend), descend(scale=courses))
    check = Check(1, 0, "x", descend(), accepted=accepted, tolerance=1e-7)
    case = sgd_case(
        [check],
        {"linear": g.tolist()},
        "sum(g * x) with\n" + describe(g=g),
        x0,
        step,
        last,
        folder="annealing",
        saves=[[first - 1, start.tolist(), 1]],
    )
    case.inputs += f"\nsaved_params_{first - 1}.npy holds " + show(start)
    case.stands_in = True
    return case


def noise(seed, n):
    """What `random.random()` gives after `random.seed(seed)`, (n, 1), and the state after it."""
    generator = random.Random(seed)
    return np.array([[generator.random()] for _ in range(n)]), generator.getstate()[1]


def resuming_cases(rng):
    """10 iterations from a save after 20,000, with a gradient that comes from `random`."""
    g, x0, step, at, n = np.abs(draw(rng, 3)) + 0.5, draw(rng, 3), 0.1, 20_000, 10
    start, older = draw(rng, 3), draw(rng, 3)
    seeds = rng.integers(1, 1000, 3) + [0, 1000, 2000]
    saved_seed, own_seed, older_seed = seeds.tolist()
    r = noise(saved_seed, 2 * n)[0]

    def descend(r=r[:n], scale=1.0, start=start, first=at + 1):
        return start - np.sum(scale * annealed(step, first, at + n) * r * g, axis=0)

    others = noise(own_seed, at + n)[0]
    mistakes = {
        "It does not go on from the save: this is where x0 leads.": descend(
            others, start=x0, first=1
        ),
        f"It goes on from the save of iteration 5,000; the newest one is that of {at:,}.": descend(
            noise(older_seed, at + n - 5000)[0], 0.5 ** (5000 / 20_000), older, first=5001
        ),
        "The step is that of the beginning: when it resumes, it must be halved as often as it had "
        "been.": descend(scale=2),
        "The state of random is not restored, so it draws other numbers than it would have.": (
            descend(others[:n])
        ),
        "Neither the step nor the state of random is restored.": descend(others[:n], scale=2),
        "It counts the iterations from 1 again.": descend(noise(saved_seed, at + n)[0], first=1),
        "x0 is taken where the saved parameters are needed.": descend(start=x0),
        "This is what was saved: it does not go on from there.": start,
        "f is called twice in each iteration; once is enough.": descend(r[1::2]),
    }
    from_x0 = x0 - annealed(step, at + n, at + n)[0] * r[n - 1] * g
    check = Check(
        3, 0, "x", descend(), mistakes, accepted=(from_x0,), own_steps=(1, 0), tolerance=1e-7
    )
    formula = "random.random() * sum(g * x) with\n" + describe(g=g)
    saves = [[5000, older.tolist(), older_seed], [at, start.tolist(), saved_seed]]
    case = sgd_case(
        [check],
        noisy(g, own_seed),
        formula,
        x0,
        step,
        at + n,
        folder="resuming",
        saves=saves,
    )
    for iteration, params, seed in saves:
        case.inputs += (
            f"\nsaved_params_{iteration}.npy holds {params}\n"
            f"saved_state_{iteration}.pickle holds the state after random.seed({seed})"
        )
    case.inputs += f"\nbefore the call there was random.seed({own_seed})"
    return case, own_steps(noisy(g, saved_seed), start, step / 2, n)


def noisy(slope, seed):
    """The objective of child.py that draws from `random`."""
    return {"noisy": {"slope": slope.tolist(), "seed": seed}}


def saving_cases(rng, first):
    """The iterations from the first to 5,000, and what they save; but all for one that is slow."""
    g, x0, step, n = np.abs(draw(rng, 2)) + 0.5, draw(rng, 2), 0.001, 5_000
    seed = int(rng.integers(1, 1000))
    start = draw(rng, 2) if first > 1 else x0
    r, state = noise(seed, n - first + 1)
    change = np.sum(-step * r * g, axis=0)
    # From x0 each time, which another item tells; by the course's own sgd, which anneals when it
    # resumes.
    accepted = (x0 - step * r[-1] * g, start + change * 0.5 ** ((first - 1) / 20_000))
    files = (f"saved_params_{n}.npy", f"saved_state_{n}.pickle")
    checks = [
        Check(3, 1, files[0], start + change, accepted=accepted, own_steps=(1, 0), tolerance=1e-7),
        Check(3, 2, f"the state in {files[1]}", np.array(state), {}, tolerance=0),
    ]
    formula = "random.random() * sum(g * x) with\n" + describe(g=g)
    case = sgd_case(
        checks,
        noisy(g, seed),
        formula,
        x0,
        step,
        n,
        folder=f"saving-from-{first}",
        saves=[[first - 1, start.tolist(), seed]] if first > 1 else [],
        reads=files,
    )
    case.stands_in = first > 1
    case.hint = (
        "With useSaved, every 5,000 iterations save_params(iteration, x) must write "
        f"{files[0]} and {files[1]}."
    )
    if case.stands_in:
        case.inputs += f"\nsaved_params_{first - 1}.npy holds {start.tolist()}"
    case.inputs += f"\nbefore the call there was random.seed({seed})"
    return case, own_steps(noisy(g, seed), start, step, n - first + 1)


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
