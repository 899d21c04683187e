"""run.py as a command, on a small text in the treebank's place: results, options, and trouble.

Most runs are calls of `main` in this process; those about signals are processes of their own.
"""

import contextlib
import hashlib
import io
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import python_command, run_python, write_treebank

import run
from common import apart, checkpoints
from common.word_choice import ASSIGNMENT_WORDS
from training import training
from training.fast.vectorised import NegSampling
from training.textbook import Textbook
from utils import get_datasets
from utils.treebank import StanfordSentiment

PICTURE_WORDS = [word for words in ASSIGNMENT_WORDS.values() for word in words]

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


def make_sentences(words_of_the_picture=()):
    """Sixty sentences of a vocabulary that is large enough to survive subsampling."""
    rng = np.random.RandomState(1)
    words = [*words_of_the_picture, *(f"w{i}" for i in range(400 - len(words_of_the_picture)))]
    return [words[i : i + 20] for i in range(0, 400, 20)] + [
        [words[i] for i in rng.randint(400, size=20)] for _ in range(40)
    ]


def no_process(*arguments, **options):
    raise OSError


@pytest.fixture
def command(tmp_path, monkeypatch, run_here):
    """Calls `main` on the small text from an empty working directory: status and outputs."""
    monkeypatch.delenv("SST_ZIP", raising=False)  # the text there is the one to use
    datasets = tmp_path / "datasets"
    data, work = datasets / "stanfordSentimentTreebank", tmp_path / "work"
    work.mkdir()
    write_treebank(data, make_sentences())
    monkeypatch.setattr(get_datasets, "DATASETS", datasets)
    monkeypatch.setattr(get_datasets, "SST_FOLDER", data)
    monkeypatch.setattr(get_datasets, "ROTTEN_TOMATOES_FOLDER", datasets / "rottenTomatoes")
    monkeypatch.chdir(work)
    # A worker takes longer to start than most of these runs last; those of `process` have it.
    monkeypatch.setattr(run, "Worker", contextlib.nullcontext)
    monkeypatch.setattr(apart, "start", no_process)  # so it is drawn here

    run_here.data, run_here.work = data, work
    return run_here


@pytest.fixture
def process(project, tmp_path, monkeypatch):
    """Runs a copy of the project on the small text as a process."""
    monkeypatch.delenv("SST_ZIP", raising=False)
    data = project / "utils" / "datasets" / "stanfordSentimentTreebank"
    work = tmp_path / "work"
    work.mkdir()
    write_treebank(data, make_sentences())

    def run_process(*arguments, **environment):
        return run_python(project / "run.py", *arguments, cwd=work, **environment)

    run_process.data, run_process.work, run_process.project = data, work, project
    return run_process


