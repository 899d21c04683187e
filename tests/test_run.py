"""run.py as a command, on a small text in the treebank's place: results, options, and trouble."""

import hashlib
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from conftest import python_command, run_python, write_treebank

import run
import sgd
from utils.treebank import StanfordSentiment

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


def make_sentences(words_of_the_picture=()):
    """Sixty sentences of a vocabulary that is large enough to survive subsampling."""
    rng = np.random.RandomState(1)
    words = [*words_of_the_picture, *(f"w{i}" for i in range(400 - len(words_of_the_picture)))]
    return [words[i : i + 20] for i in range(0, 400, 20)] + [
        [words[i] for i in rng.randint(400, size=20)] for _ in range(40)
    ]


@pytest.fixture
def command(project, tmp_path, monkeypatch):
    """Runs the project's copy on the small text from an empty working directory."""
    monkeypatch.delenv("SST_ZIP", raising=False)  # the text there is the one to use
    data = project / "utils" / "datasets" / "stanfordSentimentTreebank"
    work = tmp_path / "work"
    work.mkdir()
    write_treebank(data, make_sentences())

    def run_command(*arguments, **environment):
        return run_python(project / "run.py", *arguments, cwd=work, **environment)

    run_command.data, run_command.work, run_command.project = data, work, project
    return run_command


@pytest.fixture
def start(command):
    """Starts the command, and waits for its first iterations; it is killed in the end."""
    processes = []

    def start_command(*arguments):
        process = subprocess.Popen(
            **python_command(command.project / "run.py", *arguments),
            cwd=command.work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        processes.append(process)
        for line in process.stdout:
            if line.startswith("iter "):
                return process
        pytest.fail(f"it ended without an iteration: {process.stderr.read()}")

    yield start_command
    for process in processes:
        process.kill()
        process.communicate()


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
    write_treebank(command.data, make_sentences(run.PLOT_WORDS[:20]))
    result = command("--iterations", "7")
    assert (result.returncode, result.stderr) == (0, "")
    assert visible_files(command.work) == [
        "saved_params_7.npy",
        "saved_state_7.pickle",
        "word_vectors.png",
    ]
    vectors = np.load(command.work / "saved_params_7.npy")
    assert (vectors.shape, vectors.dtype) == ((2 * 401, 10), np.float64)
    assert (command.work / "word_vectors.png").read_bytes().startswith(b"\x89PNG")
    lines = result.stdout.splitlines()
    assert lines[0] == "Training on Stanford Sentiment Treebank: 401 words"
    assert lines[1] == "Not in the text, so not in the picture: snow hail coffee tea"
    assert re.fullmatch(r"iter 7: \d+\.\d{6}", lines[2])
    assert [line.split()[0] for line in lines[3:]] == ["Saved", "Saved"]
    for line, name in zip(lines[3:], ("saved_params_7.npy", "word_vectors.png")):
        assert line.endswith(str(command.work.resolve() / name))


def test_a_text_with_no_word_of_the_picture_is_trained_on_all_the_same(command):
    result = command("--iterations", "3")
    assert (result.returncode, result.stderr) == (0, "")
    assert "No picture" in result.stdout
    assert visible_files(command.work) == ["saved_params_3.npy", "saved_state_3.pickle"]


def test_a_run_that_was_stopped_ends_with_the_bits_of_one_that_was_not(command):
    results = [
        command("--iterations", n, "--output", folder)
        for n, folder in (("25", "whole"), ("12", "parts"), ("25", "parts"))
    ]
    assert [result.returncode for result in results] == [0, 0, 0]
    whole, parts = command.work / "whole", command.work / "parts"
    assert digests(whole, 25) == digests(parts, 25)
    assert "Going on from the save after iteration 12\n" in results[2].stdout
    iterations = [
        [line for line in result.stdout.splitlines() if line.startswith("iter")][-2:]
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
    assert "Going on" not in result.stdout
    assert visible_files(command.work) == ["saved_params_6.npy", "saved_state_6.pickle"]


@pytest.mark.parametrize("loss", ["negative-sampling", "naive-softmax"])
def test_the_textbooks_run_is_the_same_to_12_digits_and_leaves_the_same_random(command, loss):
    for folder, options in (("fast", []), ("textbook", ["--textbook"])):
        result = command("--iterations", "10", "--loss", loss, "--output", folder, *options)
        assert result.returncode == 0, result.stderr
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
        ["--dimension", "1"],
        ["--window", "1", "--negatives", "1"],
        ["--window", "9", "--negatives", "7", "--dimension", "30"],
        ["--step", "0.05", "--seed", "5"],
        ["--loss", "naive-softmax", "--window", "2"],
    ],
    ids=" ".join,
)
def test_with_any_options_both_ways_agree_and_differ_from_the_default(dataset, tmp_path, changes):
    results = []
    for name, options in (("fast", changes), ("textbook", [*changes, "--textbook"]), ("plain", [])):
        options = run.parse_options(
            ["--iterations", "6", "--output", str(tmp_path / name), *options]
        )
        options.output.mkdir()
        results.append((run.train(dataset(), options), random.getstate()))
    (fast, state), (textbook, textbook_state), (plain, _) = results
    np.testing.assert_allclose(fast, textbook, rtol=0, atol=1e-12)
    assert state == textbook_state
    assert (fast.shape == plain.shape and np.array_equal(fast, plain)) == (changes == [])


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
        line = the_one_line(result.stderr)
        assert message in line and "--fresh" in line
    assert digests(command.work, 5) == before


