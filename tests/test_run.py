"""run.py as a command, on small texts: what it leaves, its options, how it ends, and trouble.

Most runs are calls of `main` in this process; those that need the treebank's place, signals or a
terminal are processes of their own.
"""

import contextlib
import hashlib
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from conftest import (
    LIKE_THE_ASSIGNMENT,
    python_command,
    run_python,
    the_line,
    wait_until,
    write_treebank,
)
from PIL import Image

import run
from common import checkpoints
from common.word_choice import ASSIGNMENT_WORDS
from training.settings import Options, Settings

PICTURE_WORDS = [word for words in ASSIGNMENT_WORDS.values() for word in words]
OWN_FILES = ["counts.txt", "losses.tsv", "words.txt"]  # beside every checkpoint
TEXT_FILES = ["README.txt", "vectors.txt"]  # of a run on a text of one's own

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


def checkpoint(n):
    return [f"saved_params_{n}.npy", f"saved_state_{n}.pickle"]


def make_sentences(words_of_the_picture=()):
    """Sixty sentences of a vocabulary that is large enough to survive subsampling."""
    rng = np.random.RandomState(1)
    words = [*words_of_the_picture, *(f"w{i}" for i in range(400 - len(words_of_the_picture)))]
    return [words[i : i + 20] for i in range(0, 400, 20)] + [
        [words[i] for i in rng.randint(400, size=20)] for _ in range(40)
    ]


@pytest.fixture
def command(tmp_path, monkeypatch, run_here):
    """Calls `main` on a small text, from an empty working directory: status and outputs."""
    text, words, work = tmp_path / "text.txt", tmp_path / "drawn.txt", tmp_path / "work"
    text.write_text("\n".join(map(" ".join, make_sentences())), encoding="utf-8")
    words.write_text("w1 w2 w3", encoding="utf-8")
    work.mkdir()
    monkeypatch.chdir(work)

    def call(*arguments):
        return run_here("--corpus", text, *LIKE_THE_ASSIGNMENT, *arguments)

    call.text, call.words, call.work = text, ["--words", words], work
    return call


@pytest.fixture
def process(project, tmp_path, monkeypatch):
    """Runs a copy of the project, with a small text in the treebank's place, as a process."""
    monkeypatch.delenv("SST_ZIP", raising=False)
    data, work = project / "utils" / "datasets" / "stanfordSentimentTreebank", tmp_path / "work"
    work.mkdir()
    write_treebank(data, make_sentences(PICTURE_WORDS[:20]))

    def run_process(*arguments, **environment):
        return run_python(project / "run.py", *arguments, cwd=work, **environment)

    run_process.data, run_process.work, run_process.project = data, work, project
    return run_process


@pytest.fixture
def start(process):
    """Starts such a process and waits for its first iterations; it is killed in the end."""
    with contextlib.ExitStack() as stack:

        def start_process(*arguments):
            command = python_command(process.project / "run.py", *arguments)
            pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
            command |= {"cwd": process.work, "stdin": subprocess.DEVNULL, **pipes}
            started = stack.enter_context(subprocess.Popen(**command, start_new_session=True))
            stack.callback(started.kill)
            next(line for line in started.stdout if line.startswith("iter "))
            return started

        yield start_process


