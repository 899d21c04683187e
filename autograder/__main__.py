"""Grade submissions of assignment 2 by its 20 coding points.

    python autograder .                         # your own folder, or word2vec.py, or sgd.py
    python autograder . -q skipgram             # one question, with the ones it depends on
    python autograder --loss 9.367644           # which run ends on this printed loss?
    python autograder assignment2.zip --seed 123     # the same inputs as before
    python autograder submissions/ --csv grades.csv --feedback feedback/    # a class
    python autograder assignment2.zip --results results.json    # for Gradescope

The functions are called in separate processes (`sandbox.py`) with inputs drawn for this grading
(`exercises.py`). The questions, their points and hints are in questions.ini. Exit status: 0 for
full marks, 1 for less, 2 if there is nothing to grade, 3 if it could not be graded here. For a
class: 0 if everything was graded, else 3.
"""

import argparse
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
    from autograder.archive import ASKED_FOR, UnreadableSubmission, printable, read_submission
    from autograder.checking import Line, Result, clean
    from autograder.exercises import make_exercises
    from autograder.questions import points, points_of_parts, questions, say
    from autograder.results import Grading, Row
    from autograder.run_part import DIVERGED, grade_run
    from autograder.sandbox import Limits, Sandbox, UnfitSystem, Wall, find_wall, why_no_namespaces
    from common.files import check_apart, check_writable, write_json
except ImportError as error:
    if error.name not in ("pwd", "resource", "fcntl"):
        raise
    sys.exit("autograder: needs Linux or macOS; on Windows, run it in WSL")


def grade(path, seed, sandbox, names, strict=False):
    """Return the `Grading` of the submission at a path, in the questions of these names."""
    path = Path(path)
    grading = Grading(
        header=[
            f"Assignment 2, coding: {printable(path.resolve().name)}",
            f"Inputs were drawn at random; repeat them with: --seed {seed}",
            sandbox.wall.value,
        ],
        points=points(),
    )
    try:
        submission = read_submission(path)
        files, missing = submission.files, not_found(submission, names)
        grading.notes.extend(map(clean, submission.notes))
    except UnreadableSubmission as error:
        files, missing = {}, clean(error)
    wrong = grade_functions(grading, files, missing, make_exercises(seed, names), sandbox)
    if "run" in names and "run" in questions():
        rows, remarks, doubts = grade_run(files, seed, sandbox, wrong, strict)
        grading.rows.extend(rows)
        grading.remarks[:0] = remarks
        grading.doubts.extend(doubts)
    return grading


def not_found(submission, names):
    """Return which files are missing, and which others there are."""
    wanted = dict.fromkeys(questions()[name].file for name in names)
    missing = [file for file in wanted if file and file not in submission.files]
    others = [name for name in submission.names if name.rpartition("/")[2] not in ASKED_FOR]
    others.sort(key=lambda name: (name.count("/"), not name.endswith(".py")))
    more = f" and {len(others) - 5} more" if len(others) > 5 else ""
    found = f"; found {', '.join(others[:5])}{more}" if others else ""
    return f"no {' and no '.join(missing)}{found}"


def grade_functions(grading, files, missing, exercises, sandbox):
    """Grade functions; returns the numbers of failed items that change the vectors of the run.

    `missing` is the message for a missing file. A broken file is reported only once.
    """
    wrong, told = [], {}  # why a function cannot be called -> the number of the row that says so
    for exercise in exercises:
        question, source = exercise.question, files.get(exercise.question.file)
        if source is None:
            absent = Result(0, [Line(missing)], missing, written=False, broken=True)
            graded, ended = [(item, absent) for item in question.items], False
        else:
            outcome = sandbox.run(files, exercise.module, question.function, exercise.calls())
            graded, remarks = exercise.grade(outcome, source)
            grading.remarks.extend(r for r in remarks if r not in grading.remarks)
            ended = outcome.ending is not None
            printed = clean(outcome.output, 2**14)
            printed = re.sub(r"(?m)^iter \d+: \S+\n?", "", printed)  # sgd's own
            if printed.strip() and printed not in grading.printed.values():
                grading.printed[question.name] = printed
        advice = advice_on(question, grading.rows)
        for item, (earned, lines, why, written, broken) in graded:
            if item.decides_run and not earned and not ended:
                wrong.append(item.number)
            see = told.get(why, "") if broken else ""
            if see:
                lines = []
            elif broken:
                told[why] = item.number
            elif advice and lines and written and not earned and lines[0].label != "hint":
                lines = [Line(advice, "hint"), *lines]
            why = f"{question.name}: {why}" if why and not broken else why
            row = Row(question.name, item.number, item.title, earned, item.points, lines, why)
            grading.rows.append(row._replace(begun=written, see=see))
    return wrong