def test_the_vectors_begin_as_the_assignment_has_them():
    random.seed(0)
    vectors = run.initial_vectors(7, 4)
    state = random.getstate()
    np.random.seed(9265)
    np.testing.assert_array_equal(vectors[:7], (np.random.rand(7, 4) - 0.5) / 4)
    np.testing.assert_array_equal(vectors[7:], 0)
    random.seed(31415)
    assert random.getstate() == state


def test_without_options_the_run_is_the_assignments():
    options = run.parse_options([])
    expected = dict(
        iterations=40000,
        dimension=10,
        window=5,
        negatives=10,
        step=0.3,
        seed=None,
        loss="negative-sampling",
        fresh=False,
        textbook=False,
    )
    assert expected.items() <= vars(options).items()
    assert run.DATA_SEED == 314
    assert len(run.PLOT_WORDS) == 24


# ------------------------------------------------------------------------------------- places
def test_output_may_be_a_folder_that_is_not_there_and_has_any_name(command):
    folder = command.work / "new" / os.fsdecode("f\u00fcr $HOME [1]* 'x'".encode("utf-8"))
    result = command("--iterations", "10", "--output", folder)
    assert result.returncode == 0
    assert visible_files(folder) == ["saved_params_10.npy", "saved_state_10.pickle"]
    assert visible_files(command.work) == ["new"]
    again = command("--iterations", "11", "--output", folder)
    assert "Going on from the save after iteration 10\n" in again.stdout


def test_output_that_is_a_file_is_an_error_of_one_line(command):
    (command.work / "file").write_bytes(b"mine")
    for path in ("file", "file/folder"):
        result = command("--iterations", "2", "--output", path)
        assert result.returncode == 1
        assert f"cannot write to {path}" in the_one_line(result.stderr)
    assert (command.work / "file").read_bytes() == b"mine"


# ------------------------------------------------------------------------------------- options
@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--iterations", "0"], "argument --iterations: must be at least 1, not 0"),
        (["--iterations", "-5"], "argument --iterations: must be at least 1, not -5"),
        (["--iterations", "1e3"], "argument --iterations: invalid integer value: '1e3'"),
        (["--dimension", "0"], "argument --dimension: must be at least 1, not 0"),
        (["--window", "0"], "argument --window: must be at least 1, not 0"),
        (["--negatives", "-1"], "argument --negatives: must be at least 1, not -1"),
        (["--step", "0"], "argument --step: must be a positive number, not 0"),
        (["--step", "nan"], "argument --step: must be a positive number, not nan"),
        (["--step", "inf"], "argument --step: must be a positive number, not inf"),
        (["--step", "big"], "argument --step: invalid positive value: 'big'"),
        (["--seed", "-1"], "argument --seed: must be at least 0, not -1"),
        (["--seed", "4294967296"], "argument --seed: must be below 2**32"),
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
    assert result.stderr.splitlines()[-1].startswith("run.py: error: ")
    assert list(command.work.iterdir()) == []


