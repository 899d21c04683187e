"""End a command with an exit status and at most one line of complaint, never with a traceback.

    from common import stopping                  # before the imports that take a while
    if __name__ == "__main__":
        stopping.exit_when_signalled("run.py")
    import numpy
    ...
    stopping.run_command("run.py", action)

Only the standard library is imported here, so that it is quick.
"""

import contextlib
import functools
import os
import signal
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIGNALS = [signal.SIGINT, signal.SIGTERM]  # Ctrl-C, and the request to end
# SIGHUP is sent when the terminal closes. Windows does not have it, and `nohup` ignores it.
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
    SIGNALS.append(signal.SIGHUP)


class UserError(Exception):
    """An error that the user can fix: the message is one line, what is wrong and what to do.

    All such errors derive from it, except in `sgd.py`, which also works alone.
    """


class Stopped(BaseException):
    """The process was asked to end by the signal of this number."""


def end_process(name, number, frame):
    """Print a line and end the process at once, as a signal handler once the name is bound."""
    say(f"{name}: stopped")
    os._exit(128 + number)


def raise_stopped(number, frame):
    """Raise `Stopped`, as a signal handler; further signals are ignored during the clean-up."""
    handle_signals(signal.SIG_IGN)
    raise Stopped(number)


def stop_again(unraisable):
    """Raise a `Stopped` again that Python has swallowed, as `sys.unraisablehook`.

    Python swallows exceptions in `__del__` and in callbacks, such as those of the import system.
    """
    if isinstance(unraisable.exc_value, Stopped):
        handle_signals(raise_stopped)
        threading.Timer(0.05, os.kill, (os.getpid(), *unraisable.exc_value.args)).start()
    else:
        sys.__unraisablehook__(unraisable)


def handle_signals(handler):
    """Set the handler of all `SIGNALS`; returns those before, by signal."""
    before = {}
    with contextlib.suppress(ValueError):  # only the main thread can set handlers
        for number in SIGNALS:
            before[number] = signal.signal(number, handler)
    return before


def exit_when_signalled(name):
    """From now on, end the process at once on a signal, and report a missing package in one line.

    Does nothing unless the process was started to run the command of this name; with `%run` in
    IPython it was not, so IPython lives on.
    """
    if any(os.path.basename(os.path.normpath(argument)) == name for argument in sys.orig_argv):
        handle_signals(functools.partial(end_process, name))
        sys.excepthook = functools.partial(say_what_is_missing, name)


def say_what_is_missing(name, kind, error, traceback):
    """Say which package is missing, as `sys.excepthook`; other errors are shown as usual."""
    if issubclass(kind, ModuleNotFoundError):
        advice = "install the packages with `pip install -r requirements.txt`"
        if os.path.exists(os.path.join(ROOT, "Makefile")):  # the starter does not have it
            advice = "start it with .venv/bin/python, for which `make run` installs the packages"
        say(f"{name}: {error}; {advice}")
    else:
        sys.__excepthook__(kind, error, traceback)


def is_terminal(stream):
    """Return whether a stream, which may be None or a substitute, is a terminal."""
    return hasattr(stream, "isatty") and stream.isatty()


def say(line):
    """Print a line on stderr, over the ^C that a terminal shows."""
    if sys.stderr is not None:
        print(("\r" if is_terminal(sys.stderr) else "") + line, file=sys.stderr, flush=True)


def drop_failing_output():
    """Discard the rest of standard output if it cannot be written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_command(name, action, advice=lambda: ""):
    """Call `action()`; if it fails or is stopped, exit with one line and a status.

    The status is 1 for `UserError`, whose message is the line, for system errors and if memory runs
    out. For a signal it is 128 plus its number, and the line contains `advice()`. Restores the
    signal handlers, but signals stay ignored where `exit_when_signalled` had set them, because that
    process is about to end.
    """
    before, hook = handle_signals(raise_stopped), sys.unraisablehook
    sys.unraisablehook = stop_again
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    try:
        action()
    except Stopped as stopped:
        say(f"{name}: stopped{advice()}")
        sys.exit(128 + stopped.args[0])
    except BrokenPipeError:  # nobody reads our output any more, as in `| head -1`
        drop_failing_output()
        sys.exit(128 + 13)  # as if killed by SIGPIPE
    except MemoryError as error:
        sys.exit(f"{name}: out of memory{str(error) and ': '}{error}")
    except (UserError, OSError) as error:
        drop_failing_output()  # perhaps it goes to a full disk
        sys.exit(f"{name}: {error}")
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            ending = getattr(handler, "func", None) is end_process
            signal.signal(number, signal.SIG_IGN if ending else handler)
