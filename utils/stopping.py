"""A command ends with an exit status and at most one line of complaint, never with a traceback.

    from utils import stopping                  # before the imports that take a while
    if __name__ == "__main__":
        stopping.exit_when_signalled("run.py")
    import numpy
    ...
    stopping.run_command("run.py", action, (ExpectedError,))

Only the standard library is imported here, for it to be quick.
"""

import contextlib
import os
import signal
import sys

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """The process was asked to end by a signal; `status` is its exit status."""

    def __init__(self, number):
        super().__init__(number)
        self.status = 128 + number


def exit_when_signalled(name):
    """From now on, a signal ends the process at once."""

    def leave(number, frame):
        say(f"{name}: stopped")
        os._exit(128 + number)

    for number in SIGNALS:
        signal.signal(number, leave)


def raise_when_signalled():
    """From now on, the first signal raises `Stopped`, and others are ignored for good."""

    def leave(number, frame):
        ignore_signals()  # so that nothing interrupts the tidying up, which is short
        raise Stopped(number)

    for number in SIGNALS:
        signal.signal(number, leave)


def ignore_signals():
    """From now on, signals do nothing."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def say(line):
    """Print a line on stderr, over the ^C that a terminal shows."""
    if sys.stderr is not None:
        print(("\r" if sys.stderr.isatty() else "") + line, file=sys.stderr, flush=True)


def run_command(name, action, errors, advice=lambda: ""):
    """Call `action()`, and exit with a line and a status if it does not end well.

    1 for the `errors`, whose messages are the line, for those of the system and for a lack of
    memory; 130 for Ctrl-C and 143 for SIGTERM, with `advice()` in the line.
    """
    raise_when_signalled()
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    try:
        action()
    except Stopped as stopped:
        say(f"{name}: stopped{advice()}")
        sys.exit(stopped.status)
    except BrokenPipeError:  # nobody reads our output any more, as in `| head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still to come
        sys.exit(128 + 13)  # as if killed by SIGPIPE
    except errors as error:
        sys.exit(f"{name}: {error}")
    except MemoryError as error:
        sys.exit(f"{name}: out of memory: {error}")
    except OSError as error:
        sys.exit(f"{name}: {error}")
    finally:
        ignore_signals()  # there is nothing left to be stopped


@contextlib.contextmanager
def deaf_children():
    """Processes started in here do not get Ctrl-C, which a terminal sends to children too.

    While they start up, they would answer it with a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # multiprocessing starts a process of its own first, and unblocks signals after that.
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