@pytest.fixture
def start(process):
    """Starts the command, and waits for its first iterations; it is killed in the end."""
    processes = []

    def start_command(*arguments):
        started = subprocess.Popen(
            **python_command(process.project / "run.py", *arguments),
            cwd=process.work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        processes.append(started)
        for line in started.stdout:
            if line.startswith("iter "):
                return started
        pytest.fail(f"it ended without an iteration: {started.stderr.read()}")

    yield start_command
    for started in processes:
        started.kill()
        started.communicate()


def visible_files(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def the_one_line(text):
    """The message, if it is a single line and no traceback."""
    assert text.count("\n") == 1 and text.endswith("\n"), text
    return text[:-1]


def digests(folder, iteration):
    """What tells whether two saves are the same, bit for bit."""
    return [
        hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in (f"saved_params_{iteration}.npy", f"saved_state_{iteration}.pickle")
    ]


# ------------------------------------------------------------------------------------- results
def test_a_run_saves_vectors_state_and_picture_in_the_working_directory(command):
    shutil.rmtree(command.data)
    write_treebank(command.data, make_sentences(PICTURE_WORDS[:20]))
    result = command("--iterations", "7")
    assert (result.returncode, result.err) == (0, "")
    assert visible_files(command.work) == [
        "saved_params_7.npy",
        "saved_state_7.pickle",
        "word_vectors.png",
    ]
    vectors = np.load(command.work / "saved_params_7.npy")
    assert (vectors.shape, vectors.dtype) == ((2 * 401, 10), np.float64)
    assert (command.work / "word_vectors.png").read_bytes().startswith(b"\x89PNG")
    lines = result.out.splitlines()
    assert lines[0] == "Training on Stanford Sentiment Treebank: 400 words and UNK"
    assert lines[1] == "Not in the text, so not in the picture: snow hail coffee tea"
    assert lines[2] == "word2vec.py agrees with the fast path, which computes the same in seconds"
    assert re.fullmatch(r"iter 7: \d+\.\d{6}", lines[3])
    assert [line.split()[0] for line in lines[4:]] == ["Saved", "Saved"]
    for line, name in zip(lines[4:], ("saved_params_7.npy", "word_vectors.png")):
        assert line.endswith(str(command.work.resolve() / name))


def test_a_text_with_no_word_of_the_picture_is_trained_on_all_the_same(command):
    result = command("--iterations", "3")
    assert (result.returncode, result.err) == (0, "")
    assert "No picture" in result.out
    assert visible_files(command.work) == ["saved_params_3.npy", "saved_state_3.pickle"]


def test_a_run_that_was_stopped_ends_with_the_bits_of_one_that_was_not(command):
    results = [
        command("--iterations", n, "--output", folder)
        for n, folder in (("25", "whole"), ("12", "parts"), ("25", "parts"))
    ]
    assert [result.returncode for result in results] == [0, 0, 0]
    whole, parts = command.work / "whole", command.work / "parts"
    assert digests(whole, 25) == digests(parts, 25)
    assert "Going on from the save after iteration 12\n" in results[2].out
    iterations = [
        [line for line in result.out.splitlines() if line.startswith("iter")][-2:]
        for result in results
    ]
    assert iterations[0] == iterations[2]


def test_a_finished_run_started_again_changes_nothing(command):
    command("--iterations", "5")
    before = digests(command.work, 5)
    assert command("--iterations", "5").returncode == 0
    assert digests(command.work, 5) == before


def test_fresh_starts_anew_and_removes_what_was_there(command):
    command("--iterations", "8", "--seed", "1")
    result = command("--iterations", "6", "--fresh")
    assert result.returncode == 0
    assert "Going on" not in result.out
    assert visible_files(command.work) == ["saved_params_6.npy", "saved_state_6.pickle"]


@pytest.mark.parametrize("loss", ["negative-sampling", "naive-softmax"])
def test_the_textbooks_run_is_the_same_to_12_digits_and_leaves_the_same_random(command, loss):
    for folder, options in (("fast", []), ("textbook", ["--textbook"])):
        result = command("--iterations", "10", "--loss", loss, "--output", folder, *options)
        assert result.returncode == 0, result.err
    vectors, states = [], []
    for folder in ("fast", "textbook"):
        vectors.append(np.load(command.work / folder / "saved_params_10.npy"))
        with open(command.work / folder / "saved_state_10.pickle", "rb") as file:
            states.append(pickle.load(file))
    np.testing.assert_allclose(*vectors, rtol=0, atol=1e-12)
    assert states[0] == states[1]
    assert np.abs(vectors[0][401:]).max() > 1e-3  # the outside vectors began with 0


@pytest.fixture
def dataset(tmp_path):
    """The small text, read here."""
    return lambda: StanfordSentiment(write_treebank_once(tmp_path / "treebank"))


def write_treebank_once(folder):
    return folder if folder.exists() else write_treebank(folder, make_sentences())


@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["--window", "9", "--negatives", "7", "--dimension", "30"],
        pytest.param(["--dimension", "1"], marks=pytest.mark.thorough),
        pytest.param(["--window", "1", "--negatives", "1"], marks=pytest.mark.thorough),
        pytest.param(["--step", "0.05", "--seed", "5"], marks=pytest.mark.thorough),
        ["--loss", "naive-softmax", "--window", "2"],
    ],
    ids=" ".join,
)
def test_with_any_options_both_ways_agree_and_differ_from_the_default(dataset, tmp_path, changes):
    results = []
    for name, options in (("fast", changes), ("textbook", [*changes, "--textbook"]), ("plain", [])):
        settings, options = run.parse_options(["--iterations", "6", *options])
        folder = tmp_path / name
        folder.mkdir()
        vectors = run.train(dataset(), settings, folder, by_textbook=options.textbook)
        results.append((vectors, random.getstate()))
    (fast, state), (textbook, textbook_state), (plain, _) = results
    np.testing.assert_allclose(fast, textbook, rtol=0, atol=1e-12)
    assert state == textbook_state
    assert (fast.shape == plain.shape and np.array_equal(fast, plain)) == (changes == [])


