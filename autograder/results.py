"""Show the results of a grading as a table, and as the results.json that Gradescope reads."""

import textwrap
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from autograder.questions import load, parts, say

WIDTH = 100  # characters of a line of the table


class Row(NamedTuple):
    """One line of the table: an item, and the points that it has earned."""

    question: str  # as the command line names it
    number: str  # "a.1": the part of the assignment, and a count in it
    title: str
    points: float
    most: float
    lines: list  # of `checking.Line`: what was expected, got and so on
    why: str = ""  # it lost points, in short
    begun: bool = True  # False if there is nothing to grade yet
    graded: bool = True  # False if it could not be graded here
    see: str = ""  # the number of the row that already says it

    def passed(self):
        """Return whether it has earned all its points."""
        return self.points == self.most and not self.why

    def mark(self):
        """Return a word for the table."""
        if not self.graded:
            return "?"
        if not self.begun:
            return "to do"
        return "ok" if self.passed() else "partly" if self.points else "WRONG"


@dataclass
class Grading:
    """The results of grading one submission."""

    header: list  # lines above the table
    points: dict = field(default_factory=dict)  # total of each part, graded or not
    rows: list = field(default_factory=list)
    notes: list = field(default_factory=list)  # on the archive, for the header too
    remarks: list = field(default_factory=list)  # that cost nothing
    doubts: list = field(default_factory=list)  # whether the submitted code has made the vectors
    printed: dict = field(default_factory=dict)  # question -> what the submission printed

    def part(self, part):
        """Return the rows of a part of the assignment."""
        return [row for row in self.rows if row.number.startswith(f"{part}.")]

    def worth(self, points):
        """Return the same with other points for the parts, such as {"a": 12, "b": 4, "c": 2}."""
        rows = []
        for row in self.rows:
            part = row.number.partition(".")[0]
            share = points[part] / self.points[part] if self.points[part] else 0
            rows.append(row._replace(points=row.points * share, most=row.most * share))
        return replace(self, rows=rows, points=points)

    def is_complete(self, part):
        """Return whether a part has earned all its points."""
        return total(self.part(part)) == round(self.points[part], 4)

    def reasons(self):
        """Return in short why points were lost, or perhaps should be."""
        return list(dict.fromkeys([*(row.why for row in self.rows if row.why), *self.doubts]))


def total(rows):
    """Return the points of some rows, rounded to hide floating-point noise."""
    return round(sum(row.points for row in rows), 4)


def most(rows):
    """Return the highest possible points of some rows."""
    return round(sum(row.most for row in rows), 4)


def table(grading):
    """Return the grading as text for a student."""
    lines = [*map(wrapped, [*grading.header, *grading.notes]), ""]
    for part, title in parts().items():
        rows = grading.part(part)
        if not rows:
            continue
        lines.append(f"{title:<60}{total(rows):>4g} / {most(rows):g}")
        for row in rows:
            lines.append(
                f"  {row.mark():<7}{row.number:<6}{row.title:<45}{row.points:>4g} / {row.most:g}"
            )
            lines += [textwrap.indent(text_of(line, WIDTH - 9), " " * 9) for line in row.lines]
        lines += [*what_next(grading, part), ""]
    lines += [wrapped(doubt) for doubt in grading.doubts]
    lines += [wrapped(f"Remark (costs no points): {remark}") for remark in grading.remarks]
    lines.append(f"{'total':<60}{total(grading.rows):>4g} / {most(grading.rows):g}")
    return "\n".join(lines)


def what_next(grading, part):
    """Return a line if a part is complete and the one after it is not."""
    following = dict(zip(parts(), list(parts())[1:])).get(part)
    if part in load()["next"] and grading.is_complete(part) and not grading.is_complete(following):
        return [f"  {say(part, 'next')}"]
    return []


def text_of(line, width=10_000):
    """Return a line with its label; further lines are indented below its text."""
    label = f"{line.label:<9} " if line.label else ""
    pieces = [wrapped(piece, width - len(label)) for piece in line.text.split("\n")]
    return label + "\n".join(pieces).replace("\n", "\n" + " " * len(label))


def wrapped(line, width=WIDTH):
    """Break a long line into several."""
    return textwrap.fill(line, width) if len(line) > width else line


def as_json(grading, seconds, seed, wall):
    """Return the grading in Gradescope's schema."""
    tests = [
        {
            "score": row.points,
            "max_score": row.most,
            "status": "passed" if row.passed() else "failed",
            "name": row.title,
            "number": row.number,
            "output": "\n".join(map(text_of, row.lines)) or (row.see and f"See {row.see}."),
            "tags": [parts()[row.number.partition(".")[0]]],
            "visibility": "visible",
            "extra_data": {"question": row.question, "graded": row.graded},
        }
        for row in grading.rows
    ]
    remarks = [*grading.doubts, *(f"Remark: {remark}" for remark in grading.remarks)]
    of_class = {"reasons": grading.reasons(), "notes": grading.notes, "printed": grading.printed}
    return {
        "score": total(grading.rows),
        "execution_time": round(seconds, 3),
        "output": "\n".join([*grading.header, *grading.notes, *remarks]),
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "leaderboard": [],
        "extra_data": {"seed": str(seed), "wall": wall, **of_class},
    }


def failure(message):
    """Return the results.json for a failure of the grader itself."""
    line = f"The grader itself failed; please tell your instructor: {message}"
    return as_json(Grading([line]), 0, "", "")