def visible_files(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def digests(folder, iteration):
    """What tells whether two checkpoints are the same, bit for bit."""
    return [(folder / name).read_bytes() for name in checkpoint(iteration)]


# ------------------------------------------------------------------------------------- results
def test_a_run_leaves_checkpoint_words_losses_and_picture_and_says_so(process):
    result = process("--iterations", "7", PYTHONSAFEPATH="1")  # which keeps our folder off the path
    assert (result.returncode, result.stderr) == (0, "")
    names = sorted([*checkpoint(7), *OWN_FILES, "word_vectors.png"])
    assert visible_files(process.work) == names
    vectors = np.load(process.work / "saved_params_7.npy")
    assert (vectors.shape, vectors.dtype) == ((2 * 401, 10), np.float64)
    words = checkpoints.read_words(process.work)
    assert words[:2] == PICTURE_WORDS[:2] and words[400:] == ["UNK"]
    digest = hashlib.sha256((process.work / "saved_params_7.npy").read_bytes()).hexdigest()
    with Image.open(process.work / "word_vectors.png") as picture:
        assert picture.text["Parameters"] == digest  # which collect_submission.sh looks for
    lines = result.stdout.splitlines()
    assert "400 words" in lines[0] and "snow hail coffee tea" in lines[1]
    assert "matches the fast path" in lines[2]
    assert re.fullmatch(r"iter 7: \d+\.\d{6}", lines[3])
    for line, name in zip(lines[4:], ("saved_params_7.npy", "word_vectors.png")):
        assert line == f"Saved {process.work.resolve() / name}"


@pytest.mark.slow
def test_redirected_output_has_the_first_last_and_every_500th_line_or_as_many_as_asked(command):
    def iterations(*more):
        result = command("--iterations", "1020", "--fresh", *more)
        assert result.returncode == 0
        return [int(n) for n in re.findall(r"^iter (\d+): \d+\.\d{6}$", result.out, re.M)]

    assert iterations() == [10, 500, 1000, 1020]
    assert iterations("--print-every", "10") == list(range(10, 1021, 10))
    losses = checkpoints.read_losses(command.work)
    assert losses[:, 0].tolist() == list(range(10, 1021, 10))


@pytest.mark.thorough
def test_a_text_without_suitable_words_is_trained_on_all_the_same(command):
    result = command("--iterations", "3")
    assert (result.returncode, result.err) == (0, "")
    assert "No picture" in result.out and "--words" in result.out
    assert visible_files(command.work) == sorted([*checkpoint(3), *OWN_FILES, *TEXT_FILES])


@pytest.mark.slow
def test_a_finished_run_is_drawn_from_what_is_there_and_not_changed(command):
    command("--iterations", "20")
    command("--iterations", "60")
    before = digests(command.work, 60)
    result = command(
        "--iterations", "60", "--animate", "vectors.gif", "--loss-curve", *command.words
    )
    assert (result.returncode, result.err) == (0, "")
    assert "2 checkpoints" in result.out
    assert {"loss_curve.png", "vectors.gif"} <= set(visible_files(command.work))
    assert digests(command.work, 60) == before

    (command.work / "losses.tsv").unlink()  # as with checkpoints of an earlier version
    (command.work / "vectors.gif").unlink()
    result = command(
        "--iterations", "60", "--animate", "vectors.gif", "--loss-curve", *command.words
    )
    assert (result.returncode, result.err) == (0, "")
    assert result.out.count("losses.tsv") == 2 and "--fresh" not in result.out
    assert not (command.work / "vectors.gif").exists()


def test_fresh_trains_anew_and_says_what_it_removes_and_how_long_that_took(command):
    for iteration, time_of in ((5000, 1000), (10000, 1600), (15000, 2200)):
        for name in checkpoint(iteration):
            (command.work / name).write_bytes(b"")
            os.utime(command.work / name, (time_of, time_of))
    result = command("--iterations", "6", "--fresh")
    assert result.returncode == 0
    assert "3 checkpoints" in result.out and "up to 15,000, about 30 min" in result.out
    assert checkpoints.saved_iterations(command.work) == [6]
    assert checkpoints.seconds_to_make(command.work) is None  # a checkpoint alone tells nothing


@pytest.mark.parametrize(
    "options",
    [
        "",
        pytest.param(
            "--window 9 --negatives 7 --dimension 30 --step 0.05 --seed 5",
            marks=pytest.mark.thorough,
        ),
        pytest.param("--loss naive-softmax --window 2", marks=pytest.mark.thorough),
    ],
)
def test_both_ways_of_training_agree_to_12_digits_and_resume_alike(command, options):
    """The textbook's is stopped in between."""
    for folder, n, way in (("fast", 12, []), *(("own", n, ["--textbook"]) for n in (5, 12))):
        result = command("--iterations", n, "--output", folder, *options.split(), *way)
        assert result.returncode == 0, result.err
    vectors = [np.load(f"{folder}/saved_params_12.npy") for folder in ("fast", "own")]
    np.testing.assert_allclose(*vectors, rtol=0, atol=1e-12)
    assert np.abs(vectors[0][401:]).max() > 1e-4  # the outside vectors began with 0
    states = []
    for folder in ("fast", "own"):
        with open(f"{folder}/saved_state_12.pickle", "rb") as file:
            states.append(pickle.load(file))
    assert states[0] == states[1]


@pytest.mark.thorough
def test_checkpoints_of_other_options_or_another_text_are_refused_and_left_alone(command):
    command("--iterations", "5")
    before = digests(command.work, 5)
    for options, said in (
        ("--window 3", "window 5 (now 3)"),
        ("--step 0.1", "step 0.3 (now 0.1)"),
        ("--dimension 4", "dimension 10 (now 4)"),
        ("--negatives 3", "negatives 10 (now 3)"),
        ("--loss naive-softmax", "loss negative-sampling (now naive-softmax)"),
        ("--seed 1", "seed None (now 1)"),
        ("--min-count 4", "corpus "),
        ("--repeats 3", "repeats 30 (now 3)"),
        ("--float32", "precision none (now float32)"),
    ):
        result = command("--iterations", "9", *options.split())
        assert result.returncode == 1
        line = the_line(result.err)
        assert said in line and "--output" in line and "--fresh" in line
    assert digests(command.work, 5) == before


@pytest.mark.thorough
@pytest.mark.parametrize("precision", [[], ["--float32"]], ids=["double", "single"])
def test_a_resumed_run_has_the_bits_and_the_losses_of_the_whole_one(command, precision):
    for folder, n in (("whole", 40), ("parts", 20), ("parts", 40)):
        assert command("--iterations", n, *precision, "--output", folder).returncode == 0
    assert digests(command.work / "whole", 40) == digests(command.work / "parts", 40)
    whole, parts = (checkpoints.read_losses(folder) for folder in ("whole", "parts"))
    assert whole[:, 0].tolist() == [10, 20, 30, 40]
    np.testing.assert_array_equal(whole, parts)


@pytest.mark.thorough
def test_single_precision_is_saved_as_double_and_near_it(command):
    for folder, precision in (("single", ["--float32"]), ("double", [])):
        assert command("--iterations", 40, *precision, "--output", folder).returncode == 0
    single, double = (np.load(f"{name}/saved_params_40.npy") for name in ("single", "double"))
    np.testing.assert_array_equal(single, single.astype(np.float32))
    np.testing.assert_allclose(single, double, rtol=0, atol=1e-5)


# ------------------------------------------------------------------------------------- options
def test_without_options_the_run_is_the_assignments():
    assert run.parse_options([]) == Options() and Options().training == Settings()
    expected = {"iterations": 40000, "dimension": 10, "window": 5, "negatives": 10, "step": 0.3}
    expected |= {"seed": None, "loss": "negative-sampling", "corpus": None, "float32": False}
    assert expected.items() <= vars(Settings()).items()
    assert (Options().output, Options().keep, Options().export) == (Path("."), None, None)
    assert len(PICTURE_WORDS) == 24
    with pytest.raises(AttributeError):
        Settings().step = 1.0


@pytest.mark.parametrize(
    "arguments, message",
    [
        ("--iterations 0", "at least 1"),
        ("--window 4294967296", "below 4294967296"),
        ("--tokenise", "needs --corpus"),
        ("--min-count 2", "needs --corpus"),
        ("--float32 --textbook", "double"),
        ("--step 0", "positive"),
        ("--step big", "'big'"),
        ("--seed -1", "at least 0"),
        ("--loss softmax", "'softmax'"),
        ("--print-every 15", "multiple of 10"),
        ("--iter 5", "--iter"),
    ],
)
def test_wrong_options_end_with_status_2_and_say_why(run_here, arguments, message):
    result = run_here(*arguments.split())
    assert result.returncode == 2
    line = result.err.splitlines()[-1]
    assert message in line and arguments.split()[0] in line


# ------------------------------------------------------------------------------------- stopping
@pytest.mark.slow
@posix
def test_a_run_keeps_others_out_of_its_folder_and_ends_with_one_line_on_sigterm(process, start):
    first = start("--iterations", "100000000")
    second = process("--iterations", "5")
    assert second.returncode == 1
    line = the_line(second.stderr)
    assert "another run" in line and "--output" in line
    assert process("--iterations", "2", "--output", "elsewhere").returncode == 0
    first.terminate()
    _, error = first.communicate(timeout=60)
    assert first.returncode == 143
    assert "run.py: stopped" in the_line(error)


@pytest.mark.thorough
@posix
def test_ctrl_c_ends_with_one_line_that_says_how_to_resume(process, start):
    started = start("--iterations", "100000000")
    wait_until((process.work / "saved_params_5000.npy").exists)
    os.killpg(started.pid, signal.SIGINT)
    _, error = started.communicate(timeout=60)
    assert started.returncode == 130
    last = checkpoints.newest(process.work)
    assert f"saved_params_{last}.npy" in the_line(error)
    assert not [name for name in visible_files(process.work) if name.endswith(".tmp")]
    iterations = checkpoints.read_losses(process.work)[:, 0]
    assert iterations[-1] >= last and np.array_equal(
        iterations, np.arange(10, iterations[-1] + 1, 10)
    )


@posix
@pytest.mark.thorough
@pytest.mark.parametrize("nohup", [False, True])
def test_the_end_of_the_terminal_ends_a_run_unless_nohup_started_it(start, nohup):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)
    try:
        started = start("--iterations", "100000000", "--textbook", "--print-every", "10")
    finally:
        signal.signal(signal.SIGHUP, before)
    started.send_signal(signal.SIGHUP)
    if nohup:
        for _ in range(3):
            assert started.stdout.readline().startswith("iter ")
        started.terminate()
    _, error = started.communicate(timeout=60)
    assert started.returncode == (143 if nohup else 129)
    assert the_line(error) == "run.py: stopped before the first checkpoint"


