"""Draw and lay out minibatches ahead of the training, in a separate process.

    with Worker() as worker:                    # starts up while the data is loaded
        stream = MinibatchStream(BulkSampler(dataset, 5, 10), 50, worker)
        f = MinibatchObjective(stream, NegSampling())       # for sgd

Why a process and not a thread: drawing and training both make many short NumPy calls, and two such
threads would spend most of their time waiting for Python's interpreter lock.
"""

import contextlib
import os
import pickle
import queue
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.stopping import say
from training.fast.minibatch import Minibatches, lay_out
from training.fast.sampler import Parser, state_after

BATCHES_A_PIECE = 100  # the most minibatches to lay out and send together
SCORES_A_PIECE = 200_000  # about the most scores in a piece, so that it fits into the cache
PIECES_A_DRAW = 16  # enough windows for many long segments of the sampler
PIECES_AHEAD = 16  # finished pieces that the worker keeps, to train on while it draws
START = "from training.fast import stream; stream.serve()"
ROOT = str(Path(__file__).resolve().parents[2])


class Piece(NamedTuple):
    """Some minibatches of a stream."""

    minibatches: Minibatches
    state: tuple  # of `random`, before the outputs that `ends` counts
    ends: np.ndarray  # number of outputs used up to the end of each minibatch


class Plan(NamedTuple):
    """What the worker needs to know to draw pieces."""

    parser: Parser
    V: int
    batch_size: int
    n_batches: int  # in a piece
    n_pieces: int  # total number of pieces
    state: tuple  # of `random` at the beginning of the first piece


