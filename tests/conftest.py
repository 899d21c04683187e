"""What the test modules share: the real data, the finished run, and small stand-ins for both.

python -m pytest                        # everything, the run of 40,000 iterations included
python -m pytest -m "not slow"          # without that run, and without all else that takes long
SST_ZIP=/path/to/stanfordSentimentTreebank.zip python -m pytest    # with the data from a file
W2V_FULL_RUN=/path/to/folder python -m pytest   # with a run done before, as `full_run` makes it
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from utils import get_datasets  # noqa: E402
from utils.treebank import Corpus  # noqa: E402

hypothesis.settings.register_profile(
    "project",
    derandomize=True,
    deadline=None,
    max_examples=30,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("project")


# `nohup` and shells in the background have them ignored, which processes hand on to those that they
# start, and tests send them to these. A handler is not handed on.
for name in ("SIGINT", "SIGHUP"):
    number = getattr(signal, name, None)
    if number and signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, lambda number, frame: None)


def pytest_collection_modifyitems(items):
    for item in items:
        if "full_run" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


# ------------------------------------------------------------------------------------- real data
@pytest.fixture(scope="session")
def sst():
    """The folder of the Stanford Sentiment Treebank."""
    if get_datasets.find_dataset() != get_datasets.SST_FOLDER:
        if not os.environ.get("SST_ZIP"):
            pytest.skip(
                f"no Stanford Sentiment Treebank in {get_datasets.SST_FOLDER}; get it with "
                "`sh get_datasets.sh`, or set SST_ZIP to its archive"
            )
        get_datasets.ensure_dataset()
    return get_datasets.SST_FOLDER


@pytest.fixture(scope="session")
def full_run(request, tmp_path_factory):
    """The output folder of the assignment's run; what it printed is in its `log.txt`."""
    if os.environ.get("W2V_FULL_RUN"):
        return Path(os.environ["W2V_FULL_RUN"])
    request.getfixturevalue("sst")
    folder = tmp_path_factory.mktemp("full_run")
    run = run_python("run.py", "--output", folder)
    if run.returncode != 0:
        pytest.fail(f"run.py ended with status {run.returncode}:\n{run.stdout}{run.stderr}")
    (folder / "log.txt").write_text(run.stdout, encoding="utf-8")
    return folder


# ------------------------------------------------------------------------------------- processes
def python_command(*arguments, **more_environment):
    """Arguments for `subprocess`, to run this Python as a user would; "run.py" is the project's."""
    environment = {**os.environ, **more_environment}
    for name in set(environment) - set(more_environment):
        if name in ("PYTHONWARNINGS", "PYTHONOPTIMIZE", "PYTHONPATH", "DISPLAY"):
            del environment[name]
    return {
        "args": [sys.executable, *map(str, arguments)],
        "env": {name: str(value) for name, value in environment.items()},
        "encoding": "utf-8",
        "errors": "replace",
    }


def run_python(*arguments, cwd=ROOT, timeout=300, **environment):
    """Run Python to its end: status and both outputs, as text."""
    return subprocess.run(
        **python_command(*arguments, **environment),
        cwd=cwd,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )


class Result(NamedTuple):
    """How a command ended, and what it printed."""

    returncode: int
    out: str
    err: str


@pytest.fixture
def call_main(capfd):
    """A function that calls a command's `main` in this process with some arguments: a `Result`."""

    def call(main, *arguments):
        capfd.readouterr()
        try:
            status = main(list(map(str, arguments))) or 0
        except SystemExit as error:
            status = error.code
            if isinstance(status, str):
                print(status, file=sys.stderr)
                status = 1
        return Result(status, *capfd.readouterr())

    return call


@pytest.fixture
def run_here(call_main):
    """A function that calls run.py's `main` in this process: a `Result`."""
    import run

    return partial(call_main, run.main)


def run_script(path, *arguments, sh="sh", cwd="/", **environment):
    """Run a shell script of ours from another folder: a `Result`."""
    command = [shutil.which(sh), str(path), *map(str, arguments)]
    env = {**os.environ, **environment}
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, encoding="utf-8", timeout=60
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def tools(tmp_path):
    """A folder for PATH with the one tool that our scripts need beside Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "dirname").symlink_to(shutil.which("dirname"))
    return folder


def the_line(text):
    """The message, if it is a single line and no traceback."""
    assert text.count("\n") == 1 and text.endswith("\n"), text
    return text[:-1]


def wait_until(condition, seconds=60):
    """Wait for a condition that should soon be true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def project(tmp_path):
    """A copy of the project's code, without data, to be broken or given other data."""
    return copy_code(tmp_path / "project")


