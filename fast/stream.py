"""Minibatches drawn and laid out ahead of the training, in a process of their own.

    with Worker() as worker:                    # starts up while the data is loaded
        stream = MinibatchStream(BulkSampler(dataset, 5, 10), prepare, 50, worker)
        f = MinibatchObjective(stream, lossAndGradient)     # for sgd

Why a process and not a thread: drawing and training both make many short NumPy calls, and two
threads that do so spend most of their time handing Python's interpreter lock to and fro.
"""

import contextlib
import multiprocessing
import pickle
import random
import signal
from typing import NamedTuple

import numpy as np

from fast.sampler import state_after

BATCHES_A_PIECE = 100  # at most; few enough to be laid out in the processor's cache
PIECES_A_DRAW = 10  # enough windows for the sampler's segments to be many and long
SLOTS = 10  # pieces that the worker may be ahead
SLOT_BYTES = 6 << 20  # what does not fit in goes through the pipe, which is slower


class Piece(NamedTuple):
    """Some minibatches of a stream."""

    items: object  # what `prepare` made of them
    ends: np.ndarray  # outputs of the generator used up to each one's end ...
    state: tuple  # ... since this state of `random`


def make_piece(windows, prepare, batch_size, state):
    """The `Piece` of some drawn windows; their ends count from `state` on."""
    items = prepare(windows.centers, windows.counts, windows.outside, windows.negatives)
    return Piece(items, windows.ends[batch_size - 1 :: batch_size], state)


def pickled(item):
    """An item as bytes, and the memory of its arrays apart from them."""
    buffers = []
    head = pickle.dumps(item, protocol=5, buffer_callback=buffers.append)
    return head, [buffer.raw() for buffer in buffers]


def batches_a_piece(piece):
    """How many minibatches like the one in a piece fit into a slot, at most BATCHES_A_PIECE."""
    size = sum(buffer.nbytes for buffer in pickled(piece.items)[1])
    return max(1, min(BATCHES_A_PIECE, int(SLOT_BYTES / (1.3 * size + 1))))


def draw_pieces(parser, prepare, batch_size, n_batches, state, pieces_a_draw=PIECES_A_DRAW):
    """Pieces of `n_batches` minibatches without end, drawn from a state of `random` on."""
    size = n_batches * batch_size
    n_pieces = 1
    while True:
        windows, after = parser.draw_from(state, n_pieces * size)
        for begin in range(0, n_pieces * size, size):
            part = windows.part(begin, begin + size)
            yield make_piece(part, prepare, batch_size, state)
        state = after
        n_pieces = min(2 * n_pieces, pieces_a_draw)  # few at first, for training to begin


class MinibatchStream:
    """Prepared minibatches, one after the other.

    Parameters
    ----------
    sampler : BulkSampler
    prepare : callable
        Makes whole minibatches of windows into a sequence with an item for each; called with the
        centers, counts, outside and negatives of `Windows`. For a worker it must be picklable: a
        function of a module, or a `functools.partial` of one.
    batch_size : int
        Windows in a minibatch.
    worker : Worker, optional
        Draws and prepares ahead in another process; without one, and while it is starting up, it
        is done here, in between.

    The draws are those of the textbook from the state of `random` at the first `next()`. From then
    on the stream runs ahead of `random`, until `sync_random()` sets it to where the minibatches
    handed out so far leave it. If it is found changed after that, the stream goes on from there. An
    item is valid until the `next()` after it.
    """

    def __init__(self, sampler, prepare, batch_size, worker=None):
        self._sampler = sampler
        self._prepare = prepare
        self._batch_size = batch_size
        self._worker = worker
        self._piece, self._used = None, 0
        self._pieces = None  # drawn here
        self._worker_draws = False
        self._synced = None  # the state that sync_random left behind

    def next(self):
        """The next prepared minibatch."""
        moved = self._synced is not None and random.getstate() != self._synced
        self._synced = None
        if self._piece is None or moved:
            self._begin()
        elif self._used == len(self._piece.ends):
            self._piece, self._used = self._next_piece(), 0
        self._used += 1
        return self._piece.items[self._used - 1]

    def sync_random(self):
        """Set `random` to where drawing one by one would have left it by now."""
        if self._piece is not None and self._synced is None:
            self._synced = self._state()
            random.setstate(self._synced)

    def _state(self):
        """The state of `random` after the minibatches handed out so far."""
        return state_after(self._piece.state, int(self._piece.ends[self._used - 1]))

    def _begin(self):
        # The first minibatch here and alone, as it may draw the dataset's subsample by `random`.
        windows = self._sampler.draw(self._batch_size)
        state = random.getstate()
        ends = np.zeros_like(windows.ends)  # `state` is that at their end
        windows = windows._replace(ends=ends)
        self._piece = make_piece(windows, self._prepare, self._batch_size, state)
        self._used = 0
        self._n_batches = batches_a_piece(self._piece)
        self._worker_draws = False
        pieces_a_draw = PIECES_A_DRAW if self._worker is None else 1  # the worker may soon be ready
        self._pieces = draw_pieces(*self._work(state), pieces_a_draw)

    def _next_piece(self):
        if self._worker is None or not self._worker.is_ready():
            return next(self._pieces)
        if not self._worker_draws:
            self._worker.begin(*self._work(self._state()))
            self._worker_draws = True
        return self._worker.next_piece()

    def _work(self, state):
        return self._sampler.parser, self._prepare, self._batch_size, self._n_batches, state


