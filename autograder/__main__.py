"""Grade a submission of assignment 2 by its 20 coding points.

    python autograder assignment2.zip
    python autograder assignment2.zip --results results.json    # for Gradescope too
    python autograder assignment2.zip --seed 123     # the same inputs as that time

    (a) word2vec.py   sigmoid 2, naive softmax 3, negative sampling 4, skip-gram 3          12
    (b) sgd.py        steps 2, annealing 1, postprocessing 1                                 4
    (c) the run       saved_params_40000.npy 1, its loss 2, the picture 1                    4

The functions are called in processes of their own (`sandbox.py`) with inputs drawn for this grading
(`exercises.py`); what they should give is computed here. A modified argument costs half the points
of the function. Exit status: 0 for full marks, 1 for less, 2 if there is nothing to grade by that
name, 3 if the grader itself failed.
"""

import argparse
import secrets
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # this folder is run as a script

try:
    from autograder import results
    from autograder.archive import UnreadableSubmission, read_submission
    from autograder.exercises import make_exercises
    from autograder.results import Grading, Row
    from autograder.run_part import grade_run
    from autograder.sandbox import Limits, Sandbox
except ImportError as error:
    if error.name not in ("pwd", "resource"):
        raise
    sys.exit("autograder: needs Linux or macOS; on Windows, run it in WSL")


def grade(path, seed, sandbox):
    """The `Grading` of the submission at a path."""
    header = [
        f"Assignment 2, coding: {Path(path).name}",
        f"Fresh inputs; the same again with: --seed {seed}",
        f"The functions ran as {sandbox.user()}.",
    ]
    try:
        submission = read_submission(path)
    except UnreadableSubmission as error:
        header.append(f"Nothing can be graded: {error}")
        files = {}
    else:
        header += submission.notes
        files = submission.files
    rows, remarks = grade_functions(files, seed, sandbox)
    return Grading(rows + grade_run(files, seed), remarks, header)


def grade_functions(files, seed, sandbox):
    """The `Row`s of (a) and (b), and remarks."""
    rows, remarks = [], []
    for exercise in make_exercises(seed):
        file = f"{exercise.module}.py"
        if file not in files:
            missing = [f"{file} is missing"]
            rows += [Row(i.title, i.number, 0, i.points, missing) for i in exercise.items]
            continue
        outcome = sandbox.run(files, exercise.module, exercise.function, exercise.calls())
        results_of_items, new_remarks = exercise.grade(outcome)
        rows += [Row(i.title, i.number, r.points, i.points, r.lines) for i, r in results_of_items]
        remarks += new_remarks
    return rows, remarks


def parse_arguments(arguments):
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="autograder", description="Grade a submission of assignment 2 by its 20 coding points."
    )
    parser.add_argument("submission", type=Path, help="assignment2.zip, or a folder")
    parser.add_argument("--results", type=Path, metavar="FILE", help="write results.json here")
    parser.add_argument("--seed", type=int, help="of the inputs, to repeat a grading")
    parser.add_argument(
        "--seconds", type=float, default=Limits().seconds, help="for each function (%(default)g)"
    )
    options = parser.parse_args(arguments)
    if not options.submission.exists():
        parser.error(f"there is no {options.submission}")
    if options.results and not options.results.absolute().parent.is_dir():
        parser.error(f"there is no folder for {options.results}")
    if options.seed is not None and options.seed < 0:
        parser.error("the seed must not be negative")
    return options


def main(arguments=None):
    """Grade, print the table, write results.json; the exit status."""
    options = parse_arguments(arguments)
    seed = secrets.randbits(48) if options.seed is None else options.seed
    began = time.monotonic()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        grading = grade(
            options.submission, seed, Sandbox(Limits(seconds=options.seconds), adopt=True)
        )
        content = results.as_json(grading, time.monotonic() - began, seed)
    except Exception as error:  # a fault of ours must not leave Gradescope without its JSON
        traceback.print_exc()
        content, status = results.failure(repr(error)), 3
    else:
        print(results.table(grading))
        status = 0 if all(row.passed() for row in grading.rows) else 1
    if options.results:
        results.write(options.results, content)
    return status


if __name__ == "__main__":
    sys.exit(main())
