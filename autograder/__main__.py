"""Grade submissions of assignment 2 by its 20 coding points.

    python autograder assignment2.zip           # or a folder, or word2vec.py, or sgd.py
    python autograder . -q skipgram             # one question, with those it rests on
    python autograder --loss 9.367644           # which run ends on this printed loss?
    python autograder submissions/ --csv grades.csv     # a class: a folder of zips, several paths
    python autograder assignment2.zip --results results.json    # for Gradescope too
    python autograder assignment2.zip --seed 123     # the same inputs as that time

    (a) word2vec.py   sigmoid 2, naive softmax 3, negative sampling 4, skip-gram 3          12
    (b) sgd.py        steps 1, annealing 1, postprocessing 1, saves 1                        4
    (c) the run       saved_params_40000.npy 1, its loss 2, the picture 1                    4

The functions are called in processes of their own (`sandbox.py`) with inputs drawn for this grading
(`exercises.py`); what they should give is computed here. A modified argument costs half the points
of the function. Exit status: 0 for full marks, 1 for less, 2 if there is nothing to grade by that
name, 3 if it could not be graded here. For a class: 0 if all were graded, else 3.
"""

import argparse
import math
import os
import re
import secrets
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # this folder is run as a script

from common import stopping  # noqa: E402

if __name__ == "__main__":
    stopping.exit_when_signalled("autograder")

try:
    from autograder import fingerprints, results, whole_class
    from autograder.archive import UnreadableSubmission, read_submission
    from autograder.exercises import Result, labelled, make_exercises, text
    from autograder.results import Grading, Row
    from autograder.run_part import DIVERGED, grade_run
    from autograder.sandbox import Limits, Sandbox, UnfitSystem
except ImportError as error:
    if error.name not in ("pwd", "resource"):
        raise
    sys.exit("autograder: needs Linux or macOS; on Windows, run it in WSL")

RESTS_ON = {  # question -> those that it rests on, first what they rest on
    "sigmoid": (),
    "naive-softmax": (),
    "neg-sampling": ("sigmoid",),
    "skipgram": ("sigmoid", "naive-softmax", "neg-sampling"),
    "sgd": (),
    "run": ("sigmoid", "neg-sampling", "skipgram", "sgd"),
}
OF_FILE = {
    "word2vec.py": ("sigmoid", "naive-softmax", "neg-sampling", "skipgram"),
    "sgd.py": ("sgd",),
}
MAX_SECONDS = 3600


def grade(path, seed, sandbox, questions=tuple(RESTS_ON)):
    """The `Grading` of the submission at a path, in some questions."""
    path = Path(path)
    header = [
        f"Assignment 2, coding: {text(path.resolve().name.replace(chr(10), ' '))}",
        f"Fresh inputs; the same again with: --seed {seed}",
        sandbox.wall.sentence,
    ]
    try:
        submission = read_submission(path)
    except UnreadableSubmission as error:
        header.append(f"Nothing can be graded: {text(error)}")
        files = {}
    else:
        header += [text(note) for note in submission.notes]
        files = submission.files
    rows, remarks, misleading = grade_functions(files, seed, sandbox, questions)
    if "run" in questions:
        run_rows, run_remarks = grade_run(files, seed, misleading)
        rows, remarks = rows + run_rows, run_remarks + remarks  # those matter more
    return Grading(rows, remarks, header)


def grade_functions(files, seed, sandbox, questions):
    """The `Row`s of (a) and (b), remarks, and the numbers of wrong ones that decide the vectors."""
    rows, remarks, misleading = [], [], []
    for exercise in make_exercises(seed):
        if exercise.question not in questions:
            continue
        file = f"{exercise.module}.py"
        if file in files:
            outcome = sandbox.run(files, exercise.module, exercise.function, exercise.calls())
            graded, new_remarks = exercise.grade(outcome, files[file])
            remarks += [remark for remark in new_remarks if remark not in remarks]
            misleading += [
                item.number
                for item, result in graded
                if item.shapes_run and not result.points and not outcome.ending
            ]
        else:
            missing = Result(0, [f"{file} is missing"], False)
            graded = [(item, missing) for item in exercise.items]
        advice = advice_on(exercise.question, rows)
        rows += [row_of(exercise.question, item, result, advice) for item, result in graded]
    return rows, remarks, misleading


def row_of(question, item, result, advice):
    """The `Row` of an item; advice stands in for a hint if there is none."""
    lines = result.lines
    if advice and result.written and not result.points and not lines[0].startswith("hint"):
        lines = [labelled("hint", advice), *lines]
    return Row(question, item.title, item.number, result.points, item.points, lines, result.written)


def advice_on(question, rows):
    """What to do first, if a question rests on others that are not right yet; else nothing."""
    wrong = {row.question for row in rows if not row.points}
    first = [other for other in RESTS_ON[question] if other in wrong]
    if not first:
        return ""
    *others, last = first
    names, them = (f"{', '.join(others)} and {last}", "them") if others else (last, "it")
    return f"Get {names} right first, if this calls {them}."


