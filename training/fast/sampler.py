"""Windows and negative samples of many minibatches at once, drawn as the textbook draws them.

    sampler = BulkSampler(dataset, window_size=5, n_negatives=10)
    windows = sampler.draw(50)      # what 50 rounds of randint, getRandomContext and
                                    # getNegativeSamples would have drawn, `random` left the same

How it works. `random` is a stream of 32-bit outputs, and what a window draws depends on nothing but
the place in the stream where it begins. So a stretch of the stream is cut into segments, which are
parsed side by side, one window of each at a time, with array operations. All segments but the first
begin at a guess. But two parses that ever begin a window at the same place agree from there on, and
they soon do: a segment is parsed until it begins a window where another one already has. The true
parse is the first segment's up to there, then the other's from there, and so on.
"""

import random
from typing import NamedTuple

import numpy as np

from common.python_random import to_numpy, to_python

WINDOWS_PER_SEGMENT = 12, 64  # from few windows to many; segments meet after 15 on average, and ...
# ... those are parsed twice, while each round of parsing has a price of its own
BLOCK = 1 << 15  # outputs handled together, few enough for the processor's cache
SNAPSHOT = 8 * BLOCK  # outputs between two states that are kept; reading one takes a while
AHEAD = 16  # outputs looked at together for the first that a draw accepts
MAX_WINDOW_SIZE = 2**32 - 1  # for more, randint takes more than one output


class Windows(NamedTuple):
    """Skip-gram windows, in the order they were drawn unless it is said otherwise.

    Window i has the centre word `centers[i]` and `counts[i]` outside words. The outside words of
    all windows stand end to end in `outside`, each with its row of `negatives`.
    """

    centers: np.ndarray  # (n_windows,)
    counts: np.ndarray  # (n_windows,)
    outside: np.ndarray  # (n_pairs,)
    negatives: np.ndarray  # (n_pairs, K)
    ends: np.ndarray  # (n_windows,) outputs of the generator used up to each window's end

    def part(self, begin, end):
        """The windows from number `begin` up to `end`."""
        centers, counts, outside, negatives, ends = self
        w, p = slice(begin, end), slice(counts[:begin].sum(), counts[:end].sum())
        return Windows(centers[w], counts[w], outside[p], negatives[p], ends[w])

    def take(self, order):
        """The windows with these numbers, in this order."""
        centers, counts, outside, negatives, ends = self
        p = runs((np.cumsum(counts) - counts).take(order), counts.take(order))
        return Windows(
            centers.take(order),
            counts.take(order),
            outside.take(p),
            negatives.take(p, axis=0),
            ends.take(order),
        )


class BulkSampler:
    """Draws windows of a `utils.treebank.Corpus` in bulk.

    Parameters
    ----------
    dataset : Corpus
        Its `subsample()` is drawn after the first window's size, as the textbook does.
    window_size : int
        A window takes up to `randint(1, window_size)` words on each side.
    n_negatives : int
        K, negative samples for each outside word; 0 draws none, as for the naive softmax.
    """

    def __init__(self, dataset, window_size, n_negatives):
        if not 1 <= window_size <= MAX_WINDOW_SIZE:
            raise ValueError(f"window size {window_size} is not from 1 to {MAX_WINDOW_SIZE}")
        if n_negatives < 0:
            raise ValueError(f"{n_negatives} negative samples are too few")
        self.dataset = dataset
        self.window_size = window_size
        self.n_negatives = n_negatives
        self.parser = None  # made by the first draw, when there is a subsample

    def draw(self, n_windows):
        """`Windows` drawn from `random`, which is left as drawing one by one would leave it."""
        drawn = []
        if n_windows and not self.dataset.has_subsample():
            # The subsample is drawn in the middle of the first window, so this is drawn by itself.
            drawn.append(draw_one(self.dataset, self.window_size, self.n_negatives))
        if self.parser is None and n_windows:
            self.parser = Parser(self.dataset, self.window_size, self.n_negatives)
        if n_windows > len(drawn):
            windows, state = self.parser.draw_from(random.getstate(), n_windows - len(drawn))
            random.setstate(state)
            drawn.append(windows)
        return Windows(*(field.astype(np.intp) for field in concatenate(drawn, self.n_negatives)))


