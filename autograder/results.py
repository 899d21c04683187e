"""The results of a grading as a table, and as the results.json that Gradescope reads."""

import json
import re
import textwrap
from typing import NamedTuple

from common.files import replacing

PARTS = {"a": "(a) word2vec.py", "b": "(b) sgd.py", "c": "(c) the run"}
NEXT = {  # what to do when a part is complete, and the one after it is not
    "a": "word2vec.py is complete. Next: the step in sgd.py; `python sgd.py` tries it.",
    "b": "sgd.py is complete. Next: `python run.py` trains the vectors and draws them.",
}
WIDTH = 100  # characters of a line of the table
POINTS = {"a": 12, "b": 4, "c": 4}
VISIBILITIES = ("hidden", "after_due_date", "visible", "after_published")


class Row(NamedTuple):
    """One line of the table: what was asked, and what it has earned."""

    question: str  # as the command line names it
    title: str
    number: str  # "a.1": the part of the assignment, and a count in it
    points: float
    most: float
    lines: list  # of text: what was expected, got and so on
    begun: bool = True  # False if there is nothing yet to be graded
    graded: bool = True  # False if it could not be graded here

    def passed(self):
        """Whether it has earned all its points."""
        return self.points == self.most

    def mark(self):
        """A word for the table."""
        if not self.graded:
            return "?"
        if not self.begun:
            return "to do"
        return "ok" if self.passed() else "partly" if self.points else "WRONG"


class Grading(NamedTuple):
    """All that is known in the end."""

    rows: list
    remarks: list  # that cost nothing
    header: list  # lines above the table
    points: dict = POINTS  # that each part has in all, whether all of it was graded or not

    def part(self, part):
        """The rows of a part of the assignment."""
        return [row for row in self.rows if row.number.startswith(part)]

    def score(self):
        """The points."""
        return total(self.rows)

    def worth(self, points):
        """The same with other points for the parts, such as {"a": 12, "b": 4, "c": 2}."""
        rows = []
        for row in self.rows:
            share = points[row.number[0]] / self.points[row.number[0]]
            rows.append(row._replace(points=row.points * share, most=row.most * share))
        return self._replace(rows=rows, points=points)

    def is_complete(self, part):
        """Whether a part has earned all that it could."""
        return total(self.part(part)) == round(self.points[part], 4)


def total(rows):
    """The points of some rows, without the dust of adding fractions up."""
    return round(sum(row.points for row in rows), 4)


def most(rows):
    """The points that could be had for some rows."""
    return round(sum(row.most for row in rows), 4)


def table(grading):
    """The grading as text for a student."""
    lines = [*map(wrapped, grading.header), ""]
    for part, title in PARTS.items():
        rows = grading.part(part)
        if not rows:
            continue
        lines.append(f"{title:<60}{total(rows):>4g} / {most(rows):g}")
        for row in rows:
            lines.append(
                f"  {row.mark():<7}{row.number:<6}{row.title:<45}{row.points:>4g} / {row.most:g}"
            )
            lines += indented(row.lines)
        lines += [*what_next(grading, part), ""]
    for remark in grading.remarks:
        lines.append(wrapped(f"Remark (costs nothing): {remark}"))
    lines.append(f"{'total':<60}{grading.score():>4g} / {most(grading.rows):g}")
    return "\n".join(lines)


def what_next(grading, part):
    """A line if a part is complete and the one after it is not."""
    if part in NEXT and grading.is_complete(part) and not grading.is_complete(following(part)):
        return [f"  {NEXT[part]}"]
    return []


def following(part):
    """The part after one."""
    return list(PARTS)[list(PARTS).index(part) + 1]


def indented(lines):
    """Lines, which may hold line ends, below the title of their row."""
    lines = [line for text in lines for line in text.split("\n")]
    return [textwrap.indent(wrapped(line, WIDTH - 9), " " * 9) for line in lines]


def wrapped(line, width=WIDTH):
    """A long line as several; the further ones stand under the text of a labelled line."""
    further = " " * 10 if re.match(r"\w+ {3,}", line) else ""
    return textwrap.fill(line, width, subsequent_indent=further) if len(line) > width else line


def as_json(grading, seconds, seed):
    """The grading in Gradescope's schema."""
    tests = [
        {
            "score": row.points,
            "max_score": row.most,
            "status": "passed" if row.passed() else "failed",
            "name": row.title,
            "number": row.number,
            "output": "\n".join(row.lines),
            "tags": [PARTS[row.number[0]]],
            "visibility": "visible",
            "extra_data": {"question": row.question},
        }
        for row in grading.rows
    ]
    return {
        "score": grading.score(),
        "execution_time": round(seconds, 3),
        "output": "\n".join(grading.header + [f"Remark: {remark}" for remark in grading.remarks]),
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "leaderboard": [],
        "extra_data": {"seed": str(seed)},
    }


def failure(message):
    """results.json for when the grader itself has failed."""
    empty = Grading([], [], [f"The grader itself failed, please tell your instructor: {message}"])
    return as_json(empty, 0, "")


def write(path, results):
    """Write results.json in one step: whoever reads it finds it whole."""
    with replacing(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(results, indent=1, allow_nan=False) + "\n")


# ---------------------------------------------------------------------------------------- schema
def is_number(value):
    return type(value) in (int, float)


def is_text(value):
    return isinstance(value, str)


def is_visibility(value):
    return value in VISIBILITIES


TEST_SCHEMA = {
    "score": is_number,
    "max_score": is_number,
    "status": lambda value: value in ("passed", "failed"),
    "name": is_text,
    "number": is_text,
    "output": is_text,
    "tags": lambda value: isinstance(value, list) and all(map(is_text, value)),
    "visibility": is_visibility,
    "extra_data": lambda value: isinstance(value, dict),
}
SCHEMA = {
    "score": is_number,
    "execution_time": is_number,
    "output": is_text,
    "visibility": is_visibility,
    "stdout_visibility": is_visibility,
    "tests": lambda value: isinstance(value, list),
    "leaderboard": lambda value: isinstance(value, list),
    "extra_data": lambda value: isinstance(value, dict),
}


def schema_errors(results):
    """What is wrong with the content of a results.json by Gradescope's schema, in sentences."""
    errors = faults(results, SCHEMA, "results")
    for i, test in enumerate(results.get("tests", []) if isinstance(results, dict) else []):
        found = faults(test, TEST_SCHEMA, f"tests[{i}]")
        if not found and not 0 <= test["score"] <= test["max_score"]:
            found = [f"tests[{i}]: score {test['score']} of {test['max_score']}"]
        errors += found
    if not errors and "score" not in results and "tests" not in results:
        errors.append("results: it needs a score or tests")
    return errors


def faults(value, schema, name):
    """The keys of an object that are unknown or have an unfit value."""
    if not isinstance(value, dict):
        return [f"{name} is not an object"]
    unknown = [f"{name}: unknown key {key!r}" for key in value if key not in schema]
    unfit = [
        f"{name}: unfit {k} {value[k]!r}" for k in value if k in schema and not schema[k](value[k])
    ]
    return unknown + unfit