def test_help_names_every_option_and_its_default(capsys):
    with pytest.raises(SystemExit) as exit:
        run.parse_options(["--help"])
    assert exit.value.code == 0
    text = capsys.readouterr().out
    for word in "--iterations 40000 --output --fresh --textbook --seed --loss 0.3".split():
        assert word in text


# ------------------------------------------------------------------------------------- stopping
@posix
def test_a_run_keeps_others_out_of_its_folder_and_ends_with_one_line_on_sigterm(command, start):
    first = start("--iterations", "100000000")
    second = command("--iterations", "5")
    assert second.returncode == 1
    assert "another run is at work" in the_one_line(second.stderr)
    elsewhere = command("--iterations", "2", "--output", "elsewhere")
    assert elsewhere.returncode == 0
    first.terminate()
    _, error = first.communicate(timeout=60)
    assert first.returncode == 143
    assert "run.py: stopped" in the_one_line(error)
    after = command("--iterations", "2", "--output", "elsewhere")  # locks die with their run
    assert after.returncode == 0


@posix
def test_ctrl_c_reaches_the_worker_too_and_ends_with_one_line(command, start):
    process = start("--iterations", "100000000", "--textbook")
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert the_one_line(error) == "run.py: stopped before the first save"

    process = start("--iterations", "100000000")
    deadline = time.monotonic() + 60
    while not (command.work / "saved_params_5000.npy").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    line = the_one_line(error)
    last = max(sgd.saved_iterations(command.work))
    assert line.startswith("run.py: stopped") and f"saved_params_{last}.npy" in line
    assert not [name for name in visible_files(command.work) if name.endswith(".tmp")]


# ------------------------------------------------------------------------------------- trouble
def test_no_data_is_an_error_of_one_line_that_says_what_to_do(command):
    shutil.rmtree(command.data)
    result = command(SST_ZIP=command.work / "nowhere.zip")
    assert result.returncode == 1
    line = the_one_line(result.stderr)
    assert line.startswith("run.py: ") and "nowhere.zip" in line and "SST_ZIP" in line
    assert visible_files(command.work) == []


def test_the_data_that_stands_in_for_the_treebank_is_named(command):
    command.data.rename(command.data.parent / "rottenTomatoes")
    result = command("--iterations", "2")
    assert result.returncode == 0
    assert "Rotten Tomatoes snippets" in result.stdout
    assert "not the Stanford Sentiment Treebank" in result.stdout


@pytest.mark.parametrize(
    "text, message",
    [
        (b"", "the corpus has no words"),
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
    line = the_one_line(result.stderr)
    assert line.startswith("run.py: ") and message in line
    assert visible_files(command.work) == []


def test_a_step_that_is_too_large_is_an_error_of_one_line(command):
    result = command("--iterations", "50", "--step", "1e300")
    assert result.returncode == 1
    line = the_one_line(result.stderr)
    assert "with step 1e+300" in line and "smaller step" in line
    assert visible_files(command.work) == []


@pytest.fixture
def picture_command(command):
    """With a text that has the words of the picture."""
    shutil.rmtree(command.data)
    write_treebank(command.data, make_sentences(run.PLOT_WORDS))
    return command


def test_a_broken_matplotlib_does_not_cost_the_training(picture_command, tmp_path):
    fake = tmp_path / "fake"
    fake.mkdir()
    (fake / "matplotlib.py").write_text("raise ImportError('broken')\n", encoding="utf-8")
    result = picture_command("--iterations", "2", PYTHONPATH=fake)
    assert result.returncode == 1
    line = the_one_line(result.stderr)
    assert "the vectors are saved, but" in line and "broken" in line
    assert visible_files(picture_command.work) == ["saved_params_2.npy", "saved_state_2.pickle"]


def test_a_picture_that_cannot_be_written_does_not_cost_the_training(picture_command):
    (picture_command.work / "word_vectors.png").mkdir()
    result = picture_command("--iterations", "2")
    assert result.returncode == 1
    assert "word_vectors.png" in the_one_line(result.stderr)
    assert (picture_command.work / "saved_params_2.npy").exists()
    assert not [n for n in visible_files(picture_command.work) if n.endswith(".tmp")]