def copy_code(folder):
    """Copy the code of all commands, without data, into a new folder; returns it."""
    for name in ("common", "training", "utils"):
        ignored = shutil.ignore_patterns("datasets", "__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for path in ROOT.glob("*.py"):
        shutil.copy(path, folder)
    return folder


def edit(path, old, new):
    """Replace what stands once in a file; fails if it does not, so that no test goes stale."""
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        pytest.fail(f"{path.name} has {old!r} {text.count(old)} times, expected once")
    path.write_text(text.replace(old, new), encoding="utf-8")


# ------------------------------------------------------------------------------------- stand-ins
# A text of one's own trained with the assignment's settings, into the working folder.
LIKE_THE_ASSIGNMENT = (
    "--lines --no-tokenise --min-count 1 --dimension 10 --step 0.3 --iterations 40000 --keep-all "
    "--output ."
).split()


class SmallCorpus(Corpus):
    """A corpus of which subsampling drops a given share: the usual one would leave nothing of it.

    Words that occur once are always kept, so that some tokens take a random number and some none.
    """

    def __init__(self, sentences, drop=0.5, **options):
        super().__init__(sentences, **options)
        self.drop = drop

    def rejectProb(self):
        return np.where(self.frequencies > 1, self.drop, 0.0)


def random_sentences(seed, n_sentences=40, n_words=60, longest=15):
    """Sentences of 1 to `longest` random words, of which the first are the most frequent."""
    rng = np.random.RandomState(seed)
    lengths = rng.randint(1, longest + 1, n_sentences)
    return [[f"w{int(n_words * u * u)}" for u in rng.rand(length)] for length in lengths]


@pytest.fixture
def tiny_corpus():
    """A function from a seed to a corpus of forty short sentences."""
    return lambda seed=0, **options: SmallCorpus(random_sentences(seed), **options)


@st.composite
def corpora(draw):
    """Corpora of few words, so that windows and noise words clash and are drawn again."""
    n_words = draw(st.integers(2, 30))
    word = st.integers(0, n_words - 1).map("w{}".format)
    sentence = st.lists(word, min_size=1, max_size=12)
    if draw(st.booleans()):  # the same word again and again
        sentence = st.tuples(word, st.integers(1, 9)).map(lambda pair: [pair[0]] * pair[1])
    sentences = [["w0", "w1"], *draw(st.lists(sentence, max_size=20))]
    corpus = SmallCorpus(
        sentences, drop=draw(st.sampled_from([0.0, 0.3, 0.6])), tablesize=draw(st.integers(2, 500))
    )
    hypothesis.assume(len(set(corpus.sampleTable().tolist())) > 1)  # else nothing is left to draw
    return corpus


def draw_one_by_one(dataset, n_windows, window_size, k):
    """Windows drawn as the assignment has it, in the form that `tuple(Windows)` has: four lists."""
    import word2vec

    tokens = dataset.tokens()
    centers, counts, outside, negatives = [], [], [], []
    for _ in range(n_windows):
        center, context = dataset.getRandomContext(random.randint(1, window_size))
        centers.append(tokens[center])
        counts.append(len(context))
        for word in context:
            outside.append(tokens[word])
            negatives.append(word2vec.getNegativeSamples(tokens[word], dataset, k))
    return centers, counts, outside, negatives


def write_treebank(folder, sentences):
    """Write the four files of the treebank for some sentences, lists of words; the folder."""
    folder.mkdir(parents=True)
    texts = [" ".join(sentence) for sentence in sentences]
    phrases = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    tables = {
        "datasetSentences.txt": ["sentence_index\tsentence"]
        + [f"{i}\t{text}" for i, text in enumerate(texts, 1)],
        "datasetSplit.txt": ["sentence_index,splitset_label"]
        + [f"{i},{i % 3 + 1}" for i in range(1, len(texts) + 1)],
        "dictionary.txt": [f"{text}|{number}" for text, number in phrases.items()],
        "sentiment_labels.txt": ["phrase ids|sentiment values"]
        + [f"{number}|{number / len(phrases):.5f}" for number in phrases.values()],
    }
    for name, lines in tables.items():
        text = "".join(f"{line}\n" for line in lines)
        (folder / name).write_bytes(text.encode("utf-8"))
    return folder
