"""Read questions.ini: the questions and their items, the hints, and the sentences."""

import argparse
import configparser
import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.stopping import UserError

FILE = Path(__file__).resolve().with_name("questions.ini")


class Item(NamedTuple):
    """Something that earns points."""

    number: str  # "a.1": the part of the assignment, and a count in it
    title: str
    points: float
    decides_run: bool  # whether the vectors of the run come out wrong if this is wrong


class Question(NamedTuple):
    """Some items that are graded together."""

    name: str  # as the command line has it
    file: str  # the file with the submission's function; "" without a function
    function: str
    rests_on: list  # names of other questions
    items: list


@functools.cache
def load():
    """Return the content of questions.ini, a `configparser.ConfigParser`; raises `UserError`."""
    parser = configparser.RawConfigParser(delimiters=("=>",), empty_lines_in_values=False)
    parser.optionxform = str  # formulas keep their capitals
    try:
        parser.read_string(FILE.read_text(encoding="utf-8"), FILE.name)
    except (configparser.Error, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {FILE}: {' '.join(str(error).split())}") from error
    return parser


def read(section):
    """Return key -> text of a section; raises `UserError`."""
    if section not in load():
        raise UserError(f"{FILE.name} has no section [{section}]")
    return load()[section]


@functools.cache
def questions():
    """Return name -> `Question`, in the order of the file; raises `UserError`."""
    found = [section for section in load().sections() if section.startswith("question ")]
    sections = {section.removeprefix("question "): load()[section] for section in found}
    return {name: read_question(name, section, sections) for name, section in sections.items()}


def read_question(name, section, names):
    """Return the `Question` in a section; it rests only on those that there are."""
    file, _, function = section.get("function", "").partition(" ")
    decides = section.get("decides the run", "").split()
    items = []
    for number, value in section.items():
        points, _, title = value.partition(" ")
        if number in ("function", "rests on", "decides the run"):
            continue
        try:
            items.append(Item(number, title, float(points), number in decides))
        except ValueError:
            raise UserError(
                f"{FILE.name}, [{section.name}]: {number} => {value} should be points and a title"
            ) from None
    rests_on = section.get("rests on", "").split()
    return Question(name, file, function, [other for other in rests_on if other in names], items)


def parts():
    """Return letter -> title of each part of the assignment."""
    return dict(read("parts"))


def points():
    """Return letter -> points of each part of the assignment."""
    items = [item for question in questions().values() for item in question.items]
    return {p: sum(i.points for i in items if i.number.startswith(f"{p}.")) for p in parts()}


def points_of_parts(string):
    """Return points by part, from "12,4,2"."""
    try:
        values = [float(value) for value in string.split(",")]
    except ValueError:
        values = []
    if len(values) != len(parts()) or not all(0 <= value <= 1000 for value in values):
        raise argparse.ArgumentTypeError(f"must be numbers such as 12,4,2, not {string}")
    return dict(zip(parts(), values))


def say(key, section="sentences", **values):
    """Return a sentence, with these values filled in."""
    try:
        return " ".join(read(section)[key].split()).format(**values)
    except (KeyError, IndexError, ValueError) as error:
        raise UserError(f"{FILE.name}, [{section}] {key}: {error!r}") from error


def formulas(section):
    """Return pairs of a hint and a function that gives the value of its formula for some names."""
    return [
        (" ".join(hint.split()), functools.partial(value_of, section, formula))
        for formula, hint in read(section).items()
    ]


def value_of(section, formula, **names):
    """Return the value of a formula; raises `UserError`."""
    try:
        with np.errstate(all="ignore"):  # for example, exp of the scores may overflow
            return eval(formula, {"np": np, **names})  # our own file, not a submission's
    except Exception as error:
        raise UserError(f"{FILE.name}, [{section}]: {formula} raises {error!r}") from error


def evaluate(section, **names):
    """Return pairs of a hint and the value of its formula."""
    return [(hint, formula(**names)) for hint, formula in formulas(section)]