@pytest.mark.parametrize("by_textbook", [False, True], ids=["fast path", "--textbook"])
def test_the_function_that_trains_is_the_one_announced(dataset, by_textbook):
    settings, lines = run.Settings(iterations=6), []
    random.seed(training.SEED)
    f, is_right = training.choose_objective(dataset(), settings, None, by_textbook, lines.append)
    assert is_right
    assert ("the fast path, which computes the same" in lines[0]) == (not by_textbook)
    kind = Textbook if by_textbook else NegSampling
    assert isinstance(f.loss_and_gradient, kind)


def test_saves_of_a_run_with_other_options_are_refused(command):
    command("--iterations", "5")
    before = digests(command.work, 5)
    for option, value, message in (
        ("--window", "3", "window 5 (now 3)"),
        ("--step", "0.1", "step 0.3 (now 0.1)"),
        ("--dimension", "4", "dimension 10 (now 4)"),
    ):
        result = command("--iterations", "9", option, value)
        assert result.returncode == 1
        line = the_one_line(result.err)
        assert message in line
        assert "use --output for another folder, or --fresh to remove the save in" in line
    assert digests(command.work, 5) == before


def test_the_vectors_begin_as_the_assignment_has_them():
    random.seed(0)
    vectors = training.initial_vectors(7, run.Settings(dimension=4))
    state = random.getstate()
    np.random.seed(9265)
    np.testing.assert_array_equal(vectors[:7], (np.random.rand(7, 4) - 0.5) / 4)
    np.testing.assert_array_equal(vectors[7:], 0)
    random.seed(31415)
    assert random.getstate() == state


def test_without_options_the_run_is_the_assignments():
    settings, options = run.parse_options([])
    assert settings == run.Settings()
    expected = {
        "iterations": 40000,
        "dimension": 10,
        "window": 5,
        "negatives": 10,
        "step": 0.3,
        "seed": None,
        "loss": "negative-sampling",
        "corpus": None,
        "float32": False,
    }
    assert expected.items() <= vars(settings).items()
    assert not (options.fresh or options.textbook or options.overwrite)
    assert run.DATA_SEED == 314
    assert len(PICTURE_WORDS) == 24


def test_settings_are_frozen():
    with pytest.raises(AttributeError):
        run.Settings().step = 1.0


# ------------------------------------------------------------------------------------- places
def test_output_may_be_a_folder_that_is_not_there_and_has_any_name(command):
    folder = command.work / "new" / os.fsdecode("f\u00fcr $HOME [1]* 'x'".encode("utf-8"))
    result = command("--iterations", "10", "--output", folder)
    assert result.returncode == 0
    assert visible_files(folder) == ["saved_params_10.npy", "saved_state_10.pickle"]
    assert visible_files(command.work) == ["new"]
    again = command("--iterations", "11", "--output", folder)
    assert "Going on from the save after iteration 10\n" in again.out


def test_output_that_is_a_file_is_an_error_of_one_line(command):
    (command.work / "file").write_bytes(b"mine")
    for path in ("file", "file/folder"):
        result = command("--iterations", "2", "--output", path)
        assert result.returncode == 1
        assert f"cannot write to {path}" in the_one_line(result.err)
    assert (command.work / "file").read_bytes() == b"mine"


