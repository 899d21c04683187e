"""Compare the results of a submission's functions with the expected ones, and say what is wrong.

    for exercise in exercises.make_exercises(seed):
        outcome = sandbox.run(files, exercise.module, exercise.question.function, exercise.calls())
        results, remarks = exercise.grade(outcome, source)

An `Exercise` is a question of questions.ini with its `Case`s, the calls. A case has a `Check` for
each output: the expected array, and the arrays that typical mistakes produce, each with its hint.
"""

import re
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from autograder.questions import Question, say

TOLERANCE = 1e-5  # relative, as in the gradient check; float32 is good enough
MAX_TEXT = 1500  # the most characters of an array in the table
NOTHING = [{"type": "NoneType"}]  # the outputs of a function without a return statement
BARE = r"(#.*|pass|\.\.\.|raise NotImplementedError\b.*)?$"  # lines that do nothing


class Line(NamedTuple):
    """Text below an item in the table, perhaps of several lines, and its label."""

    text: str
    label: str = ""


class Result(NamedTuple):
    """The points that an item has earned, and the lines about it."""

    points: float
    lines: list
    why: str = ""  # in short, why it lost points
    written: bool = True
    broken: bool = False  # whether there was no function to call


@dataclass
class Check:
    """One output of a call, checked for an item (None: for a remark that costs no points)."""

    item: int | None
    output: int
    name: str
    expected: np.ndarray
    mistakes: list = ()  # pairs of a hint and the array that the mistake leads to
    remark: str = ""  # the key of one in questions.ini
    overflow: bool = False  # whether the remark is about overflow, and not about an exception
    tolerance: float = TOLERANCE
    accepted: tuple = ()  # arrays that are right except for a mistake that costs another item
    unless: int | None = None  # an item; if that is wrong, this output is not checked
    # (case, a, b): if the first item is wrong, a x + b is accepted too, with the x of that case
    own_steps: tuple | None = None


@dataclass(eq=False)
class Case:
    """One call of the function, and the checks of its outputs."""

    arguments: dict  # name -> value; a dict of one key, its kind, is a value that child.py builds
    checks: list
    keywords: dict = field(default_factory=dict)
    about: str = ""  # the inputs, besides the arguments
    call: dict = field(default_factory=dict)  # more information for child.py: see its `work`
    hint: str = ""  # the key of a sentence for every fault, if this case tries only one thing
    undrawn: str = ""  # the key of a sentence for a fault if nothing was drawn from the data set
    stands_in: bool = False  # counts only if a later case takes too long

    def inputs(self):
        """Return the inputs as the table shows them."""
        given = {**self.arguments, **self.keywords}
        given = {n: v.get("dict") if isinstance(v, dict) else v for n, v in given.items()}
        shown = {n: v for n, v in given.items() if v is not None and v is not False}
        return "\n".join(filter(None, (describe(**shown), self.about)))

    def for_child(self):
        """Return the call for `Sandbox.run`."""
        args = self.arguments.values()
        args = [{"array": x.tolist()} if isinstance(x, np.ndarray) else x for x in args]
        return {"args": args, "kwargs": self.keywords, **self.call}


@dataclass
class Exercise:
    """A function of the assignment, and the calls that check it."""

    question: Question
    cases: list
    # Whether students write only a step of it, here or in a function that it calls. Then the other
    # items can hardly be right without the first, and modifying an argument costs no points.
    is_step: bool = False

    @property
    def module(self):
        """The name that the submission's file is imported by."""
        return self.question.file.removesuffix(".py")

    def calls(self):
        """Return the calls for `Sandbox.run`."""
        return [case.for_child() for case in self.cases]

    def grade(self, outcome, source=b""):
        """Return pairs of `Item` and `Result`, and remarks that cost nothing.

        `outcome` is what `Sandbox.run` gave for the calls, `source` the submission's file.
        """
        items = self.question.items
        first = outcome.events[0] if outcome.events else {}
        if "missing" in first:
            results, remarks = [self.cannot_call(first.get("imported"))] * len(items), []
        else:
            marking = Marking(self, outcome)
            results, remarks = marking.results(), marking.remarks
        decisive = results[:1] if self.is_step else results
        if not any(r.points for r in decisive) and self.is_unwritten(outcome, source):
            sentence = say("not written")
            results = [Result(0, [Line(sentence)], sentence, written=False)] * len(items)
            remarks = []
        return list(zip(items, results)), list(dict.fromkeys(remarks))

    def cannot_call(self, error):
        """Return the `Result` if the function is missing, perhaps because its import fails."""
        file, function = self.question.file, self.question.function
        if not error:
            sentence = say("missing function", file=file, function=function)
            return Result(0, [Line(sentence)], sentence, broken=True)
        line = Line(say("broken file", file=file, why=said(error)))
        return Result(0, [line], self.in_short(error), broken=True)

    def in_short(self, error):
        """Kind and place of an exception, as the child reports it."""
        error = error if isinstance(error, dict) else {}
        file, line = error.get("file") or self.question.file, error.get("line")
        place = f"{file}, line {line}" if line else file
        return clean(f"{error.get('kind') or 'exception'} in {place}", 200)

    def is_unwritten(self, outcome, source):
        """Return whether a function is not written: a bare marker, NotImplementedError, None."""
        source, own = source.decode("utf-8", "replace"), f"def {self.question.function}("
        if has_bare_marker(functions_in(source, "def " if self.is_step else own)):
            return True
        written = any(map(has_code, functions_in(source, own)))  # then only the return is missing
        return bool(outcome.events) and all(
            kind_of_error(event) == "NotImplementedError"
            or (event.get("outputs") == NOTHING and not written)
            for event in outcome.events
        )


