"""Minibatches drawn ahead, here or by the worker: those of the sampler, with `random` in step."""

import contextlib
import os
import pickle
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT, corpora, draw_one_by_one, python_command
from hypothesis import given
from hypothesis import strategies as st
from test_twins import by_center, windows_of

from training.fast import stream as stream_module
from training.fast.sampler import BulkSampler
from training.fast.stream import MinibatchObjective, MinibatchStream, Worker

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


class Windows:
    """A stream whose minibatches are told as windows."""

    def __init__(self, corpus, batch_size=10, window_size=3, k=2, worker=None, **options):
        sampler = BulkSampler(corpus, window_size, k)
        self._stream = MinibatchStream(sampler, batch_size, worker, **options)
        self._V = len(corpus.tokens())
        self.sync_random = self._stream.sync_random

    def next(self):
        return windows_of(self._stream.next(), self._V)

    def take(self, n):
        return [self.next() for _ in range(n)]


def draw_textbook(corpus, n, batch_size=10, window_size=3, k=2):
    """What `Windows.take(n)` gives, drawn one by one."""
    return [by_center(*draw_one_by_one(corpus, batch_size, window_size, k)) for _ in range(n)]


# ------------------------------------------------------------------------------------- inline
@given(corpora(), st.integers(1, 10), st.integers(0, 5), st.data())
def test_minibatches_are_the_textbooks_and_random_follows_when_asked(corpus, batch_size, k, data):
    synced = data.draw(st.lists(st.booleans(), min_size=1, max_size=30))
    random.seed(batch_size)
    corpus.subsample()
    state = random.getstate()
    expected = []
    for _ in synced:
        (windows,) = draw_textbook(corpus, 1, batch_size, 3, k)
        expected.append((windows, random.getstate()))
    random.setstate(state)
    stream = Windows(corpus, batch_size, 3, k)
    for sync, (windows, state) in zip(synced, expected):
        assert stream.next() == windows
        if sync:
            stream.sync_random()
            assert random.getstate() == state
    stream.sync_random()
    assert random.getstate() == state


def test_the_first_minibatch_draws_the_subsample_where_the_textbook_does(tiny_corpus):
    random.seed(8)
    expected = draw_textbook(tiny_corpus(), 1)
    random.seed(8)
    assert Windows(tiny_corpus()).take(1) == expected


@pytest.mark.parametrize(
    "scores_a_piece", [1, pytest.param(2000, marks=pytest.mark.thorough), 10**9]
)
def test_hundreds_of_minibatches_are_the_textbooks(tiny_corpus, monkeypatch, scores_a_piece):
    """However many a piece has."""
    monkeypatch.setattr(stream_module, "SCORES_A_PIECE", scores_a_piece)
    random.seed(8)
    expected = draw_textbook(tiny_corpus(), 350)
    end = random.getstate()
    random.seed(8)
    stream = Windows(tiny_corpus())
    assert stream.take(350) == expected
    stream.sync_random()
    assert random.getstate() == end


def test_syncing_twice_or_before_the_first_minibatch_changes_nothing(tiny_corpus):
    random.seed(3)
    before = random.getstate()
    stream = Windows(tiny_corpus())
    stream.sync_random()
    assert random.getstate() == before
    stream.next()
    stream.sync_random()
    after = random.getstate()
    stream.sync_random()
    assert random.getstate() == after


@pytest.mark.parametrize("n", [1, 7, 101, 102])
def test_a_stream_goes_on_from_where_random_is_put_after_a_sync(tiny_corpus, n):
    corpus = tiny_corpus()
    stream = Windows(corpus)
    stream.take(n)
    stream.sync_random()
    random.seed(77)
    expected = draw_textbook(corpus, 3)
    random.seed(77)
    assert stream.take(3) == expected


def test_random_drawn_from_after_a_sync_moves_the_stream(tiny_corpus):
    corpus = tiny_corpus()
    random.seed(2)
    draw_textbook(corpus, 1)
    random.random()
    expected = draw_textbook(corpus, 1)
    random.seed(2)
    stream = Windows(tiny_corpus())
    stream.next()
    stream.sync_random()
    random.random()
    assert stream.take(1) == expected


def test_an_objective_hands_each_minibatch_on_once(tiny_corpus):
    stream = MinibatchStream(BulkSampler(tiny_corpus(), 3, 2), 10)
    random.seed(2)
    expected = draw_textbook(tiny_corpus(), 2)
    random.seed(2)
    f = MinibatchObjective(stream, lambda x, minibatch: (x, minibatch))
    V = len(tiny_corpus().tokens())
    results = [f(5), f(6)]
    assert [x for x, _ in results] == [5, 6]
    assert [windows_of(minibatch, V) for _, minibatch in results] == expected


def test_a_stream_that_was_interrupted_goes_on_where_it_was(tiny_corpus, monkeypatch):
    random.seed(4)
    expected = draw_textbook(tiny_corpus(), 230)
    random.seed(4)
    stream = Windows(tiny_corpus())
    windows = stream.take(101)
    interrupted = False

    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stream_module, "make_piece", interrupt)
        while not interrupted:
            try:
                windows.append(stream.next())
            except KeyboardInterrupt:
                interrupted = True
    assert windows + stream.take(230 - len(windows)) == expected