# ---------------------------------------------------------------------------------- command line
def parse_arguments(arguments):
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="autograder",
        description="Grade submissions of assignment 2 by its 20 coding points.",
        epilog="One PATH is graded in full, several or a folder of zips as a class.",
    )
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="assignment2.zip, a folder, word2vec.py or sgd.py",
    )
    parser.add_argument("-q", dest="question", choices=RESTS_ON, help="grade one question")
    parser.add_argument("--loss", metavar="NUMBER", help="which run ends on this printed loss?")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="grade a class, a row each")
    parser.add_argument("--results", type=Path, metavar="FILE", help="write results.json here")
    parser.add_argument("--seed", type=int, help="of the inputs, to repeat a grading")
    parser.add_argument(
        "--points",
        type=points_of_parts,
        default=results.POINTS,
        metavar="A,B,C",
        help="of the three parts (12,4,4)",
    )
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=Limits().seconds,
        help="for each function (%(default)g)",
    )
    options = parser.parse_args(arguments)
    complaint = complain(options)
    if complaint:
        parser.error(text(complaint))
    return options


def seconds(string):
    """A sensible time limit; raises ValueError."""
    value = float(string)
    if not (math.isfinite(value) and 1 <= value <= MAX_SECONDS):
        raise argparse.ArgumentTypeError(f"must be from 1 to {MAX_SECONDS}, not {string}")
    return value


def points_of_parts(string):
    """Points by part, from "12,4,2"."""
    try:
        values = [float(value) for value in string.split(",")]
    except ValueError:
        values = []
    if len(values) != len(results.POINTS) or not all(0 <= value <= 1000 for value in values):
        raise argparse.ArgumentTypeError(f"must be three numbers such as 12,4,2, not {string}")
    return dict(zip(results.POINTS, values))


def complain(options):
    """What is wrong with the options, or None."""
    if options.loss is not None:
        if re.fullmatch(r"-?(\d+\.\d{3,20}|inf|nan)", options.loss, re.ASCII):
            return None
        return f"{options.loss} is no loss as the run prints it, such as 9.812206"
    if not options.paths:
        return "what is to be graded? A PATH, or --loss NUMBER"
    for path in options.paths:
        if not path.exists():
            return f"there is no {path}"
        if path.suffix == ".py" and path.name not in OF_FILE:
            return f"{path} is not graded; word2vec.py and sgd.py are"
    for file in (options.results, options.csv):
        if file and not file.absolute().parent.is_dir():
            return f"there is no folder for {file}"
        if file and file.is_dir():
            return f"{file} is a folder"
        if file and file.exists() and not file.is_file():  # such as /dev/null
            return f"{file} is not a file"
        if file and file.exists() and any(file.samefile(path) for path in options.paths):
            return f"{file} is to be graded; give another file to write to"
    if options.results and is_class(options):
        return "--results is for one submission; for a class use --csv FILE"
    if options.seed is not None and options.seed < 0:
        return "the seed must not be negative"
    return None


def is_class(options):
    """Whether a class is to be graded, not a single submission, as Gradescope has it."""
    if options.csv or len(options.paths) > 1:
        return True
    return not options.results and whole_class.is_folder_of_zips(options.paths[0])


def questions_of(options):
    """The questions to grade."""
    if options.question:
        return (*RESTS_ON[options.question], options.question)
    return OF_FILE.get(options.paths[0].name, tuple(RESTS_ON))


# ----------------------------------------------------------------------------------------- action
def main(arguments=None):
    """Do what the command line says; the exit status."""
    options = parse_arguments(arguments)
    if options.loss is not None:
        return name_loss(options.loss)
    if options.seed is None:
        options.seed = secrets.randbits(48)
    return grade_class(options) if is_class(options) else grade_one(options)


def name_loss(printed):
    """Say which runs have a loss."""
    if not math.isfinite(float(printed)):
        print(results.wrapped(f"{printed}: {DIVERGED}"))
        return 0
    found = fingerprints.runs_with_loss(printed)
    for line in found:
        print(results.wrapped(line))
    if not found:
        print(f"{printed} is not the loss of any run that we know, at any of its saves.")
        print(results.wrapped(fingerprints.UNKNOWN_LOSS))
    return 0 if found else 1


def grade_one(options):
    """Grade one submission, print the table, write results.json."""
    began = time.monotonic()
    try:
        limits = Limits(seconds=options.seconds)
        sandbox = Sandbox(limits)
        grading = grade(options.paths[0], options.seed, sandbox, questions_of(options))
        grading = grading.worth(options.points)
        content = results.as_json(grading, time.monotonic() - began, options.seed)
    except UnfitSystem as error:
        print(f"autograder: {error}", file=sys.stderr)
        content, status = results.failure(str(error)), 3
    except Exception as error:  # a fault of ours must not leave Gradescope without its JSON
        traceback.print_exc()
        content, status = results.failure(repr(error)), 3
    else:
        print(results.table(grading))
        status = 0 if all(row.passed() for row in grading.rows) else 1
        status = status if all(row.graded for row in grading.rows) else 3
    if options.results:
        results.write(options.results, content)
    return status


def grade_class(options):
    """Grade many submissions by this command itself, each in a process; write the CSV."""
    points = ",".join(f"{value:g}" for value in options.points.values())
    command = [sys.executable, os.fspath(HERE), "--seed", str(options.seed), "--points", points]
    command += ["--seconds", f"{options.seconds:g}"]
    questions = questions_of(options) if options.question else tuple(RESTS_ON)
    if options.question:
        command += ["-q", options.question]
    submissions = whole_class.find_submissions(options.paths)
    return whole_class.grade_all(submissions, command, questions, options.csv)


if __name__ == "__main__":
    stopping.run_command("autograder", lambda: sys.exit(main()))