# ------------------------------------------------------------------------------------- options
@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--iterations", "0"], "argument --iterations: must be at least 1, not 0"),
        (["--iterations", "-5"], "argument --iterations: must be at least 1, not -5"),
        (["--iterations", "1e3"], "argument --iterations: invalid integer value: '1e3'"),
        (["--dimension", "0"], "argument --dimension: must be at least 1, not 0"),
        (["--window", "0"], "argument --window: must be at least 1 and below 4294967296, not 0"),
        (["--window", "4294967296"], "--window: must be at least 1 and below 4294967296, not 429"),
        (["--tokenise"], "argument --tokenise: needs --corpus"),
        (["--min-count", "2"], "argument --min-count: needs --corpus"),
        (["--float32", "--textbook"], "argument --float32: word2vec.py computes in double"),
        (["--negatives", "-1"], "argument --negatives: must be at least 1, not -1"),
        (["--step", "0"], "argument --step: must be a positive number, not 0"),
        (["--step", "nan"], "argument --step: must be a positive number, not nan"),
        (["--step", "inf"], "argument --step: must be a positive number, not inf"),
        (["--step", "big"], "argument --step: invalid positive value: 'big'"),
        (["--seed", "-1"], "argument --seed: must be at least 0 and below 4294967296, not -1"),
        (
            ["--seed", "4294967296"],
            "argument --seed: must be at least 0 and below 4294967296, not 4294967296",
        ),
        (["--loss", "softmax"], "argument --loss: invalid choice: 'softmax'"),
        (["--iter", "5"], "unrecognized arguments: --iter 5"),
        (["100"], "unrecognized arguments: 100"),
        (["--output"], "argument --output: expected one argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_options_end_with_status_2_and_say_why(capsys, arguments, message):
    with pytest.raises(SystemExit) as exit:
        run.parse_options(arguments)
    assert exit.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_the_command_with_wrong_options_writes_nothing(command):
    result = command("--iterations", "none")
    assert result.returncode == 2
    assert result.err.splitlines()[-1].startswith("run.py: error: ")
    assert list(command.work.iterdir()) == []


def test_help_names_every_option_and_its_default(capsys):
    with pytest.raises(SystemExit) as exit:
        run.parse_options(["--help"])
    assert exit.value.code == 0
    text = capsys.readouterr().out
    for word in "--iterations 40000 --output --fresh --textbook --seed --loss 0.3".split():
        assert word in text


# ------------------------------------------------------------------------------------- stopping
@pytest.mark.slow
@posix
def test_a_run_keeps_others_out_of_its_folder_and_ends_with_one_line_on_sigterm(process, start):
    first = start("--iterations", "100000000")
    second = process("--iterations", "5")
    assert second.returncode == 1
    assert "another run is at work" in the_one_line(second.stderr)
    elsewhere = process("--iterations", "2", "--output", "elsewhere")
    assert elsewhere.returncode == 0
    first.terminate()
    _, error = first.communicate(timeout=60)
    assert first.returncode == 143
    assert "run.py: stopped" in the_one_line(error)
    after = process("--iterations", "2", "--output", "elsewhere")  # locks die with their run
    assert after.returncode == 0


@posix
def test_ctrl_c_ends_with_one_line(process, start):
    started = start("--iterations", "100000000")
    deadline = time.monotonic() + 60
    while not (process.work / "saved_params_5000.npy").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(started.pid, signal.SIGINT)
    _, error = started.communicate(timeout=60)
    assert started.returncode == 130
    line = the_one_line(error)
    last = checkpoints.newest(process.work)
    assert line.startswith("run.py: stopped") and f"saved_params_{last}.npy" in line
    assert not [name for name in visible_files(process.work) if name.endswith(".tmp")]


@posix
@pytest.mark.thorough
def test_the_end_of_the_terminal_ends_a_run_with_one_line(start):
    started = start("--iterations", "100000000", "--textbook")
    started.send_signal(signal.SIGHUP)
    _, error = started.communicate(timeout=60)
    assert started.returncode == 129
    assert the_one_line(error) == "run.py: stopped before the first save"


@posix
def test_a_run_in_this_process_leaves_signals_as_they_were(command):
    def mine(number, frame):
        pass

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, mine) for number in numbers]
    try:
        assert command("--iterations", "2").returncode == 0
        assert command("--iterations", "2", "--words", "none").returncode == 1
        assert [signal.getsignal(number) for number in numbers] == [mine] * 3
    finally:
        for number, handler in zip(numbers, before):
            signal.signal(number, handler)