class MinibatchObjective:
    """A function for `sgd`: each call takes the next minibatch of a stream.

    `lossAndGradient(wordVectors, minibatch)` gives the loss and the gradient.
    """

    def __init__(self, stream, lossAndGradient):
        self._stream = stream
        self._lossAndGradient = lossAndGradient
        self.sync_random = stream.sync_random

    def __call__(self, wordVectors):
        return self._lossAndGradient(wordVectors, self._stream.next())


class WorkerError(RuntimeError):
    """The worker is gone, killed perhaps for want of memory; what it had drawn is lost."""


class Worker:
    """A process that draws pieces ahead; used in a `with` statement, whose end is its end."""

    def __enter__(self):
        context = multiprocessing.get_context("spawn")  # the one way that all systems have
        self._memory = context.RawArray("b", SLOTS * SLOT_BYTES)
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, self._memory), daemon=True)
        self._process.start()
        theirs.close()
        self._ready = False
        self._pending = 0  # answers to come
        self._slot = None  # whose piece is in use
        return self

    def __exit__(self, *exception):
        self._process.terminate()
        self._process.join()
        self._connection.close()

    def is_ready(self):
        """Whether the process has started up, which takes as long as Python and its imports do."""
        with worker_errors():
            self._ready = self._ready or self._connection.poll() and self._connection.recv()
        return self._ready

    def begin(self, *work):
        """Once it is ready: draw the pieces of `draw_pieces(*work)` from now on."""
        while self._pending:
            self._receive()
        self._send(work)
        for slot in range(SLOTS):
            self._request(slot)
        self._slot = None

    def next_piece(self):
        """The next piece. The one before it is overwritten."""
        if self._slot is not None:
            self._request(self._slot)
        self._slot, head, sizes, buffers = self._receive()
        if buffers is None:
            bounds = np.cumsum([self._slot * SLOT_BYTES, *sizes])
            memory = memoryview(self._memory)
            buffers = [memory[begin:end] for begin, end in zip(bounds, bounds[1:])]
        return pickle.loads(head, buffers=buffers)

    def _request(self, slot):
        self._send(slot)
        self._pending += 1

    def _send(self, message):
        with worker_errors():
            # Not send: on an error, its buffer would stay behind in the traceback.
            self._connection.send_bytes(pickle.dumps(message))

    def _receive(self):
        self._pending -= 1
        with worker_errors():
            return self._connection.recv()


@contextlib.contextmanager
def worker_errors():
    """Raise `WorkerError` for what a pipe to an ended process leads to."""
    try:
        yield
    except (EOFError, ConnectionError):
        raise WorkerError("the process that draws minibatches has ended") from None


def serve(connection, memory):
    """What the worker does: put a piece into each slot that it is asked to fill."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that trains
    memory = memoryview(memory).cast("B")
    pieces = None
    try:
        connection.send(True)
        while True:
            request = connection.recv()
            if isinstance(request, tuple):
                pieces = draw_pieces(*request)
                continue
            head, buffers = pickled(next(pieces))
            sizes = [buffer.nbytes for buffer in buffers]
            if sum(sizes) > SLOT_BYTES:
                connection.send((request, head, sizes, [bytes(buffer) for buffer in buffers]))
                continue
            begin = request * SLOT_BYTES
            for buffer, size in zip(buffers, sizes):
                memory[begin : begin + size] = buffer
                begin += size
            connection.send((request, head, sizes, None))
    except (EOFError, ConnectionError):
        pass  # the process that trains has ended