def draw_pieces(plan):
    """Yield the pieces of a plan."""
    size = plan.n_batches * plan.batch_size
    n_pieces, missing, state = 1, plan.n_pieces, plan.state
    while missing > 0:
        n_pieces = min(n_pieces, missing)
        windows, after = plan.parser.draw_from(state, n_pieces * size)
        for begin in range(0, n_pieces * size, size):
            part = windows.part(begin, begin + size)
            yield make_piece(part, plan.V, plan.batch_size, state)
        missing, state = missing - n_pieces, after
        # Training can begin after one piece, and never waits if the number of pieces grows slowly.
        n_pieces = min(4 * n_pieces // 3 + 1, PIECES_A_DRAW)


def make_piece(windows, V, batch_size, state):
    """Return the `Piece` of some drawn windows; their ends count from `state` on."""
    ends = windows.ends[batch_size - 1 :: batch_size].copy()
    return Piece(lay_out(windows, V, batch_size), state, ends)


class MinibatchStream:
    """Draws minibatches, one after the other.

    Parameters
    ----------
    sampler : BulkSampler
    batch_size : int
        Windows in a minibatch.
    worker : Worker, optional
        Draws ahead in another process; without it, this process draws between iterations.
    n_batches : int, optional
        The worker draws at most about this many minibatches.

    The draws are the same as drawing one by one, from the state of `random` at the first `next()`.
    From then on the stream runs ahead of `random`, until `sync_random()` sets `random` to where the
    minibatches so far leave it. If `random` is changed after that, the stream continues from there.
    """

    def __init__(self, sampler, batch_size, worker=None, n_batches=sys.maxsize):
        self._sampler = sampler
        self._V = len(sampler.dataset.tokens())
        self._batch_size = batch_size
        self._worker, self._n_batches = worker, n_batches
        self._piece, self._used = None, 0
        self._pieces = None  # an iterator over the pieces to come
        self._synced = None  # the state of `random` that sync_random has set

    def begin(self):
        """Draw the first minibatch and the dataset's subsample now.

        `random` is then where drawing one by one would leave it. If the first `next()` finds it in
        another state, for example because a run is resumed, the stream begins there instead.
        """
        self._begin()
        self._synced = random.getstate()

    def next(self):
        """Return the next `Minibatch`."""
        moved = self._synced is not None and random.getstate() != self._synced
        self._synced = None
        if self._piece is None or moved:
            self._begin()
        elif self._used == len(self._piece.ends):
            self._piece, self._used = self._next_piece(), 0
        self._used += 1
        return self._piece.minibatches[self._used - 1]

    def sync_random(self):
        """Set `random` to where drawing one by one would have left it by now."""
        if self._piece is not None and self._synced is None:
            self._synced = self._state()
            random.setstate(self._synced)

    def _state(self):
        """Return the state of `random` after the minibatches so far."""
        state, ends = self._piece.state, self._piece.ends
        end = int(ends[self._used - 1])
        # Count from here on, because the course's sgd.py asks after each minibatch.
        self._piece = self._piece._replace(state=state_after(state, end), ends=ends - end)
        return self._piece.state

    def _begin(self):
        # The first minibatch is drawn here, because it may draw the dataset's subsample too.
        windows = self._sampler.draw(self._batch_size)
        ends = np.zeros_like(windows.ends)  # the state of this piece is the one at its end
        windows = windows._replace(ends=ends)
        self._piece = make_piece(windows, self._V, self._batch_size, random.getstate())
        self._used = 0
        self._pieces = self._coming_pieces(random.getstate())

    def _next_piece(self):
        pieces = self._pieces or self._coming_pieces(self._state())
        self._pieces = None  # if the next line is interrupted, they cannot be used any more
        piece = next(pieces)
        self._pieces = pieces
        return piece

    def _coming_pieces(self, state):
        """Return the pieces from a state of `random` on; the worker begins to draw them now."""
        n_scores = len(self._piece.minibatches[0].indices)
        n_batches = max(1, min(BATCHES_A_PIECE, SCORES_A_PIECE // n_scores))
        n_pieces = -(-self._n_batches // n_batches)
        parser, V = self._sampler.parser, self._V
        plan = Plan(parser, V, self._batch_size, n_batches, n_pieces, state)
        ahead = () if self._worker is None else self._worker.pieces(plan)
        return self._all_pieces(ahead, plan)

    def _all_pieces(self, ahead, plan):
        """Yield the worker's pieces, and when they end, pieces drawn by this process."""
        yield from ahead
        yield from draw_pieces(plan._replace(n_pieces=sys.maxsize, state=self._state()))


class MinibatchObjective:
    """An objective for `sgd`: each call takes the next minibatch of a stream.

    `loss_and_gradient(wordVectors, minibatch)` computes loss and gradient of one minibatch.
    """

    def __init__(self, stream, loss_and_gradient):
        self.sync_random = stream.sync_random
        self._stream, self._loss_and_gradient = stream, loss_and_gradient

    def __call__(self, wordVectors):
        return self._loss_and_gradient(wordVectors, self._stream.next())


class Worker:
    """A process that draws pieces ahead; it lives as long as its `with` statement.

    Training does not depend on it. If it cannot be started, or dies (perhaps because memory is
    short), a line says so and its pieces end. It imports only NumPy, the sampler and the layout,
    and nothing else that this process has imported.
    """

    def __enter__(self):
        self._process, self._is_used = None, False
        self._start()
        return self

    def __exit__(self, *exception):
        self._stop()

    def pieces(self, plan):
        """Start on a plan at once; yields its pieces for as long as the process lives."""
        if self._is_used:  # it may draw for another plan, or a piece may be half read
            self._stop()
            self._start()
        self._is_used = True
        with contextlib.suppress(OSError):  # if it has died, `_receive` will notice
            if self._process is not None:
                with self._process.stdin as file:
                    pickle.dump(plan, file, protocol=5)
        return self._receive(self._process, plan.n_pieces)

    def _receive(self, process, n_pieces):
        try:
            while n_pieces > 0 and process is self._process is not None:
                yield pickle.load(process.stdout)
                n_pieces -= 1
        except (OSError, EOFError, pickle.UnpicklingError):
            self._stop()
            say("the sampling process died; continuing without it, slower")

    def _start(self):
        try:
            self._process = start_process(START)
        except OSError as error:
            why = error.strerror
            say(f"could not start the sampling process ({why}); continuing without it, slower")

    def _stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process = None


def start_process(statement):
    """Start a process that executes a statement, with pipes for its standard input and output.

    It has the same import path as this process. Raises OSError if it cannot be started.
    """
    # Ctrl-C in a terminal must only reach the process that trains.
    options = {"start_new_session": True}
    if os.name == "nt":
        options = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    variables = {
        "OPENBLAS_NUM_THREADS": "1",  # it hardly multiplies matrices
        "NUMPY_MADVISE_HUGEPAGE": "0",  # getting huge pages takes longer than they save
    }
    # -S: our path already contains what the site module would add.
    command = f"import sys; sys.path[:0] = sys.argv[1:]; {statement}"
    return subprocess.Popen(
        [sys.executable or "", "-S", "-c", command, ROOT, *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **variables},
        **options,
    )


def serve():
    """Do the worker's job: read a plan, and send its pieces."""
    try:
        plan = pickle.load(sys.stdin.buffer)
    except EOFError:
        return  # there is nothing to do
    sys.setswitchinterval(1e-4)  # seconds until the sending thread gets its turn
    ahead = queue.Queue(PIECES_AHEAD)
    sender = threading.Thread(target=send, args=(ahead,), daemon=True)
    sender.start()
    for piece in draw_pieces(plan):
        ahead.put(pickle.dumps(piece, protocol=5))
    ahead.put(None)
    sender.join()


def send(ahead):
    """Write a queue's items out until None, or until nobody reads them; then end the process."""
    try:
        with contextlib.suppress(OSError), open(sys.stdout.fileno(), "wb", buffering=0) as file:
            for piece in iter(ahead.get, None):
                view = memoryview(piece)
                while view:
                    view = view[file.write(view) :]
    finally:
        os._exit(0)