WAYS = {
    "imported by a script without main module and standard output": "import os, sys, run\n"
    "os.close(1)\nsys.stdout = None\nrun.main(['--iterations', '250'])",
    # With `%run run.py` in Jupyter, Ctrl-C has to end what comes after.
    "as the main module of a process that lives on": "import runpy, signal, sys\n"
    "before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]\n"
    "sys.argv = ['run.py', '--iterations', '250']\n"
    "runpy.run_module('run', run_name='__main__')\n"
    "assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before",
}


@pytest.mark.slow
@pytest.mark.parametrize("code", WAYS.values(), ids=WAYS)
def test_a_run_may_be_started_by_other_code(process, code):
    command = python_command("-", PYTHONPATH=process.project)
    done = subprocess.run(**command, input=code, cwd=process.work, capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert (process.work / "saved_params_250.npy").exists()


@pytest.mark.thorough
def test_standard_output_may_be_any_object_with_a_write_method(command, monkeypatch):
    """As in Jupyter, or with contextlib.redirect_stdout."""
    texts = []
    stream = types.SimpleNamespace(write=texts.append, flush=lambda: None)
    monkeypatch.setattr(sys, "stdout", stream)
    assert command("--iterations", "2").returncode == 0
    assert "iter 2: " in "".join(texts)


@pytest.mark.thorough
def test_the_picture_is_shown_unless_told_otherwise(command, monkeypatch):
    shown = []
    monkeypatch.setattr(run, "show", shown.append)
    for options in ([], ["--no-open"]):
        assert command("--iterations", 2, *command.words, *options).returncode == 0
    assert shown == [Path("word_vectors.png")]


# ------------------------------------------------------------------------------------- trouble
def test_no_data_is_an_error_of_one_line_that_says_what_to_do(process):
    shutil.rmtree(process.data)
    result = process("--iterations", "2", SST_ZIP=process.work / "nowhere.zip")
    assert result.returncode == 1
    line = the_line(result.stderr)
    assert line.startswith("run.py: ") and "nowhere.zip" in line and "SST_ZIP" in line
    assert visible_files(process.work) == []


@pytest.mark.slow
def test_checkpoints_of_a_stand_in_are_named_and_set_aside_when_the_treebank_is_there(process):
    process.data.rename(process.data.parent / "rottenTomatoes")
    result = process("--iterations", "3")
    assert result.returncode == 0, result.stderr
    assert "not the Stanford Sentiment Treebank" in result.stdout
    before = digests(process.work, 3)
    shutil.rmtree(process.data.parent)
    write_treebank(process.data, make_sentences(PICTURE_WORDS))
    result = process("--iterations", "2")
    assert result.returncode == 0, result.stderr
    (aside,) = process.work.glob("checkpoints_of_another_text_*")
    assert str(aside.resolve()) in result.stdout
    assert digests(aside, 3) == before and set(OWN_FILES) <= set(visible_files(aside))
    assert checkpoints.saved_iterations(process.work) == [2]


@pytest.mark.parametrize(
    "text, message",
    [
        (b"", "text.txt has no words"),
        (b"the\ncaf\xe9\n", "line 2: not UTF-8"),
        (b"the\nsame same same\n", "no sentence has two different words"),
    ],
    ids=["empty", "binary", "one word again and again"],
)
def test_a_text_that_cannot_be_trained_on_is_an_error_of_one_line(command, text, message):
    command.text.write_bytes(text)
    for way in ([], ["--textbook"]):
        result = command("--iterations", "2", *way)
        assert result.returncode == 1
        line = the_line(result.err)
        assert line.startswith("run.py: ") and message in line
        assert visible_files(command.work) == []


@pytest.mark.thorough
@pytest.mark.parametrize("loss", ["negative-sampling", "naive-softmax"])
def test_a_learning_rate_that_is_too_large_is_an_error_of_one_line(command, loss):
    large = ["--iterations", "50", "--step", "1e300", "--loss", loss]
    line = the_line(command(*large).err)
    assert "1e+300" in line and "--step" in line and "--fresh" not in line
    assert not list(command.work.glob("saved*"))
    # Checkpoints have their step, so those of a run which blows up later would be in the way.
    for name in checkpoint(60):
        (command.work / name).write_bytes(b"")
    assert "--fresh to remove the checkpoint in" in the_line(command(*large).err)


def test_a_broken_matplotlib_does_not_cost_the_training(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # importing it raises
    for name in [name for name in sys.modules if name in ("common.plot", "common.animation")]:
        monkeypatch.delitem(sys.modules, name)
    result = command("--iterations", "2", *command.words)
    assert result.returncode == 1
    line = the_line(result.err)
    assert "the vectors are saved, but" in line and "word_vectors.png could not be made" in line
    assert visible_files(command.work) == sorted([*checkpoint(2), *OWN_FILES, *TEXT_FILES])


@pytest.mark.parametrize(
    "arguments, what",
    [
        (["--dimension", "1000000000000000000"], "vectors"),
        (["--negatives", "1000000000000"], "negatives"),
        (["--repeats", "1000000000000"], "repeats"),
    ],
)
def test_what_does_not_fit_into_memory_is_a_line_with_what_is_needed(command, arguments, what):
    result = command("--iterations", "2", *arguments)
    assert result.returncode == 1
    assert re.search(rf"{what}.* need [\d,]+ GiB; this machine has \d+ GiB", the_line(result.err))


@pytest.mark.slow
@posix
def test_memory_that_runs_out_is_a_line_that_says_what_needs_less(process):
    code = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31)); "
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    options = ["--iterations", 2, "--negatives", 30000]
    arguments = "-c", code, process.project / "run.py", *options
    done = run_python(*arguments, cwd=process.work, PYTHONPATH=process.project)
    assert done.returncode == 1
    line = the_line(done.stderr)
    assert line.startswith("run.py: out of memory; ") and "--negatives" in line


