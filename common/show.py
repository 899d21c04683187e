"""Show a picture or a page on the user's screen."""

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

from common.stopping import is_terminal

PICTURES = (".png", ".gif")  # what a notebook can show inline


def show(path, environment=os.environ, stream=None, platform=sys.platform):
    """Open a file with the system's viewer if there is a screen; in a notebook, show it inline.

    It does not wait for the viewer and raises no error: the file exists even if it is not shown.
    Returns whether a notebook or a viewer has it; the other arguments are for `has_screen`.
    """
    with contextlib.suppress(Exception):
        if running_kernel() is not None:
            return show_inline(path)
        if has_screen(environment, stream or sys.stdout, platform):
            open_in_viewer(path, environment)
            return True
    return False


def has_screen(environment, stream, platform):
    """Return whether the output stream is a terminal on a computer with a screen.

    There is no screen in CI, on Linux without a display, and on other systems in a remote shell.
    """
    if environment.get("CI") or not is_terminal(stream):
        return False
    if platform in ("darwin", "win32"):
        return not any(environment.get(name) for name in ("SSH_CONNECTION", "SSH_TTY"))
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def open_in_viewer(path, environment):
    """Start the system's viewer in a separate process, which may outlive us and prints nothing.

    `webbrowser` knows the viewers of all systems, but it waits for some and lets them all print.
    """
    viewer = subprocess.Popen(
        [sys.executable, "-I", "-m", "webbrowser", Path(path).resolve().as_uri()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(environment),
        start_new_session=True,  # so that Ctrl-C here does not close it
    )
    threading.Thread(target=viewer.wait, daemon=True).start()  # leaves no zombie behind


# ------------------------------------------------------------------------------------- notebooks
def running_kernel():
    """Return the kernel of the notebook that this Python runs in, or None."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None)


def show_inline(path):
    """Display a picture in the notebook; False for a page, which the notebook may not reach."""
    if Path(path).suffix not in PICTURES:
        return False
    from IPython.display import Image, display

    display(Image(filename=str(path)))
    return True
