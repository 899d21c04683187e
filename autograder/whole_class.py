"""Grade a class: each submission by a process of its own, two at a time; a CSV with a row each.

A submission that brings its process to an end costs no other one anything; its row says so.
"""

import csv
import json
import subprocess
import tempfile
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from autograder.archive import printable
from autograder.exercises import text
from common.files import replacing

AT_A_TIME = 2
HEADING = 3  # lines that the output of every grading begins with
LONGEST = 3600  # seconds for a submission, of which each function has its own limit


class Grade(NamedTuple):
    """A row of the CSV."""

    points: dict  # question -> points; empty if it could not be graded
    total: float
    most: float
    remark: str
    failed: bool = False  # whether the grader did


def is_folder_of_zips(path):
    """Whether a folder holds submissions, and is none itself."""
    return (
        path.is_dir()
        and not any((path / name).exists() for name in ("word2vec.py", "sgd.py"))
        and any(path.glob("*.zip"))
    )


def find_submissions(paths):
    """The submissions that some paths stand for: zips and folders in a folder, or themselves."""
    found = []
    for path in paths:
        if is_folder_of_zips(path):
            found += sorted(
                child
                for child in path.iterdir()
                if not child.name.startswith(".") and (child.suffix == ".zip" or child.is_dir())
            )
        else:
            found.append(path)
    return found


def grade_all(submissions, command, questions, csv_file=None):
    """Grade all by a command, tell each in a line, write the CSV; the exit status.

    If it is interrupted, the CSV has those that were graded by then.
    """
    names = [name_of(path, submissions) for path in submissions]
    grades, running, stopped = {}, set(), threading.Event()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        tasks = {
            pool.submit(grade_one, path, command, running, stopped): i
            for i, path in enumerate(submissions)
        }
        try:
            for count, task in enumerate(as_completed(tasks), 1):
                i = tasks[task]
                grades[i] = grade = task.result()
                print(
                    f"[{count}/{len(submissions)}] {names[i]}: {grade.total:g} / {grade.most:g}"
                    + (f"  ({textwrap.shorten(grade.remark, 80)})" if grade.remark else ""),
                    flush=True,
                )
        except BaseException:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                process.terminate()
            raise
        finally:
            if csv_file:
                rows = [(names[i], grades[i]) for i in sorted(grades)]
                write_csv(csv_file, rows, questions)
    return 3 if any(grade.failed for grade in grades.values()) else 0


def name_of(path, submissions):
    """The name of a submission in the CSV: that of its file, or its whole path if need be."""
    same = sum(other.name == path.name for other in submissions)
    return printable(str(path) if same > 1 or not path.name else path.name)


def grade_one(path, command, running, stopped):
    """The `Grade` of one submission.

    `running` has the processes that are under way; once it has been `stopped`, none may begin.
    """
    with tempfile.TemporaryDirectory(prefix="grading-") as folder:
        file = Path(folder) / "results.json"
        process = subprocess.Popen(
            [*command, "--results", str(file), "--", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        running.add(process)
        if stopped.is_set():
            process.terminate()
        try:
            _, errors = process.communicate(timeout=LONGEST)
            results = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            said = text(errors.decode("utf-8", "replace")).strip().splitlines()
            return not_graded(said[-1] if said else f"status {process.returncode}")
        except subprocess.TimeoutExpired:
            process.terminate()
            return not_graded(f"it took longer than {LONGEST} s")
        finally:
            running.discard(process)
    if process.returncode not in (0, 1):
        lines = results["output"].splitlines()
        return not_graded(" ".join(lines[HEADING:] or lines))
    return grade_from(results)


def not_graded(why):
    """The `Grade` of a submission on which the grader failed."""
    return Grade({}, 0, 0, f"NOT GRADED: {why}", failed=True)


def grade_from(results):
    """The `Grade` in the content of a results.json."""
    points = {}
    for test in results["tests"]:
        question = test["extra_data"]["question"]
        points[question] = points.get(question, 0) + test["score"]
    most = sum(test["max_score"] for test in results["tests"])
    notes = results["output"].splitlines()[HEADING:]
    return Grade(points, results["score"], round(most, 4), " ".join(notes))


def write_csv(path, rows, questions):
    """Write (name, `Grade`) pairs as a table, whole or not at all."""
    with replacing(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["submission", *questions, "total", "remark"])
        for name, grade in rows:
            points = [f"{grade.points[q]:.4g}" if q in grade.points else "" for q in questions]
            total = "" if grade.failed else f"{grade.total:g}"
            writer.writerow([harmless(name), *points, total, harmless(grade.remark)])


def harmless(cell):
    """A text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t") else cell