class Fault(NamedTuple):
    """What is wrong with an output: a hint, lines before and after the input, a short reason."""

    hint: str = ""
    before: list = []
    after: list = []
    why: str = ""


class Marking:
    """Finds what is wrong, odd or worth a remark in the outcome of an exercise."""

    def __init__(self, exercise, outcome):
        self.exercise, self.outcome = exercise, outcome
        self.events = dict(zip_longest(exercise.cases, outcome.events[: len(exercise.cases)]))
        self.faults = {}  # item -> `Fault`
        self.misshapen = {}  # name of an output -> the first item that uses it, a sentence
        self.remarks = []
        self._shown = {}  # case -> the item whose lines show its inputs
        imported = outcome.events[0].get("imported") if outcome.events else None
        if imported:
            file = exercise.question.file
            self.remarks.append(say("import fails", "remarks", file=file, why=said(imported)))
        excused = self._excused()
        for case, event in self.events.items():
            for check in case.checks:
                in_time = event or case.stands_in or check.item not in excused
                needed = check.item in excused or not case.stands_in
                if in_time and needed and not {check.item, check.unless} & set(self.faults):
                    self._look(case, event, check)
        if excused:
            self._remark(say("slow", "remarks"))

    def results(self):
        """Return the `Result` of each item."""
        changes, results = self._changes(), []
        for i, item in enumerate(self.exercise.question.items):
            halved = changes + [said for first, said in self.misshapen.values() if first == i]
            if i in self.faults:
                lines = [*self.faults[i].before, *map(Line, changes)]
                results.append(Result(0, lines, self.faults[i].why))
            elif halved:
                lines = [Line(sentence) for sentence in (*halved, say("half"))]
                results.append(Result(item.points / 2, lines, " ".join(halved)))
            else:
                results.append(Result(item.points, []))
        return results

    def _changes(self):
        """Sentences on arguments that were changed, if these cost points; else they are remarks."""
        names = {n for case, event in self.events.items() for n in changed(case, event)}
        changes = [say("modified", name=name) for name in sorted(names)]
        if not self.exercise.is_step:
            return changes
        for change in changes:
            self._remark(change)
        return []

    def _remark(self, sentence):
        self.remarks.append(f"{self.exercise.question.function}: {sentence}")

    def _excused(self):
        """Return the items whose main case timed out, but which have a shorter one."""
        if not self.outcome.timed_out:
            return set()
        standing_in = {c.item for case in self.events if case.stands_in for c in case.checks}
        late = [case for case, event in self.events.items() if not event and not case.stands_in]
        return standing_in & {check.item for case in late for check in case.checks}

    def _look(self, case, event, check):
        """Record what is wrong or odd in one output."""
        fault, form = self._compare(event, check)
        if check.item is None:
            wrong = fault and not self.faults and not (check.overflow and "error" in (event or {}))
            if event and (wrong or check.overflow and overflowed(check, event)):
                self._remark(say(check.remark, "remarks"))
        elif fault:
            self.faults[check.item] = self._explained(case, event, check.item, fault)
        elif form and form[0] == "wrong shape":
            self.misshapen.setdefault(check.name, (check.item, say(form[0], **form[1])))
        elif form:
            self._remark(say(form[0], "remarks", **form[1]))

    def _compare(self, event, check):
        """Return a `Fault` or None, and what is odd in the form of right numbers."""
        if event is None:
            why = self.outcome.ending or "the process ended early"
            lines = [Line(say("no result", why=why)), *last_output(self.outcome.output)]
            return Fault(before=lines, why=why), None
        if "error" in event:
            line = Line(say("raises", why=said(event["error"])))
            return Fault(before=[line], why=self.exercise.in_short(event["error"])), None
        if check.own_steps and 0 in self.faults:
            case, factor, summand = check.own_steps
            own = output_of(self.events[case], 0)
            if np.shape(own) == np.shape(check.expected):
                check = replace(check, accepted=(*check.accepted, factor * own + summand))
        return compare(check, event)

    def _explained(self, case, event, item, fault):
        """Return a `Fault` with all the lines that the table shows."""
        number = self.exercise.question.items[item].number
        hint = say(case.hint) if event and case.hint else fault.hint
        if not hint and case.undrawn and event and event.get("drawn") == 0:
            hint = say(case.undrawn)
        why = hint or fault.why or f"{number} is wrong"
        if not hint and self.exercise.is_step and 0 in self.faults:
            hint = say("first", what=self.exercise.question.items[0].number)
        seen = self._shown.setdefault(case, number)
        inputs = Line(case.inputs() if seen == number else say("same", number=seen), "input")
        lines = [*[Line(hint, "hint")] * bool(hint), *fault.before, inputs, *fault.after]
        return fault._replace(before=lines, why=why)