# ------------------------------------------------------------------------------------- worker
@pytest.fixture(scope="module")
def worker():
    """One worker for several tests, each of which begins anew with it."""
    with Worker() as worker:
        yield worker


@pytest.mark.parametrize("k", [pytest.param(0, marks=pytest.mark.thorough), 10])
def test_a_worker_gives_what_a_stream_without_one_does(tiny_corpus, worker, monkeypatch, k):
    streams = []
    for maybe_worker in (None, worker):
        stream = MinibatchStream(BulkSampler(tiny_corpus(), 5, k), 50, maybe_worker)
        random.seed(5)
        minibatches = []
        for _ in range(2500):  # more pieces than the worker keeps
            fields = [np.asarray(field) for field in stream.next()]
            minibatches.append([(field.dtype, field.tobytes()) for field in fields])
        stream.sync_random()
        streams.append((minibatches, random.getstate()))
        monkeypatch.setattr(stream_module, "draw_pieces", None)  # nothing is drawn here any more
    assert streams[0] == streams[1]


def test_a_worker_that_is_ahead_begins_anew_when_random_is_changed(tiny_corpus, worker):
    corpus = tiny_corpus()
    corpus.subsample()
    stream = Windows(corpus, worker=worker)
    for seed, n in ((1, 150), (2, 1), (3, 0), (4, 230)):
        stream.sync_random()
        random.seed(seed)
        expected = draw_textbook(corpus, n)
        random.seed(seed)
        assert stream.take(n) == expected


def test_two_streams_may_have_one_worker(tiny_corpus, worker):
    """The later one gets it."""
    corpus = tiny_corpus()
    random.seed(1)
    corpus.subsample()
    state = random.getstate()
    expected = draw_textbook(corpus, 300)
    streams = []
    for _ in range(2):
        random.setstate(state)
        streams.append(Windows(corpus, worker=worker))
        streams[-1].next()
    for _ in range(149):
        assert streams[0].next() == streams[1].next()
    assert streams[0].take(150) == streams[1].take(150) == expected[150:]


@pytest.mark.thorough
def test_pieces_that_are_larger_than_the_pipe_arrive_whole(tiny_corpus, worker):
    corpus = tiny_corpus()
    corpus.subsample()
    state = random.getstate()
    expected = Windows(corpus, batch_size=50, window_size=5, k=120).take(40)
    random.setstate(state)
    assert Windows(corpus, 50, 5, 120, worker).take(40) == expected


def test_a_worker_draws_as_many_minibatches_as_it_is_told(tiny_corpus, capfd):
    """Then it ends; what is asked for beyond that is drawn here."""
    random.seed(6)
    expected = draw_textbook(tiny_corpus(), 700)
    random.seed(6)
    with Worker() as worker:
        stream = Windows(tiny_corpus(), worker=worker, n_batches=250)
        windows = stream.take(301)
        assert worker._process.wait(timeout=60) == 0
        assert windows + stream.take(399) == expected
    assert capfd.readouterr() == ("", "")


def test_a_worker_stays_until_all_is_sent(tiny_corpus, capfd):
    """Though it has drawn everything, and nobody reads for a while."""
    random.seed(6)
    with Worker() as worker:
        stream = Windows(tiny_corpus(), 50, 5, 10, worker, n_batches=300)
        windows = stream.take(1)
        time.sleep(1.5)  # enough for what it draws, which is more than the pipe holds
        assert len(windows + stream.take(300)) == 301
    assert capfd.readouterr() == ("", "")


def test_a_worker_begins_with_the_first_minibatch(tiny_corpus, monkeypatch):
    """And not when it is to have something ready."""
    with Worker() as worker:
        begun = []
        monkeypatch.setattr(worker, "pieces", lambda plan: begun.append(plan.state) or ())
        Windows(tiny_corpus(), worker=worker).next()
    assert begun == [random.getstate()]


def test_a_minibatch_stays_as_it_is(tiny_corpus, worker):
    stream = MinibatchStream(BulkSampler(tiny_corpus(), 3, 2), 10, worker)
    minibatches = [stream.next() for _ in range(150)]
    copies = pickle.dumps(minibatches)
    for _ in range(2000):
        stream.next()
    assert pickle.dumps(minibatches) == copies


def test_the_worker_ends_with_the_with_block():
    with Worker() as worker:
        process = worker._process
        assert process.poll() is None
    assert process.poll() is not None


def test_the_worker_ends_with_an_error_in_the_with_block(tiny_corpus):
    with contextlib.suppress(KeyboardInterrupt), Worker() as worker:
        process = worker._process
        Windows(tiny_corpus(), worker=worker).take(2)
        raise KeyboardInterrupt
    assert process.poll() is not None


SLOWER = "the training goes on without it, slower\n"


