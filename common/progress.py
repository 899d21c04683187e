"""Show how a run is going.

with ProgressDisplay(iterations) as display:
    sgd(f, x0, step, iterations, progress=display)
"""

import shutil
import sys
import time
from typing import NamedTuple

from common.stopping import is_terminal

PRINT_EVERY = 500  # iterations from line to line if the output is not a terminal
REFRESH_EVERY = 0.1  # seconds
SETTLED_AFTER = 0.5  # seconds; before that, the measured speed says little


class Progress(NamedTuple):
    """What our `sgd` reports, for use with an sgd.py that does not report it."""

    iteration: int
    loss: float  # of this iteration
    smoothed_loss: float
    resumed: bool = False
    params: object = None  # x after this iteration


class ProgressDisplay:
    """Shows progress: on a terminal one line that is updated in place, elsewhere several lines.

    To be used in a `with` statement; at its end the updated line is erased. There are `every`
    iterations from line to line: by default 500, and no lines on a terminal. The last iteration
    always gets a line, as does the first one reported. With `lines=False`, sgd.py prints the lines
    itself; they then appear above the updated line. `file` is standard output by default.
    """

    def __init__(self, iterations, lines=True, every=None, file=None):
        self._iterations = iterations
        self._file = file or sys.stdout
        self._lines = lines
        self._refreshing = is_terminal(self._file)
        self._every = every or (None if self._refreshing else PRINT_EVERY)
        self._is_first = self._every is not None
        self._first = None  # iteration and time of the first reading: the start is slow
        self._width = 0  # of the updated line
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
            self.log(f"Resuming after iteration {progress.iteration:,}")
        is_first, self._is_first = self._is_first, False
        is_due = self._every is not None and progress.iteration % self._every == 0
        if is_first or is_due or progress.iteration == self._iterations:
            if self._lines:
                self.log(line)
        elif self._refreshing and not progress.resumed:
            self._refresh(line, progress.iteration)

    def _speed(self, iteration):
        """Return the speed and the time left; nothing while they would mislead."""
        now = time.monotonic()
        self._first = self._first or (iteration, now)
        done, seconds = iteration - self._first[0], now - self._first[1]
        if seconds < SETTLED_AFTER or done <= 0:
            return ""
        left = duration((self._iterations - iteration) * seconds / done)
        return f"   {done / seconds:,.0f} iterations/s   {left} left"

    def _refresh(self, line, iteration):
        if time.monotonic() - self._shown < REFRESH_EVERY:
            return
        line += self._speed(iteration)
        line = line[: shutil.get_terminal_size().columns - 1]  # a longer one would wrap
        print(f"\r{line.ljust(self._width)}", end="", file=self._file, flush=True)
        self._width, self._shown = len(line), time.monotonic()

    def log(self, line):
        """Print a line in the place of the updated one."""
        self.clear()
        print(line, file=self._file, flush=self._refreshing)

    def clear(self):
        """Erase the updated line."""
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


def plain(loss):
    """Return a loss as the assignment prints it, or in few digits if it is huge."""
    return f"{loss:f}" if abs(loss) < 1e15 else f"{loss:g}"


def duration(seconds):
    """Return seconds in convenient units: 7 s, 3 min, 2 h 5 min."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