def advice_on(question, rows):
    """Return what to do first if a question depends on others that are wrong; else ""."""
    wrong = {row.question for row in rows if not row.points}
    *others, last = [name for name in question.rests_on if name in wrong] or [""]
    names, it = (f"{', '.join(others)} and {last}", "them") if others else (last, "it")
    return say("first, if called", what=names, it=it) if last else ""


# ---------------------------------------------------------------------------------- command line
def parse_arguments(arguments):
    """Return the command line's options; exits with status 2 if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="autograder",
        description="Grade submissions of assignment 2 by its 20 coding points.",
        epilog="One PATH is graded in full, several or a folder of submissions as a class.",
    )
    add = parser.add_argument
    add("paths", nargs="*", type=Path, metavar="PATH", help="zip, folder, word2vec.py or sgd.py")
    add("-q", dest="question", choices=questions(), help="grade one question")
    add("--loss", metavar="NUMBER", help="name the run that ends on this printed loss")
    add("--seed", type=int, help="seed of the inputs, to repeat a grading")
    add("--trust", action="store_true", help="run other people's code even without a sandbox")
    add("--seconds", type=seconds, default=Limits().seconds, help="for one function (%(default)g)")
    add("--points", type=points_of_parts, metavar="A,B,C", help="points of the parts (12,4,4)")
    add("--strict-run", action="store_true", help="no points for vectors the code cannot have made")
    add("--csv", type=Path, metavar="FILE", help="grade a class, with a row for each submission")
    add("--feedback", type=Path, metavar="FOLDER", help="write a text for each student of a class")
    add("--results", type=Path, metavar="FILE", help="write results.json, for one submission")
    add("--one", action="store_true", help="PATH is one submission, even if it looks like a class")
    options = parser.parse_args(arguments)
    options.points = options.points or points()
    complaint = complain(options)
    if complaint:
        parser.error(clean(complaint))
    return options


def seconds(string):
    """Convert a time limit; raises ArgumentTypeError if it makes no sense."""
    value = float(string)
    if not 1 <= value <= whole_class.LONGEST:
        raise argparse.ArgumentTypeError(f"must be from 1 to {whole_class.LONGEST}, not {string}")
    return value


def complain(options):
    """Return what is wrong with the options, or None."""
    if options.loss is not None:
        if re.fullmatch(r"-?(\d+\.\d{3,20}|inf|nan)", options.loss, re.ASCII):
            return None
        return f"{options.loss}: give the loss with all its digits, such as 9.812206"
    if not options.paths:
        return "nothing to grade: give a PATH, or --loss NUMBER"
    files = {question.file for question in questions().values()}
    for path in options.paths:
        if not path.exists():
            return f"there is no {path}"
        if path.suffix == ".py" and path.name not in files:
            return f"{path} is not graded; {' and '.join(sorted(files - {''}))} are"
    folder = options.feedback and options.feedback.resolve()
    if folder and any(folder.is_relative_to(path.resolve()) for path in options.paths):
        return f"{options.feedback} is inside a folder to be graded; choose another one"
    try:
        for file in filter(None, (options.results, options.csv)):
            check_writable(file)
            check_apart([file], options.paths)
        if options.feedback:
            options.feedback.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return f"cannot write {error.filename}: {error.strerror}"
    except stopping.UserError as error:
        return str(error)
    if options.one and len(options.paths) > 1:
        return "--one needs exactly one PATH"
    if options.results and is_class(options):
        return "--results is for one submission, and this is a class: use --csv FILE"
    if options.seed is not None and options.seed < 0:
        return "the seed must not be negative"
    return None


def is_class(options):
    """Return whether a class is to be graded, not a single submission."""
    several = options.csv or options.feedback or len(options.paths) > 1
    return not options.one and bool(several or whole_class.is_class(options.paths[0]))


def questions_of(options):
    """Return the names of the questions to grade."""
    if options.question:
        return [*questions()[options.question].rests_on, options.question]
    file = options.paths[0].name if len(options.paths) == 1 else ""
    of_file = [name for name, question in questions().items() if file and question.file == file]
    return of_file or list(questions())


def check_trust(options):
    """Return this system's `Wall`; raises `UnfitSystem` if others' code would run without one."""
    wall = find_wall()
    own = all(path.is_dir() or path.suffix == ".py" for path in options.paths)
    if wall is Wall.NONE and (is_class(options) or not own) and not options.trust:
        raise UnfitSystem(
            f"There is no sandbox: {why_no_namespaces()}. Without it, submitted code would run "
            "with your own rights. Add --trust if you trust it."
        )
    return wall


# ----------------------------------------------------------------------------------------- action
def main(arguments=None):
    """Do what the command line says, and return the exit status."""
    try:
        options = parse_arguments(arguments)
        if options.loss is not None:
            return name_loss(options.loss)
        if options.seed is None:
            options.seed = secrets.randbits(48)
        return grade_class(options) if is_class(options) else grade_one(options)
    except stopping.UserError as error:  # Status 1 would mean less than full marks.
        stopping.say(f"autograder: {error}")
        return 3


def name_loss(printed):
    """Print which runs have a loss."""
    finite = printed[-1].isdigit()
    found = fingerprints.runs_with_loss(printed) if finite else [f"{printed}: {DIVERGED}"]
    unknown = f"{printed} is not the loss of any known run, at any of its checkpoints."
    for line in found or [unknown, say("unknown loss", "runs")]:
        print(results.wrapped(line))
    return 0 if found else 1


def grade_one(options):
    """Grade one submission, print the table, write results.json."""
    began = time.monotonic()
    try:
        sandbox = Sandbox(Limits(seconds=options.seconds), wall=check_trust(options))
        path, seed, names = options.paths[0], options.seed, questions_of(options)
        grading = grade(path, seed, sandbox, names, options.strict_run).worth(options.points)
        content = results.as_json(grading, time.monotonic() - began, seed, sandbox.wall.name)
    except stopping.UserError as error:
        stopping.say(f"autograder: {error}")
        content, status = results.failure(str(error)), 3
    except Exception as error:  # Gradescope needs its JSON even if the grader has a bug
        traceback.print_exc()
        content, status = results.failure(repr(error)), 3
    else:
        print(results.table(grading))
        status = 0 if all(row.passed() for row in grading.rows) else 1
        status = status if all(row.graded for row in grading.rows) else 3
    if options.results:
        write_json(options.results, content)
    return status


def grade_class(options):
    """Grade many submissions, each by a process that runs this command; write CSV and feedback."""
    wall = check_trust(options)
    values = ",".join(f"{value:g}" for value in options.points.values())
    command = [sys.executable, os.fspath(HERE), "--one", "--seed", str(options.seed)]
    command += ["--points", values, "--seconds", f"{options.seconds:g}"]
    command += ["--strict-run"] * options.strict_run + ["--trust"] * options.trust
    command += ["-q", options.question] if options.question else []
    submissions, left_out = whole_class.find_submissions(options.paths)
    print(f"{wall.value}\nInputs were drawn at random; repeat them with: --seed {options.seed}")
    if left_out:
        print(printable(f"Ignored, because they are not submissions: {', '.join(left_out)}"))
    if not submissions:
        where = ", ".join(map(str, options.paths))
        stopping.say(f"autograder: {where}: no zip, and no folder with word2vec.py or sgd.py")
        return 2
    files = options.csv, options.feedback
    return whole_class.grade_all(submissions, command, questions_of(options), *files)


if __name__ == "__main__":
    stopping.run_command("autograder", lambda: sys.exit(main()))
