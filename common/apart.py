"""Python processes beside this one, which work while it does.

process = start("from training.fast import stream; stream.serve()")

with Drawer() as drawer:                # imports matplotlib there, which takes a while
    ...                                 # train
    drawer.save_word_plot(path, groups, vectors, title)
"""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

from common import stopping

PATIENCE = 5  # seconds for a process to tidy up
ROOT = str(Path(__file__).resolve().parents[1])


def start(statement, **options):
    """A process that executes a statement, with pipes for its standard input and output.

    It finds the modules that this one finds. Raises OSError if there cannot be one.
    """
    # Ctrl-C in a terminal is for the process that trains.
    if os.name == "nt":
        options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
    else:
        options["start_new_session"] = True
    # -S: what the site has added to the path is in ours already.
    command = f"import sys; sys.path[:0] = sys.argv[1:]; {statement}"
    variables = {
        "OPENBLAS_NUM_THREADS": "1",  # it multiplies next to nothing
        "NUMPY_MADVISE_HUGEPAGE": "0",  # huge pages take longer to get than they ever save
    }
    return subprocess.Popen(
        [sys.executable or "", "-S", "-c", command, ROOT, *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **variables},
        **options,
    )


def end(process):
    """Kill a process, whatever it is at."""
    process.kill()
    process.wait()
    process.stdout.close()
    with contextlib.suppress(OSError):
        process.stdin.close()


class Drawer:
    """Draws in a process of its own; used in a `with` statement, whose end is its end.

    What cannot be drawn there is drawn here.
    """

    def __enter__(self):
        self._process = None
        with contextlib.suppress(OSError):
            self._process = start(
                "from common import apart; apart.serve_drawing()", stderr=subprocess.DEVNULL
            )
        return self

    def __exit__(self, *exception):
        if self._process is not None:
            self._process.terminate()  # it may be writing, and takes that back
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE)
            end(self._process)

    def save_word_plot(self, path, groups, vectors, title, metadata=None):
        """Do what `plot.save_word_plot` does, and return what it returns."""
        if self._process is not None:
            request = json.dumps([str(path), groups, vectors.tolist(), title, metadata])
            # It may have ended, or found something that is better said by this process.
            with contextlib.suppress(OSError, ValueError):
                return json.loads(self._process.communicate(request.encode())[0])
        from common.plot import save_word_plot  # matplotlib may be broken, and takes a while

        return save_word_plot(path, groups, vectors, title, metadata)


def serve_drawing():
    """What the process of a `Drawer` does: import, wait for one picture to draw, draw it."""
    import numpy as np

    from common.plot import save_word_plot

    path, groups, vectors, title, metadata = json.load(sys.stdin.buffer)
    stopping.handle_signals(stopping.raise_stopped)  # for no half a picture to be left
    json.dump(save_word_plot(path, groups, np.array(vectors), title, metadata), sys.stdout)
