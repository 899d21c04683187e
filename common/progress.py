"""How a run is going: a line for people, and the loss curve kept for a picture.

with ProgressDisplay(iterations) as display:
    sgd(f, x0, step, iterations, progress=display)
"""

import shutil
import sys
import time

from common.stopping import is_terminal

REFRESH_EVERY = 0.1  # seconds
SETTLED_AFTER = 0.5  # seconds, before which the speed says little


class ProgressDisplay:
    """Shows progress: a line for each call; on a terminal one line, written over again and again.

    Used in a `with` statement, at whose end such a line is taken away. With `lines=False`, because
    somebody else prints them, only that one is shown; what is printed meanwhile goes above it.
    """

    def __init__(self, iterations, file=None, lines=True):
        self._iterations = iterations
        self._file = file or sys.stdout
        self._lines = lines
        self._refreshing = is_terminal(self._file)
        self._clock = SpeedClock(iterations)
        self._width = 0  # of the line that will be written over
        self._shown = -REFRESH_EVERY

    def __enter__(self):
        if self._refreshing and not self._lines:
            sys.stdout = Above(self, self._file)
        return self

    def __exit__(self, *exception):
        if isinstance(sys.stdout, Above):
            sys.stdout = self._file
        self.clear()

    def __call__(self, progress):
        line = f"iter {progress.iteration}: {plain(progress.smoothed_loss)}"
        if progress.resumed:
            self.log(f"Going on from the save after iteration {progress.iteration}")
        if progress.iteration == self._iterations or not self._refreshing:
            if self._lines:
                self.log(line)
        elif not progress.resumed and time.monotonic() - self._shown >= REFRESH_EVERY:
            self._refresh(line + self._clock.read(progress.iteration))
            self._shown = time.monotonic()

    def _refresh(self, line):
        line = line[: shutil.get_terminal_size().columns - 1]  # a longer one would wrap
        print(f"\r{line.ljust(self._width)}", end="", file=self._file, flush=True)
        self._width = len(line)

    def log(self, line):
        """Print a line, in the place of one that can be written over."""
        self.clear()
        print(line, file=self._file, flush=self._refreshing)

    def clear(self):
        """Take away the line that can be written over."""
        if self._width:
            print(f"\r{' ' * self._width}\r", end="", file=self._file, flush=True)
            self._width = 0


class Above:
    """Standard output whose text goes above the line of a `ProgressDisplay`."""

    def __init__(self, display, file):
        self._display = display
        self._file = file

    def write(self, text):
        self._display.clear()
        return self._file.write(text)

    def __getattr__(self, name):
        return getattr(self._file, name)


class SpeedClock:
    """Speed and time left, from the first reading on: what came before it was a slow start."""

    def __init__(self, iterations):
        self._iterations = iterations
        self._first = None  # reading: iteration and time

    def read(self, iteration):
        """What to show behind the loss of an iteration; nothing while it would mislead."""
        now = time.monotonic()
        if self._first is None:
            self._first = iteration, now
        done, seconds = iteration - self._first[0], now - self._first[1]
        if seconds < SETTLED_AFTER or done <= 0:
            return ""
        left = duration((self._iterations - iteration) * seconds / done)
        return f"   {done / seconds:,.0f} iterations/s   {left} left"


def plain(loss):
    """A loss as the assignment prints it, but for one that diverges, which has too many digits."""
    return f"{loss:f}" if abs(loss) < 1e15 else f"{loss:g}"


def duration(seconds):
    """Seconds as a person says them: 7 s, 3 min, 2 h 5 min."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


class LossCurve:
    """Keeps the losses that it is told of: three lists of the same length."""

    def __init__(self):
        self.iterations, self.losses, self.smoothed = [], [], []

    def __call__(self, progress):
        if not progress.resumed:  # else it repeats what was saved
            self.iterations.append(progress.iteration)
            self.losses.append(progress.loss)
            self.smoothed.append(progress.smoothed_loss)