class Parser:
    """Reads windows off the outputs of a generator; keeps of a dataset just what that takes."""

    def __init__(self, dataset, window_size, n_negatives):
        subsample = dataset.subsample()
        V = len(dataset.tokens())
        word = np.min_scalar_type(V)  # small, so that more of the tables is in the cache
        self._tokens = subsample.tokens.astype(word)
        lengths = subsample.lengths()
        self._starts = subsample.offsets[:-1].astype(np.intp)
        self._lengths = lengths.astype(np.min_scalar_type(lengths.max()))
        self._size_bits = leading_bits(window_size)
        self._sentence_bits = leading_bits(len(self._lengths))
        self._length_bits = leading_bits(np.arange(lengths.max() + 1))
        self._noise = Noise(dataset.sampleTable().astype(word), n_negatives, no_word=V)
        self._outputs, self._owner = Buffer(np.uint32), Buffer(np.int32)
        self._outputs_per_window = 10.0 + 10.0 * n_negatives  # a guess, corrected by every draw

    def draw_from(self, state, n_windows):
        """`Windows` drawn from a state of `random`, and the state after them."""
        parts, missing, used = [], n_windows, 0
        while missing > 0:
            n_outputs = int(1.02 * self._outputs_per_window * missing) + 1000
            part, snapshots = self._parse(state, n_outputs)
            part = part.part(0, missing)
            if len(part.centers) == 0:
                self._outputs_per_window *= 2
                continue
            end = int(part.ends[-1])
            self._outputs_per_window = end / len(part.centers)
            parts.append(part._replace(ends=part.ends + used))
            missing -= len(part.centers)
            used += end
            bit_generator = np.random.MT19937()
            bit_generator.state = snapshots[end // SNAPSHOT]
            bit_generator.random_raw(end % SNAPSHOT, output=False)
            state = to_python(bit_generator, state)
        return concatenate(parts, self._noise.k), state

    def _parse(self, state, n_outputs):
        """All whole `Windows` in so many outputs from a state of `random` on.

        Also returns the states of NumPy's generator at every SNAPSHOT outputs.
        """
        # Three draws at most begin at the end or after it: zeros, which no draw rejects.
        outputs = self._outputs.get(n_outputs + AHEAD + 2)
        snapshots = generate(state, outputs[:n_outputs])
        outputs[n_outputs:] = 0
        ahead = overlapping(outputs, AHEAD)
        self._noise.read(outputs[:n_outputs])

        n_windows = n_outputs / self._outputs_per_window
        step = int(np.clip(n_windows / 2000, *WINDOWS_PER_SEGMENT) * self._outputs_per_window) + 1
        position = np.arange(0, n_outputs, step)
        segment = np.arange(len(position))
        stop = np.full(len(segment), -1)  # where a segment met another one
        owner = self._owner.get(n_outputs + 1)  # the segment with a window from there
        owner.fill(-1)
        redrawn = segment[:0], position[:0], position[:0]
        rounds = []
        while len(segment) or len(redrawn[0]):
            # Of segments that come to begin a window at the same place, only one goes on.
            free = owner.take(position) < 0
            owner[position[free]] = segment[free]
            alive = free & (owner.take(position) == segment)
            if not alive.all():
                stop[segment[~alive]] = position[~alive]
                segment, position = segment[alive], position[alive]

            size, position = draw_below(ahead, position, *self._size_bits)
            # Those without an outside word in the last round draw again, of the same size.
            lanes = segment, position, size + 1
            segment, position, size = map(np.concatenate, zip(lanes, redrawn))
            centers, counts, outside, position = self._draw_contexts(ahead, position, size)
            found = counts > 0
            again = ~found & (position <= n_outputs)
            redrawn = segment[again], position[again], size[again]
            if not found.all():
                segment, position = segment[found], position[found]
                centers, counts = centers[found], counts[found]
            negatives, ends = self._noise.draw(position, counts, outside)
            rounds.append((segment, Windows(centers, counts, outside, negatives, ends)))
            whole = ends <= n_outputs
            segment, position = segment[whole], ends[whole]
        return true_parse(rounds, owner, stop, n_outputs), snapshots

    def _draw_contexts(self, ahead, position, size):
        """Draw a centre word each: centres, counts, outside words, and the positions after them.

        There may be no outside word, when all words near by are the centre word.
        """
        sentence, position = draw_below(ahead, position, *self._sentence_bits)
        start, length = self._starts.take(sentence), self._lengths.take(sentence)
        shift, bound = (table.take(length) for table in self._length_bits)
        index, position = draw_below(ahead, position, shift, bound)
        centers = self._tokens.take(start + index)
        first = np.maximum(index - size, 0)
        lengths = np.minimum(index + size + 1, length) - first
        words = self._tokens.take(runs(start + first, lengths))
        is_outside = words != np.repeat(centers, lengths)
        counts = np.add.reduceat(is_outside, np.cumsum(lengths) - lengths, dtype=np.intp)
        return centers, counts, words[is_outside], position


class Noise:
    """The noise words that would be drawn from any place of a stretch of outputs on.

    Every output whose leading bits are below the table's length gives one: `_words`, up to the
    position in `_ends`. `_before` counts them up to each position. Behind the last of them stands
    K times what is no word, for draws past the end.
    """

    def __init__(self, table, k, no_word):
        self._table, self.k, self._no_word = table, k, no_word
        self._shift, self._bound = leading_bits(len(table))
        self._buffers = Buffer(table.dtype), Buffer(np.int32), Buffer(np.int32)

    def read(self, outputs):
        """Find the noise words in these outputs."""
        if self.k == 0:
            return
        words, ends, before = (buffer.get(len(outputs) + self.k + 1) for buffer in self._buffers)
        found = before[0] = 0
        for begin in range(0, len(outputs), BLOCK):
            block = outputs[begin : begin + BLOCK]
            accepted = block <= self._bound
            after = before[begin + 1 : begin + 1 + len(block)]
            np.cumsum(accepted, out=after)
            after += found
            place = np.flatnonzero(accepted)
            now_found = found + len(place)
            entries = (block.take(place) >> self._shift).astype(np.intp)
            self._table.take(entries, out=words[found:now_found], mode="clip")
            np.add(place, begin + 1, out=ends[found:now_found], casting="same_kind")
            found = now_found
        words[found:] = self._no_word
        ends[found] = len(outputs) + 1
        self._words, self._ends = words, ends[: found + 1]
        self._before = before[: len(outputs) + 1]
        self._rows = overlapping(words[: found + self.k], self.k)  # the last of no word at all

    def draw(self, position, counts, outside):
        """K negatives for each outside word of windows, drawn from the windows' positions on.

        A draw of the outside word itself is skipped. Returns (n_pairs, K) words and the positions
        after them.
        """
        if self.k == 0:
            return np.empty((len(outside), 0), dtype=self._table.dtype), position
        begin = self._before.take(position, mode="clip").astype(np.intp)
        end = begin + self.k * counts
        start = np.minimum(runs(begin, counts, self.k), len(self._rows) - 1)
        words = self._rows[start].view(self._table.dtype).reshape(-1, self.k)
        skips = np.flatnonzero(words.ravel() == np.repeat(outside, self.k))
        if len(skips):
            used = self.k + np.bincount(skips // self.k, minlength=len(outside))
            first = np.cumsum(counts) - counts
            redo = np.flatnonzero(np.add.reduceat(used, first) > self.k * counts)
            begin, counts = begin[redo], counts[redo]
            pairs = runs(first[redo], counts)
            words[pairs], end[redo] = self._draw_skipping(
                begin, counts, outside[pairs], used[pairs]
            )
        return words, self._ends.take(end - 1, mode="clip")

    def _draw_skipping(self, begin, counts, outside, used):
        """As `draw`, where begin and end are numbers of draws and any draw may be skipped.

        `used` are the draws of each pair, guessed.
        """
        last = np.cumsum(counts) - 1
        width = 2 * self.k
        while True:
            # A pair begins where the one before it ends: settled from the left, a pair a round.
            end = np.cumsum(used)
            start = end - used + np.repeat(begin - (end - used)[last - counts + 1], counts)
            words = self._words.take(start[:, None] + np.arange(width), mode="clip")
            good = words != outside[:, None]
            rank = np.cumsum(good, axis=1)
            now_used = np.count_nonzero(rank < self.k, axis=1) + 1
            if (now_used > width).any():
                width *= 2
            elif (now_used == used).all():
                return words[good & (rank <= self.k)].reshape(-1, self.k), (start + used)[last]
            else:
                used = now_used


class Buffer:
    """Memory that is kept: touching new memory costs more than most of what is done with it."""

    def __init__(self, dtype):
        self._array = np.empty(0, dtype=dtype)

    def get(self, n):
        """An array of n entries, with whatever is in it; the one got before is gone."""
        if n > len(self._array):
            self._array = np.empty(4 * n, dtype=self._array.dtype)
        return self._array[:n]


def generate(state, outputs):
    """Fill an array with the outputs from a state of `random` on.

    Returns the states of NumPy's generator before every SNAPSHOT of them, and at the end.
    """
    bit_generator = to_numpy(state)
    snapshots = []
    for begin in range(0, len(outputs), BLOCK):
        if begin % SNAPSHOT == 0:
            snapshots.append(bit_generator.state)
        block = outputs[begin : begin + BLOCK]
        block[:] = bit_generator.random_raw(len(block))
    return [*snapshots, bit_generator.state]


def leading_bits(n):
    """How `random` draws below n: by the leading n.bit_length() bits of a 32-bit output.

    Returns the shift that leaves these bits, and the largest output that is not rejected.
    """
    shift = (32 - np.frexp(n)[1]).astype(np.uint32)
    return shift, (np.asarray(n, dtype=np.uint32) << shift) - np.uint32(1)


def draw_below(ahead, position, shift, bound):
    """One draw from each position on, as `random.randint(0, n - 1)` makes it.

    `ahead` is `overlapping(outputs, AHEAD)`; `shift` and `bound` are `leading_bits(n)`, for one n
    or one for each position. Returns the values and the positions after them. The outputs end with
    zeros, which no draw rejects: a position after the first of them means that there are too few.
    """
    rows = ahead[position].view(np.uint32).reshape(-1, AHEAD)
    place = (rows <= bound[..., None]).argmax(axis=1)
    drawn = rows.take(place + np.arange(0, rows.size, AHEAD))
    values, after = (drawn >> shift).astype(np.intp), position + place + 1
    again = np.flatnonzero(drawn > bound)
    if len(again):
        if bound.ndim:
            shift, bound = shift[again], bound[again]
        values[again], after[again] = draw_below(ahead, position[again] + AHEAD, shift, bound)
    return values, after


def true_parse(rounds, owner, stop, n_outputs):
    """Put the windows of all segments together that the parse from position 0 consists of."""
    entry = np.full(len(stop), n_outputs)  # where the true parse comes into each segment ...
    rank = np.zeros(len(stop), dtype=np.min_scalar_type(len(stop)))  # ... and as which of them
    segment, position, n_entered = 0, 0, 0
    while position >= 0:
        entry[segment], rank[segment] = position, n_entered
        n_entered += 1
        position = stop[segment]
        segment = owner[position]
    segments, windows = zip(*rounds)
    segments, windows = np.concatenate(segments), concatenate(windows)
    true = np.flatnonzero((windows.ends > entry.take(segments)) & (windows.ends <= n_outputs))
    # The rounds have the windows of each segment in order; of few bits, stable sorts in no time.
    return windows.take(true[np.argsort(rank.take(segments.take(true)), kind="stable")])


def concatenate(parts, k=0):
    """Several `Windows` as one; if there are none, with k negatives."""
    if not parts:
        none = np.empty(0, dtype=np.intp)
        return Windows(none, none, none, np.empty((0, k), dtype=np.intp), none)
    return parts[0] if len(parts) == 1 else Windows(*map(np.concatenate, zip(*parts)))


def runs(first, lengths, step=1):
    """Arithmetic sequences end to end, each from a first number on and of a given length."""
    begins = np.cumsum(lengths) - lengths
    numbers = np.repeat(first - step * begins, lengths)
    numbers += np.arange(0, step * len(numbers), step)
    return numbers


def overlapping(a, n):
    """Item i of the result is the n entries of a from i on, as one piece of memory."""
    return np.ndarray(len(a) - n + 1, np.dtype(f"V{n * a.itemsize}"), a, strides=a.strides)


def draw_one(dataset, window_size, k):
    """`Windows` of length 1 drawn from `random` one by one, as the textbook does."""
    index = dataset.tokens()
    center, context = dataset.getRandomContext(random.randint(1, window_size))
    outside = [index[word] for word in context]
    negatives = np.empty((len(outside), k), dtype=np.intp)
    for word, row in zip(outside, negatives):
        for i in range(k):
            row[i] = dataset.sampleTokenIdx()
            while row[i] == word:
                row[i] = dataset.sampleTokenIdx()
    centers, counts = np.array([index[center]]), np.array([len(outside)])
    return Windows(centers, counts, np.array(outside), negatives, np.array([0]))


def state_after(state, n_outputs):
    """The state of `random` that is n outputs of 32 bits after this one."""
    bit_generator = to_numpy(state)
    bit_generator.random_raw(n_outputs, output=False)
    return to_python(bit_generator, state)
