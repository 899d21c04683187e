"""How a run is going: a line for people, and the loss curve kept for a picture.

with ProgressDisplay(iterations) as display:
    sgd(f, x0, step, iterations, progress=display)
"""

import shutil
import sys
import time

REFRESH_EVERY = 0.1  # seconds


class ProgressDisplay:
    """Shows progress: a line for each call; on a terminal one line, written over again and again.

    Used in a `with` statement, at whose end such a line is taken away.
    """

    def __init__(self, iterations, file=None):
        self._iterations = iterations
        self._file = file or sys.stdout
        self._refreshing = self._file.isatty()
        self._width = 0  # of the line that will be written over
        self._shown = -REFRESH_EVERY

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._width:
            self._print("", end="")

    def __call__(self, progress):
        line = f"iter {progress.iteration}: {progress.smoothed_loss:f}"
        if progress.speed == 0:
            self._print(f"Going on from the save after iteration {progress.iteration}")
        if progress.iteration == self._iterations or not self._refreshing:
            self._print(line)
        elif progress.speed and time.monotonic() - self._shown >= REFRESH_EVERY:
            left = duration((self._iterations - progress.iteration) / progress.speed)
            self._refresh(f"{line}   {progress.speed:,.0f} iterations/s   {left} left")
            self._shown = time.monotonic()

    def _refresh(self, line):
        line = line[: shutil.get_terminal_size().columns - 1]  # a longer one would wrap
        print(f"\r{line.ljust(self._width)}", end="", file=self._file, flush=True)
        self._width = len(line)

    def _print(self, line, end="\n"):
        """Print a line in the place of one that can be written over."""
        clear = f"\r{' ' * self._width}\r" if self._width else ""
        print(clear + line, end=end, file=self._file, flush=self._refreshing)
        self._width = 0


def duration(seconds):
    """Seconds as a person says them: 7 s, 3 min, 2 h 5 min."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


class LossCurve:
    """Keeps what it is told of the loss: three lists of the same length."""

    def __init__(self):
        self.iterations, self.losses, self.smoothed = [], [], []

    def __call__(self, progress):
        if progress.speed:  # else it repeats what was saved
            self.iterations.append(progress.iteration)
            self.losses.append(progress.loss)
            self.smoothed.append(progress.smoothed_loss)