@pytest.mark.thorough
def test_a_window_longer_than_any_sentence_costs_no_more_than_the_longest(command):
    result = command("--iterations", "2", "--window", "1000000")
    assert (result.returncode, result.err) == (0, "")


# ------------------------------------------------------------------------------------- files
@pytest.mark.thorough
def test_output_may_be_a_folder_that_is_not_there_and_has_any_name(command):
    folder = command.work / "new" / os.fsdecode("f\u00fcr $HOME [1]* 'x'".encode("utf-8"))
    assert command("--iterations", "10", "--output", folder).returncode == 0
    assert set(checkpoint(10)) <= set(visible_files(folder))
    assert visible_files(command.work) == ["new"]
    again = command("--iterations", "11", "--output", folder)
    assert "Resuming after iteration 10\n" in again.out


def test_an_output_that_cannot_be_written_is_an_error_of_one_line(command):
    (command.work / "file").write_bytes(b"mine")
    for path in ("file", "file/folder", "/proc"):  # where nobody may write, not even root
        result = command("--iterations", "2", "--output", path)
        assert result.returncode == 1
        line = the_line(result.err)
        assert f"cannot write to {path}" in line and "--output" in line
    assert (command.work / "file").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "name, content, options",
    [
        ("words.txt", "great\nrain\n", ["--words", "words.txt"]),
        ("counts.txt", "great 3\nrain 5\n", ["--corpus", "counts.txt"]),
    ],
)
def test_a_file_of_the_users_own_is_not_taken_for_an_earlier_runs(command, name, content, options):
    mine = command.work / name
    mine.write_text(content, encoding="utf-8")
    for more in ([], ["--fresh"], options):
        assert name in the_line(command("--iterations", "2", *more).err)
        assert mine.read_text(encoding="utf-8") == content


