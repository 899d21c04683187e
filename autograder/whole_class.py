"""Grade a class: each submission in a separate process, two at a time; a CSV with a row for each.

A crash in one submission does not affect the others; its row reports it.
"""

import csv
import json
import re
import subprocess
import tempfile
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from autograder.archive import WANTED, is_clutter, printable
from autograder.checking import clean
from common.files import replacing

AT_A_TIME = 2
LONGEST = 3600  # seconds for a submission; each function also has its own limit
PATIENCE = 60  # seconds for a grader to end the processes it has started
# Files that a teacher keeps next to the submissions, or that a learning platform adds.
DOCUMENTS = {".csv", ".html", ".json", ".log", ".md", ".pdf", ".txt", ".yml", ".yaml"}


class Submission(NamedTuple):
    """A row of the CSV before it is graded; without a path, it is not a submission."""

    name: str
    path: Path | None


class Grade(NamedTuple):
    """The result of grading a submission."""

    points: dict  # question -> points; empty if it could not be graded
    total: float | None
    most: float
    remark: str  # why points were lost
    complete: bool  # whether all of it could be graded
    text: str = ""  # the table, and what the submission printed
    extra: dict = {}  # the seed and the wall


# --------------------------------------------------------------------------- finding submissions
def is_class(folder):
    """Return whether a folder contains several submissions, and is not one itself."""
    return folder.is_dir() and not is_one(folder) and holds_several(folder)


def holds_several(folder):
    """Return whether there are zips or several folders with submissions in a folder."""
    children = visible(folder)
    several = sum(holds_submission(child) for child in children if child.is_dir()) > 1
    return several or any(map(is_zip, children))


def find_submissions(paths):
    """Return the `Submission`s that some paths stand for, and the names of files that are left out.

    A path is the folder of a class if it is the only one or looks like one. In it, every zip or
    folder is a submission (Canvas, Gradescope), and so is a zip in a folder (Moodle).
    """
    found, left_out = [], []
    for path in paths:
        alone = len(paths) == 1 and path.is_dir() and (not is_one(path) or holds_several(path))
        if not (is_class(path) or alone):
            found.append(Submission(path.name or str(path), path))
            continue
        for child in visible(path):
            zips = [z for z in visible(child) if is_zip(z)] if child.is_dir() else []
            if zips and not is_one(child):
                names = [f"{child.name}/{z.name}" if len(zips) > 1 else child.name for z in zips]
                found += map(Submission, names, zips)
            elif child.is_dir() or is_zip(child):
                found.append(Submission(child.name, child))
            elif child.suffix.lower() in DOCUMENTS:
                left_out.append(child.name)
            else:
                found.append(Submission(child.name, None))
    names = [submission.name for submission in found]
    unique = [s.path if names.count(s.name) > 1 else s.name for s in found]
    return [s._replace(name=printable(name)) for s, name in zip(found, unique)], left_out


def visible(folder):
    """Return what is in a folder, sorted, without what macOS and Python leave there."""
    try:
        return sorted(path for path in folder.iterdir() if not is_clutter(Path(path.name)))
    except OSError:  # Grading it will report the error.
        return []


def is_zip(path):
    """Return whether a path is a zip archive by its name."""
    return path.suffix.lower() == ".zip" and not path.is_dir()


def is_one(folder):
    """Return whether a folder is a submission, by a file in it that is asked for."""
    return any((folder / name).is_file() for name in WANTED)


def holds_submission(folder):
    """Return whether a folder, or a folder in it, contains a zip or a wanted file."""
    found = (path for depth in ("*", "*/*", "*/*/*") for path in folder.glob(depth))
    return any(is_zip(path) or path.name in WANTED for path in found if not is_clutter(path))