# ------------------------------------------------------------------------------------- comparison
def checks_of(right, wrong):
    """Return the `Check`s for the outputs of a call, for the items 0, 1, 2, ...

    `right` has the outputs by name, in order; `wrong` has pairs of a hint and the outputs that the
    mistake leads to: the only output, or all in order, or some by name.
    """
    names, checks = list(right), []
    for i, name in enumerate(names):
        mistakes = []
        for hint, x in wrong:
            x = [x] if len(names) == 1 and not isinstance(x, dict) else x
            x = x if isinstance(x, dict) else dict(zip(names, x))
            mistakes += [(hint, x[name])] if name in x else []
        others = [other for other in names if other != name]
        order = ", ".join(names)
        mistakes += [(say("order", name=other, names=order), right[other]) for other in others]
        checks.append(Check(i, i, name, right[name], mistakes))
    return checks


def compare(check, event):
    """Return a `Fault` or None, and key and values of a sentence if only the form is odd."""
    outputs, shape, name = event.get("outputs"), np.shape(check.expected), check.name
    kind = "an array" if shape else "a number"
    if outputs == NOTHING:
        return Fault(say("no return")), None
    got = output_of(event, check.output)
    if got is None:
        return Fault(say("too few", name=name)), None
    expected = Line(describe(**{name: np.asarray(check.expected)}), "expected")
    if isinstance(got, str):
        hint = say("wrong type", name=name, kind=kind)
        return Fault(hint, after=[expected, Line(got, "got")]), None
    form, was = None, outputs[check.output].get("was")
    if got.shape != shape and np.squeeze(got).shape == np.squeeze(check.expected).shape:
        if shape:  # an array of one number is accepted as a number
            form = "wrong shape", dict(name=name, got=got.shape, shape=shape)
        got = got.reshape(shape)
    if not form and was in ("list", "tuple", "matrix"):
        form = "as a list", dict(name=name, was=was, kind=kind)
    if any(agrees(got, right, check.tolerance) for right in (check.expected, *check.accepted)):
        return None, form
    found = [expected, Line(describe(**{name: got}), "got")]
    return Fault(diagnose(got, check), after=found), None


def diagnose(got, check):
    """Return the hint for the mistake that leads to this output; "" if it is not known."""
    expected, tolerance = np.asarray(check.expected, dtype=float), check.tolerance
    for hint, wrong in check.mistakes:
        if agrees(got, wrong, tolerance):
            return hint
    if got.shape != expected.shape:
        shape = expected.shape or "a number"
        return say("wrong shape", name=check.name, got=got.shape, shape=shape)
    if not np.isfinite(got).all():
        return say("not finite")
    if not got.any():
        return say("all zero")
    if close(got, -expected, tolerance):
        return say("sign")
    with np.errstate(all="ignore"):  # submissions may return any numbers
        ratio = np.sum(got * expected) / np.sum(expected**2)
        multiple = ratio * expected
        # Any number is a multiple of another, but a factor n or 1/n is probably no coincidence.
        telling = got.size > 1 or any(abs(r - np.rint(r)) < 1e-4 for r in (ratio, 1 / ratio))
    if telling and close(got, multiple, tolerance):
        return say("multiple", ratio=ratio)
    if expected.ndim == 2 and close(sorted(got.tolist()), sorted(expected.tolist()), tolerance):
        return say("wrong rows")
    return ""


def agrees(got, right, tolerance):
    """Return whether two arrays have the same shape and numbers."""
    return np.shape(got) == np.shape(right) and close(got, right, tolerance)