@pytest.mark.parametrize(
    "n_before", [*(pytest.param(n, marks=pytest.mark.slow) for n in (0, 1)), 150]
)
@pytest.mark.thorough
def test_when_the_worker_is_killed_the_stream_goes_on_without_it(tiny_corpus, capfd, n_before):
    random.seed(7)
    expected = draw_textbook(tiny_corpus(), n_before + 2500)
    end = random.getstate()
    random.seed(7)
    with Worker() as worker:
        stream = Windows(tiny_corpus(), worker=worker)
        windows = stream.take(n_before)
        worker._process.kill()
        assert windows + stream.take(2500) == expected
        stream.sync_random()
        assert random.getstate() == end
    assert capfd.readouterr().err == "the process that draws ahead has ended; " + SLOWER


@pytest.mark.parametrize("executable", ["/no/such/python", "", None])
def test_a_worker_that_cannot_be_started_is_done_without(
    tiny_corpus, monkeypatch, capfd, executable
):
    random.seed(7)
    expected = draw_textbook(tiny_corpus(), 200)
    random.seed(7)
    monkeypatch.setattr(sys, "executable", executable)
    with Worker() as worker:
        assert Windows(tiny_corpus(), worker=worker).take(200) == expected
    said = capfd.readouterr().err
    assert said.startswith("no process to draw ahead (") and said.endswith("); " + SLOWER)
    assert said.count("\n") == 1


def test_a_worker_that_fails_to_import_is_done_without(tiny_corpus, monkeypatch, capfd):
    random.seed(7)
    expected = draw_textbook(tiny_corpus(), 200)
    random.seed(7)
    monkeypatch.setattr(stream_module, "START", "raise SystemExit(3)")
    with Worker() as worker:
        assert Windows(tiny_corpus(), worker=worker).take(200) == expected
    assert capfd.readouterr().err.endswith(SLOWER)


def test_the_worker_imports_no_more_than_it_needs():
    """Above all no word2vec.py, sgd.py or run.py, which may be anybody's and may change."""
    script = "import sys; from training.fast import stream; print(*sys.modules)"
    result = subprocess.run(
        **python_command("-c", script), cwd=ROOT, stdout=subprocess.PIPE, timeout=60
    )
    modules = result.stdout.split()
    for name in (
        "word2vec",
        "sgd",
        "run",
        "scipy",
        "matplotlib",
        "training.fast.vectorised",
        "utils.treebank",
    ):
        assert name not in modules


def test_the_worker_needs_no_main_module(tiny_corpus):
    """A script on stdin has no file to be imported anew, and needs no guard."""
    script = (
        "import random, sys; sys.path[:0] = sys.argv[1:]\n"
        "from conftest import SmallCorpus, random_sentences\n"
        "from test_stream import Windows, draw_textbook\n"
        "from training.fast.stream import Worker\n"
        "random.seed(1); expected = draw_textbook(SmallCorpus(random_sentences(1)), 150)\n"
        "with Worker() as worker:\n"
        "    random.seed(1)\n"
        "    stream = Windows(SmallCorpus(random_sentences(1)), worker=worker)\n"
        "    assert stream.take(150) == expected\n"
    )
    result = subprocess.run(
        **python_command("-", ROOT, ROOT / "tests"), input=script, timeout=60, capture_output=True
    )  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


# What is run and stopped: it trains without end, or is still at its start.
PARENT = """
import random, signal, sys, time
sys.path[:0] = [{root!r}, {tests!r}]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from conftest import SmallCorpus, random_sentences
from test_stream import Windows
from training.fast.stream import Worker

with Worker() as worker:
    print(worker._process.pid, flush=True)
    stream = Windows(SmallCorpus(random_sentences(1)), worker=worker)
    while True:
        {work}
        print("on", flush=True)
"""


def is_running(pid):
    """Whether there is such a process that is not just waiting to be buried."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextlib.contextmanager
def parent(tmp_path, work):
    """A running `PARENT` in a process group of its own, and the number of its worker."""
    script = tmp_path / "parent.py"
    text = PARENT.format(root=str(ROOT), tests=str(ROOT / "tests"), work=work)
    script.write_text(text, encoding="utf-8")
    process = subprocess.Popen(
        **python_command(script), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    with process:
        pid = int(process.stdout.readline())
        for _ in range(2 if work == "stream.next()" else 1):
            assert process.stdout.readline() == "on\n"
        assert is_running(pid)
        try:
            yield process, pid
        finally:
            process.kill()


@posix
@pytest.mark.parametrize("work", ["stream.next()", "time.sleep(0.1)"])
@pytest.mark.thorough
def test_the_worker_ends_when_its_parent_is_killed(tmp_path, work):
    with parent(tmp_path, work) as (process, pid):
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 20  # it may be importing yet
        while is_running(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not is_running(pid)


@posix
@pytest.mark.parametrize(
    "work", ["stream.next()", pytest.param("time.sleep(0.1)", marks=pytest.mark.thorough)]
)
def test_ctrl_c_in_a_terminal_does_not_reach_the_worker(tmp_path, work):
    """It goes to a whole process group, of which the worker is not."""
    with parent(tmp_path, work) as (process, pid):
        assert os.getpgid(process.pid) == process.pid != os.getpgid(pid)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=20)[1]
        assert said.count("Traceback") == said.count("KeyboardInterrupt") == 1
        assert not is_running(pid)