# ------------------------------------------------------------------------------------- the grading
def grade_all(submissions, command, questions, csv_file=None, feedback=None, longest=LONGEST):
    """Grade all with a command, print a line for each, write the CSV; returns the exit status.

    `feedback` is a folder for a text about each. If the grading is interrupted, both have what was
    graded by then.
    """
    grades, running, stopped = {}, set(), threading.Event()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        tasks = {
            pool.submit(grade_one, submission, command, running, stopped, longest): i
            for i, submission in enumerate(submissions)
        }
        try:
            for count, task in enumerate(as_completed(tasks), 1):
                i = tasks[task]
                grade = grades[i] = task.result()
                said = "" if grade.total is None else f"{grade.total:g} / {grade.most:g}  "
                said = f"{submissions[i].name}: {said}{textwrap.shorten(grade.remark, 100)}"
                print(f"[{count}/{len(tasks)}] {said}", flush=True)
                if feedback:
                    write_feedback(feedback, i, submissions, grade)
        except BaseException:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                process.terminate()
            raise
        finally:
            if csv_file:
                rows = [(submissions[i].name, grades[i]) for i in sorted(grades)]
                write_csv(csv_file, rows, questions)
    return 0 if all(grade.complete for grade in grades.values()) else 3


def grade_one(submission, command, running, stopped, longest):
    """Return the `Grade` of one submission.

    `running` has the running processes; after `stopped` is set, none may begin.
    """
    if submission.path is None:
        return not_graded("neither a zip archive nor a folder")
    with tempfile.TemporaryDirectory(prefix="grading-") as folder:
        file = Path(folder) / "results.json"
        command = [*command, "--results", str(file), "--", str(submission.path)]
        pipe = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with subprocess.Popen(command, **pipe, encoding="utf-8", errors="replace") as process:
            running.add(process)
            if stopped.is_set():
                process.terminate()
            try:
                table, errors = process.communicate(timeout=longest)
                return grade_from(json.loads(file.read_text(encoding="utf-8")), table)
            except (OSError, ValueError):
                said = clean(errors).strip().splitlines()
                return not_graded(said[-1] if said else f"status {process.returncode}")
            except subprocess.TimeoutExpired:
                end(process)
                return not_graded(f"timed out after {longest:g} s")
            finally:
                running.discard(process)


def end(process):
    """Ask a grader to end itself and its processes; kill it if it does not."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()


def not_graded(why):
    """Return the `Grade` of a submission that could not be graded."""
    return Grade({}, None, 0, f"NOT GRADED: {why}", complete=False, text=f"NOT GRADED: {why}")


def grade_from(results, table):
    """Return the `Grade` in the content of a results.json, and in the table that was printed."""
    tests, extra = results["tests"], results["extra_data"]
    if not tests:
        return not_graded(" ".join(results["output"].splitlines()))
    points = {}
    for test in tests:
        question = test["extra_data"]["question"]
        points[question] = points.get(question, 0) + test["score"]
    most = round(sum(test["max_score"] for test in tests), 4)
    complete = all(test["extra_data"]["graded"] for test in tests)
    remark = "; ".join(sentence.rstrip(".") for sentence in extra["reasons"] + extra["notes"])
    texts = [table.rstrip()]
    for question, printed in extra["printed"].items():
        texts.append(f"Printed when {question} was graded:\n{textwrap.indent(printed, '    ')}")
    return Grade(points, results["score"], most, remark, complete, "\n\n".join(texts), extra)


# ---------------------------------------------------------------------------------------- the files
def write_feedback(folder, i, submissions, grade):
    """Write the text about one of the submissions."""
    names = [re.sub(r"[^\w.() -]", "_", submission.name) for submission in submissions]
    name = names[i] if names.count(names[i]) == 1 else f"{names[i]} {i + 1}"
    with replacing(folder / f"{name}.txt", "w", encoding="utf-8") as file:
        file.write(grade.text + "\n")


def write_csv(path, rows, questions):
    """Write (name, `Grade`) pairs as a table, completely or not at all."""
    with replacing(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["submission", *questions, "total", "seed", "wall", "remark"])
        for name, grade in rows:
            points = [f"{grade.points[q]:.4g}" if q in grade.points else "" for q in questions]
            total = "" if grade.total is None else f"{grade.total:g}"
            more = [grade.extra.get(key, "") for key in ("seed", "wall")]
            writer.writerow([harmless(name), *points, total, *more, harmless(grade.remark)])


def harmless(cell):
    """Return a text that no spreadsheet will read as a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