@posix
@pytest.mark.thorough
def test_nohup_keeps_a_run_going_when_the_terminal_ends(start):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        started = start("--iterations", "100000000", "--textbook")
    finally:
        signal.signal(signal.SIGHUP, before)
    started.send_signal(signal.SIGHUP)
    for _ in range(3):
        assert started.stdout.readline().startswith("iter ")
    started.terminate()
    _, error = started.communicate(timeout=60)
    assert started.returncode == 143
    assert the_one_line(error).startswith("run.py: stopped")


@pytest.mark.parametrize("arguments", [["--iterations", "2"], ["--help"]], ids=" ".join)
def test_a_process_that_runs_the_command_as_its_main_module_lives_on_as_before(process, arguments):
    """As with `%run run.py` in Jupyter: Ctrl-C has to end what comes after."""
    code = (
        "import runpy, signal, sys\n"
        "script, sys.argv = sys.stdin.read(), ['run.py', *sys.argv[1:]]\n"
        "numbers = (signal.SIGINT, signal.SIGTERM)\n"
        "before = [signal.getsignal(number) for number in numbers]\n"
        "try:\n"
        "    runpy.run_path(script, run_name='__main__')\n"
        "except SystemExit as error:\n"
        "    assert not error.code, error\n"
        "assert [signal.getsignal(number) for number in numbers] == before\n"
    )
    done = subprocess.run(
        **python_command("-c", code, *arguments, PYTHONPATH=process.project),
        input=str(process.project / "run.py"),
        cwd=process.work,
        capture_output=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_needs_no_standard_output(process):
    closing = "import os, runpy, sys; os.close(1); sys.stdout = None; sys.argv = sys.argv[1:]; "
    closing += "runpy.run_path(sys.argv[0], run_name='__main__')"
    done = run_python(
        "-c",
        closing,
        process.project / "run.py",
        "--iterations",
        2,
        cwd=process.work,
        PYTHONPATH=process.project,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (process.work / "saved_params_2.npy").exists()


def test_standard_output_may_be_any_object_with_a_write_method(command, monkeypatch):
    """As in Jupyter, or with contextlib.redirect_stdout."""

    class Stream:
        text = ""

        def write(self, text):
            self.text += text

        def flush(self):
            pass

    for stream in (Stream(), io.StringIO()):
        monkeypatch.setattr(sys, "stdout", stream)
        assert command("--iterations", "2", "--fresh").returncode == 0
        text = getattr(stream, "text", None) or stream.getvalue()
        assert "iter 2: " in text


def test_a_run_can_be_imported_or_come_from_standard_input(process):
    """The worker needs no main module to start from."""
    code = "import run; run.main(['--iterations', '250'])"
    done = subprocess.run(
        **{**python_command("-"), "env": {**os.environ, "PYTHONPATH": str(process.project)}},
        input=code,
        cwd=process.work,
        capture_output=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (process.work / "saved_params_250.npy").exists()


@pytest.mark.thorough
def test_a_path_without_the_scripts_folder_does_not_matter(process):
    done = process("--iterations", "2", PYTHONSAFEPATH="1")
    assert (done.returncode, done.stderr) == (0, "")


# ------------------------------------------------------------------------------------- trouble
def test_no_data_is_an_error_of_one_line_that_says_what_to_do(command, monkeypatch):
    shutil.rmtree(command.data)
    monkeypatch.setenv("SST_ZIP", str(command.work / "nowhere.zip"))
    result = command()
    assert result.returncode == 1
    line = the_one_line(result.err)
    assert line.startswith("run.py: ") and "nowhere.zip" in line and "SST_ZIP" in line
    assert visible_files(command.work) == []


def test_the_data_that_stands_in_for_the_treebank_is_named(command):
    command.data.rename(command.data.parent / "rottenTomatoes")
    result = command("--iterations", "2")
    assert result.returncode == 0
    assert "Rotten Tomatoes snippets" in result.out
    assert "not the Stanford Sentiment Treebank" in result.out


@pytest.mark.parametrize(
    "text, message",
    [
        (b"", "datasetSentences.txt has no words"),
        (b"header\n1\tcaf\xe9\n", "line 2: not UTF-8"),
        (b"header\n1\tthe\n2\tsame same same\n", "no sentence has two different words"),
    ],
    ids=["empty", "binary", "one word again and again"],
)
@pytest.mark.parametrize("way", [[], ["--textbook"]], ids=["fast", "textbook"])
def test_a_text_that_cannot_be_trained_on_is_an_error_of_one_line(command, text, message, way):
    (command.data / "datasetSentences.txt").write_bytes(text)
    result = command("--iterations", "2", *way)
    assert result.returncode == 1
    line = the_one_line(result.err)
    assert line.startswith("run.py: ") and message in line
    assert visible_files(command.work) == []


def test_a_step_that_is_too_large_is_an_error_of_one_line(command):
    result = command("--iterations", "50", "--step", "1e300")
    assert result.returncode == 1
    line = the_one_line(result.err)
    assert "with step 1e+300" in line and line.endswith("try a smaller step with --step")
    assert visible_files(command.work) == []
    # Saves have their step, so that those of a run which blows up later are in the way of another.
    for name in ("saved_params_60.npy", "saved_state_60.pickle"):
        (command.work / name).write_bytes(b"")
    line = the_one_line(command("--iterations", "50", "--step", "1e300").err)
    assert "--step; use --output for another folder, or --fresh to remove the save in" in line


@pytest.fixture
def picture_command(command):
    """With a text that has the words of the picture."""
    shutil.rmtree(command.data)
    write_treebank(command.data, make_sentences(PICTURE_WORDS))
    return command


def test_a_broken_matplotlib_does_not_cost_the_training(picture_command, monkeypatch):
    monkeypatch.setitem(sys.modules, "common.plot", None)  # importing it raises
    result = picture_command("--iterations", "2")
    assert result.returncode == 1
    line = the_one_line(result.err)
    assert "the vectors are saved, but" in line and "word_vectors.png could not be made" in line
    assert visible_files(picture_command.work) == ["saved_params_2.npy", "saved_state_2.pickle"]


def test_a_picture_that_cannot_be_written_does_not_cost_the_training(picture_command):
    (picture_command.work / "word_vectors.png").mkdir()
    result = picture_command("--iterations", "2")
    assert result.returncode == 1
    assert "word_vectors.png" in the_one_line(result.err)
    assert (picture_command.work / "saved_params_2.npy").exists()
    assert not [n for n in visible_files(picture_command.work) if n.endswith(".tmp")]


def test_the_picture_names_the_parameters_that_it_is_of(picture_command):
    assert picture_command("--iterations", "2").returncode == 0
    digest = hashlib.sha256((picture_command.work / "saved_params_2.npy").read_bytes()).hexdigest()
    assert digest.encode() in (picture_command.work / "word_vectors.png").read_bytes()


# ------------------------------------------------------------------------------------- saves
def test_saves_of_a_stand_in_are_set_aside_when_the_treebank_is_there(command):
    command.data.rename(command.data.parent / "rottenTomatoes")
    assert command("--iterations", "3").returncode == 0
    before = digests(command.work, 3)
    (command.work / training.RECORD).write_text('{"corpus": "of somebody\'s sgd.py"}', "utf-8")
    shutil.rmtree(command.data.parent)
    write_treebank(command.data, make_sentences(PICTURE_WORDS))
    result = command("--iterations", "2")
    assert result.returncode == 0, result.err
    aside = command.work / "saves_of_another_text_1"
    assert f"The saves of another text are kept in {aside.resolve()}" in result.out
    assert digests(aside, 3) == before
    assert (aside / training.RECORD).exists()
    assert checkpoints.saved_iterations(command.work) == [2]


def test_fresh_says_what_it_removes_and_how_long_it_took_to_make(command):
    for iteration, time_of in ((5000, 1000), (10000, 1600), (15000, 2200)):
        for path in (
            checkpoints.params_file(".", iteration),
            checkpoints.state_file(".", iteration),
        ):
            path.write_bytes(b"")
            os.utime(path, (time_of, time_of))
    result = command("--iterations", "2", "--fresh")
    said = (
        f"Removing the 3 saves in {command.work.resolve()} (up to 15,000, about 30 min of training)"
    )
    assert said in result.out
    assert checkpoints.saved_iterations(command.work) == [2]
    assert checkpoints.seconds_to_make(command.work) is None  # one save tells nothing


@pytest.mark.parametrize(
    "times, seconds",
    [
        ([1000, 1600, 90000, 90600], 2400),  # stopped for a day
        ([1000, 1000, 1000, 1000], None),  # copies
        ([1000, 2000, 1000, 2000], 4000),  # the clock was put back
    ],
)
def test_what_saves_took_to_make_is_told_from_the_usual_time_between_two(tmp_path, times, seconds):
    for number, time_of in enumerate(times, 1):
        path = checkpoints.params_file(tmp_path, 5000 * number)
        path.write_bytes(b"")
        os.utime(path, (time_of, time_of))
    assert checkpoints.seconds_to_make(tmp_path) == seconds


def test_all_saves_can_be_removed_and_nothing_else(tmp_path):
    kept = [
        "word_vectors.png",
        "saved_params_x.npy",
        "saved_params_05.npy",
        "my_saved_params_5.npy",
        "saved_settings.json.txt",
    ]
    gone = ["saved_params_5.npy", "saved_state_5.pickle", "saved_params_70.npy.tmp"]
    gone.append(training.RECORD)
    for name in kept + gone:
        (tmp_path / name).write_bytes(b"")
    checkpoints.remove(tmp_path)
    assert visible_files(tmp_path) == sorted(kept)


# ------------------------------------------------------------------------------------- exports
def test_an_export_takes_the_place_of_an_earlier_one_and_of_nothing_else(command):
    corpus = command.work / "text.txt"
    corpus.write_text("\n".join(map(" ".join, make_sentences())), encoding="utf-8")
    words = command.work / "words.txt"
    words.write_text("w1 w2 w3", encoding="utf-8")
    options = ["--corpus", corpus, "--words", words, "--iterations", "2"]
    export = command.work / "vectors.txt"
    assert command(*options, "--export", export).returncode == 0
    first = export.read_bytes()
    assert command(*options, "--export", export).returncode == 0  # again
    assert export.read_bytes() == first

    mine = command.work / "mine.txt"
    mine.write_text("not to be lost", encoding="utf-8")
    for path, why in (
        (corpus, "is what this run reads"),
        (words, "is what this run reads"),
        (command.work / "saved_params_2.npy", "has the name of a save"),
        (mine, "was not made by this option; see --overwrite"),
    ):
        before = path.read_bytes()
        result = command(*options, "--export", path)
        assert result.returncode == 1 and why in the_one_line(result.err)
        assert path.read_bytes() == before
    assert command(*options, "--export", mine, "--overwrite").returncode == 0
    assert mine.read_bytes() == first
    assert command(*options, "--export", corpus, "--overwrite").returncode == 1
    folder = command.work / "projector"
    assert command(*options, "--export-projector", folder).returncode == 0
    assert command(*options, "--export-projector", folder).returncode == 0  # again
    (folder / "metadata.tsv").write_text("a table\n", encoding="utf-8")
    result = command(*options, "--export-projector", folder)
    assert result.returncode == 1 and "see --overwrite" in the_one_line(result.err)
    assert (folder / "metadata.tsv").read_text(encoding="utf-8") == "a table\n"
    result = command(*options, "--animate", words)
    assert result.returncode == 1 and "is what this run reads" in result.err


@pytest.mark.parametrize(
    "exports",
    [
        ["--export", "a", "--animate", "./a"],
        ["--export", "folder/vectors.tsv", "--export-projector", "folder"],
        ["--animate", "folder/metadata.tsv", "--export-projector", "folder"],
        ["--export", "word_vectors.png"],
        ["--animate", "loss_curve.png", "--loss-curve"],
        ["--export", "link"],
    ],
    ids=" ".join,
)
def test_two_things_are_not_written_to_one_file(picture_command, exports):
    (picture_command.work / "link").symlink_to("word_vectors.png")
    result = picture_command("--iterations", "2", "--overwrite", *exports)
    assert result.returncode == 1
    assert "is where something else is written; give another name" in the_one_line(result.err)
    assert "Training" not in result.out
    assert set(visible_files(picture_command.work)) <= {"link", "folder"}


def test_neither_a_picture_nor_a_record_of_settings_is_taken_for_an_export(picture_command):
    words = picture_command.work / "word_vectors.png"
    words.write_text("great rain", encoding="utf-8")
    result = picture_command("--iterations", "2", "--words", words)
    assert result.returncode == 1 and "is what this run reads" in the_one_line(result.err)
    assert words.read_text(encoding="utf-8") == "great rain"
    words.unlink()
    result = picture_command("--iterations", "2", "--export", training.RECORD, "--overwrite")
    assert result.returncode == 1 and "has the name of a save" in the_one_line(result.err)
    assert visible_files(picture_command.work) == []


def test_an_export_that_cannot_be_written_is_named_by_its_own_path(command):
    result = command("--iterations", "2", "--export", "no/such/folder/vectors.txt")
    assert result.returncode == 1
    assert the_one_line(result.err).startswith("run.py: cannot write no/such/folder/vectors.txt: ")


# ------------------------------------------------------------------------------------- sizes
@pytest.mark.parametrize(
    "arguments, what",
    [
        (["--dimension", "1000000000000000000"], "vectors of 1,000,000,000,000,000,000 numbers"),
        (["--negatives", "1000000000000"], "the 1,000,000,000,000 negatives of each of"),
        (["--repeats", "1000000000000"], "1,000,000,000,000 repeats of the text"),
    ],
)
def test_what_does_not_fit_into_memory_is_a_line_with_what_is_needed(command, arguments, what):
    result = command("--iterations", "2", *arguments)
    assert result.returncode == 1
    line = the_one_line(result.err)
    assert what in line and re.search(r"need [\d,]+ GiB; this machine has \d+ GiB", line)


def test_a_window_longer_than_any_sentence_costs_no_more_than_the_longest(command):
    result = command("--iterations", "2", "--window", "1000000")
    assert (result.returncode, result.err) == (0, "")


def test_single_precision_is_told_saved_as_double_and_kept_apart(command):
    result = command("--iterations", "20", "--float32")
    assert result.returncode == 0
    assert "In single precision the published numbers are not met" in result.out
    vectors = np.load("saved_params_20.npy")
    assert vectors.dtype == np.float64
    np.testing.assert_array_equal(vectors, vectors.astype(np.float32))
    assert "precision float32 (now unknown)" in the_one_line(command("--iterations", "30").err)
    command("--iterations", "40", "--float32")
    command("--iterations", "40", "--float32", "--output", "whole")
    assert digests(command.work, 40) == digests(command.work / "whole", 40)
    command("--iterations", "20", "--output", "double")
    np.testing.assert_allclose(vectors, np.load("double/saved_params_20.npy"), rtol=0, atol=1e-5)


def test_an_animation_and_a_loss_curve_are_drawn_when_asked_for(picture_command):
    options = ["--animate", "vectors.gif", "--loss-curve"]
    result = picture_command("--iterations", "30", *options)
    assert result.returncode == 0, result.err
    names = ["loss_curve.png", "vectors.gif", "word_vectors.png"]
    assert set(names) <= set(visible_files(picture_command.work))
    again = picture_command("--iterations", "30", *options)
    assert "No loss curve: the run was done already" in again.out
    assert "No animation: the run was done already" in again.out
