"""A command ends with an exit status and at most one line of complaint, never with a traceback.

    from common import stopping                  # before the imports that take a while
    if __name__ == "__main__":
        stopping.exit_when_signalled("run.py")
    import numpy
    ...
    stopping.run_command("run.py", action)

Only the standard library is imported here, for it to be quick.
"""

import contextlib
import functools
import os
import signal
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIGNALS = [signal.SIGINT, signal.SIGTERM]  # Ctrl-C, and the request to end
# The end of the terminal, which Windows does not have, and which `nohup` has ignored
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
    SIGNALS.append(signal.SIGHUP)


class UserError(Exception):
    """An error that the user can fix: the message is one line, what is wrong and what to do.

    The base of all such errors but those of `sgd.py`, which stands alone.
    """


class Stopped(BaseException):
    """The process was asked to end by a signal; `status` is its exit status."""

    def __init__(self, number):
        super().__init__(number)
        self.status = 128 + number


class EndProcess:
    """A handler that ends the process at once, with a line."""

    def __init__(self, name):
        self._name = name

    def __call__(self, number, frame):
        say(f"{self._name}: stopped")
        os._exit(128 + number)


def raise_stopped(number, frame):
    """A handler that raises `Stopped`, and ignores further signals while things are tidied up."""
    handle_signals(signal.SIG_IGN)
    raise Stopped(number)


def stop_again(unraisable):
    """As `sys.unraisablehook`, raise a `Stopped` again that Python has swallowed.

    It does so in a `__del__` or in a callback, as the import of modules has them.
    """
    if isinstance(unraisable.exc_value, Stopped):
        number = unraisable.exc_value.status - 128
        handle_signals(raise_stopped)
        threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
    else:
        sys.__unraisablehook__(unraisable)


def handle_signals(handler):
    """Set the handler of all `SIGNALS`; returns those before, by signal."""
    before = {}
    with contextlib.suppress(ValueError):  # a thread that is not the main one has no say
        for number in SIGNALS:
            before[number] = signal.signal(number, handler)
    return before


def exit_when_signalled(name):
    """From now on, a signal ends the process at once, and a missing package is one line.

    This holds if the process was started to run the command of this name. With `%run` of IPython it
    was not, and lives on.
    """
    if any(os.path.basename(os.path.normpath(argument)) == name for argument in sys.orig_argv):
        handle_signals(EndProcess(name))
        sys.excepthook = functools.partial(say_what_is_missing, name)


def say_what_is_missing(name, kind, error, traceback):
    """Say which package a command lacks, as `sys.excepthook`, which shows all else as it does."""
    if issubclass(kind, ModuleNotFoundError):
        advice = "`pip install -r requirements.txt` installs what is needed"
        if os.path.exists(os.path.join(ROOT, "Makefile")):  # the starter has none
            advice = "`make run` installs what is needed, and .venv/bin/python has it"
        say(f"{name}: {error}; {advice}")
    else:
        sys.__excepthook__(kind, error, traceback)


def is_terminal(stream):
    """Whether a stream, perhaps a stand-in for one or None, is a terminal."""
    return hasattr(stream, "isatty") and stream.isatty()


def say(line):
    """Print a line on stderr, over the ^C that a terminal shows."""
    if sys.stderr is not None:
        print(("\r" if is_terminal(sys.stderr) else "") + line, file=sys.stderr, flush=True)


def drop_failing_output():
    """Discard the rest of standard output if it cannot be written."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_command(name, action, advice=lambda: ""):
    """Call `action()`, and exit with a line and a status if it does not end well.

    1 for `UserError`, whose message is the line, for errors of the system and for a lack of memory;
    128 and its number for a signal, with `advice()` in the line. Leaves signals as it finds them,
    but ignored where `exit_when_signalled` has set them: that process is about to end, and there is
    nothing left to be stopped.
    """
    before, hook = handle_signals(raise_stopped), sys.unraisablehook
    sys.unraisablehook = stop_again
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    try:
        action()
    except Stopped as stopped:
        say(f"{name}: stopped{advice()}")
        sys.exit(stopped.status)
    except BrokenPipeError:  # nobody reads our output any more, as in `| head -1`
        drop_failing_output()
        sys.exit(128 + 13)  # as if killed by SIGPIPE
    except UserError as error:
        sys.exit(f"{name}: {error}")
    except MemoryError as error:
        sys.exit(f"{name}: out of memory{str(error) and ': '}{error}")
    except OSError as error:  # perhaps of a full disk under our output
        drop_failing_output()
        sys.exit(f"{name}: {error}")
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            ending = isinstance(handler, EndProcess)
            signal.signal(number, signal.SIG_IGN if ending else handler)