def test_what_checkpoints_took_is_told_from_the_usual_time_between_two(tmp_path):
    stopped_for_a_day, copied = [1000, 1600, 90000, 90600], [1000] * 4
    for times, seconds in ((stopped_for_a_day, 2400), (copied, None)):
        for number, time_of in enumerate(times, 1):
            path = checkpoints.params_file(tmp_path, 5000 * number)
            path.write_bytes(b"")
            os.utime(path, (time_of, time_of))
        assert checkpoints.seconds_to_make(tmp_path) == seconds


def test_all_files_of_a_run_can_be_removed_and_nothing_else(tmp_path):
    kept = ["word_vectors.png", "saved_params_x.npy", "saved_params_05.npy", "my_words.txt"]
    kept += ["my_saved_params_5.npy", "saved_settings.json.txt"]
    gone = [*checkpoint(5), *OWN_FILES, "saved_settings.json", "saved_params_70.npy.tmp"]
    gone += ["losses.tsv.0123abcd.tmp"]
    for name in kept + gone:
        (tmp_path / name).write_bytes(b"")
    checkpoints.remove(tmp_path)
    assert visible_files(tmp_path) == sorted(kept)


@pytest.mark.thorough
def test_an_export_takes_the_place_of_an_earlier_one_and_of_nothing_else(command):
    export, mine, folder = (
        command.work / name for name in ("vectors.txt", "mine.txt", "projector")
    )
    mine.write_text("not to be lost", encoding="utf-8")
    assert command("--iterations", "2", "--export", export).returncode == 0
    first = export.read_bytes()
    for path, why in (
        (export, None),
        (command.text, "text.txt"),
        (command.words[1], "drawn.txt"),
        (command.work / "saved_params_2.npy", "saved_params_2.npy"),
        (command.work / "saved_settings.json", "saved_settings.json"),
        (mine, "--overwrite"),
    ):
        before = path.read_bytes() if path.exists() else None
        result = command("--iterations", "2", *command.words, "--export", path)
        assert result.returncode == bool(why)
        assert why is None or why in the_line(result.err)
        assert (path.read_bytes() if path.exists() else None) == before
    assert command("--iterations", "2", "--export", mine, "--overwrite").returncode == 0
    assert mine.read_bytes() == first
    assert command("--iterations", "2", "--export", command.text, "--overwrite").returncode == 1
    for _ in range(2):
        assert command("--iterations", "2", "--export-projector", folder).returncode == 0
    (folder / "metadata.tsv").write_text("a table\n", encoding="utf-8")
    result = command("--iterations", "2", "--export-projector", folder)
    assert result.returncode == 1 and "--overwrite" in the_line(result.err)
    assert (folder / "metadata.tsv").read_text(encoding="utf-8") == "a table\n"


@pytest.mark.parametrize(
    "exports",
    [
        "--export a --animate ./a",
        "--export folder/vectors.tsv --export-projector folder",
        "--animate folder/metadata.tsv --export-projector folder",
        "--export word_vectors.png",
        "--animate loss_curve.png --loss-curve",
        "--export words.txt",
        "--export link",
    ],
)
def test_two_things_are_not_written_to_one_file(command, exports):
    (command.work / "link").symlink_to("word_vectors.png")
    result = command("--iterations", "2", "--overwrite", *exports.split())
    assert result.returncode == 1
    assert "another name" in the_line(result.err)
    assert "Training" not in result.out
    assert set(visible_files(command.work)) <= {"link", "folder"}