def close(a, b, tolerance):
    """Return whether two arrays agree, relative to the largest number, or to 1 if it is smaller."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    finite = np.isfinite(a).all() and np.isfinite(b).all()
    return bool(finite and np.all(np.abs(a - b) <= tolerance * max(1.0, np.max(np.abs(b)))))


def overflowed(check, event):
    """Return whether a call with large numbers led to infinity, or to a complaint of that kind."""
    if event.get("overflowed") or kind_of_error(event) == "OverflowError":
        return True
    got = output_of(event, check.output)
    return isinstance(got, np.ndarray) and not np.isfinite(got).all()


def changed(case, event):
    """Yield the names of the array arguments that a call has changed, if it can earn points."""
    after = event.get("after") if event else None
    if not isinstance(after, list) or all(check.item is None for check in case.checks):
        return
    for (name, argument), report in zip(case.arguments.items(), after):
        value = numbers(report)
        both = isinstance(argument, np.ndarray) and isinstance(value, np.ndarray)
        if both and not np.array_equal(value, argument):
            yield name


# ------------------------------------------------------------------------- the child's report
def output_of(event, number):
    """One output of a call: an array, a sentence if it is none, or None if it is missing."""
    outputs = event.get("outputs") if event else None
    if isinstance(outputs, list) and len(outputs) > number:
        return numbers(outputs[number])
    return None


def numbers(report):
    """Return the array that a child's report stands for, or a sentence if it stands for none."""
    if not isinstance(report, dict):
        return "an unreadable result"
    if "type" in report:
        return f"a value of type {clean(report['type'])}"
    shape, data = report.get("shape"), report.get("data")
    lists = isinstance(shape, list) and isinstance(data, list) and len(shape) <= 4
    if not (lists and all(type(n) is int and 0 <= n <= 10_000 for n in shape)):
        return "an unreadable result"
    if not all(type(x) is float for x in data) or int(np.prod(shape)) != len(data):
        return "an unreadable result"
    return np.array(data, dtype=np.float64).reshape(shape)


def kind_of_error(event):
    """Return the class of the exception that a call has raised, or None."""
    error = event.get("error")
    return error.get("kind") if isinstance(error, dict) else None


def said(error):
    """Return the text of an exception that the child reports."""
    return clean(error.get("text") if isinstance(error, dict) else error)


def last_output(output):
    """Return the last line that a child printed, if there is one."""
    lines = [line for line in clean(output[-2000:], 2000).splitlines() if line.strip()]
    return [Line(lines[-1], "printed")] if lines else []


# ------------------------------------------------------------------------- unwritten functions
def functions_in(source, start):
    """Return the functions whose `def` line starts like this: their bodies without docstrings.

    The source is read line by line, because a hostile one could crash a parser.
    """
    functions, inside = [], False
    for line in source.splitlines():
        if line[:1] not in ("", " ", "\t", "#", ")"):
            inside = line.startswith(start)
            functions += [[]] * inside
        if inside and (functions[-1] or line.partition("#")[0].rstrip()[-1:] == ":"):
            functions[-1].append(line)
    docstring = re.compile("(\"\"\"|''').*?\\1", re.DOTALL)
    return [docstring.sub("", "\n".join(function), count=1) for function in functions]


def has_bare_marker(functions):
    """Return whether there is a `### YOUR CODE HERE`, and no code behind any of them."""
    here = re.compile("^[ \t]*#.*YOUR CODE HERE", re.MULTILINE)
    end = re.compile("^[ \t]*#.*END YOUR CODE", re.MULTILINE)
    blocks = [block for function in functions for block in here.split(function)[1:]]
    return bool(blocks) and not any(has_code(end.split(block)[0]) for block in blocks)


def has_code(text):
    """Return whether any line but the first, which may be a signature, does something."""
    return not all(re.match(BARE, line.strip()) for line in text.split("\n")[1:])


# -------------------------------------------------------------------------------------------- text
def clean(value, most=1000):
    """Return what comes from a submission, fit to print: no control characters, not too long."""
    value = str(value)[:most]
    return "".join(c if c == "\n" or c.isprintable() else "?" for c in value)


def describe(**values):
    """Names and values, one below the other, as Python would read them again if they are short."""
    lines = []
    for name, value in values.items():
        shown = repr(value)
        if isinstance(value, np.ndarray):
            how = dict(separator=", ", precision=6, suppress_small=True, threshold=200)
            shown = np.array2string(value, **how)
        if len(shown) > MAX_TEXT:
            shown = f"an array of shape {np.shape(value)}"
        lines.append(f"{name} = " + shown.replace("\n", "\n" + " " * (len(name) + 3)))
    return "\n".join(lines)
