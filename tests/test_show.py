"""What is opened for somebody to look at: where there is a screen, and nowhere else."""

import io
import os
import sys
import time

import pytest
from conftest import ROOT, run_python

from common.show import has_screen, show


class Terminal(io.StringIO):
    """An output stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    "platform, environment, expected",
    [
        ("linux", {}, False),  # a console, or ssh
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"DISPLAY": ":10", "SSH_CONNECTION": "a 1 b 22"}, True),  # ssh -X
        ("linux", {"DISPLAY": ":0", "CI": "true"}, False),
        ("darwin", {}, True),
        ("darwin", {"SSH_CONNECTION": "a 1 b 22"}, False),
        ("win32", {}, True),
        ("win32", {"SSH_TTY": "/dev/pts/0"}, False),
        ("win32", {"CI": "1"}, False),
    ],
)
def test_a_screen_is_known_by_the_environment(platform, environment, expected):
    assert has_screen(environment, Terminal(), platform) == expected
    assert not has_screen(environment, io.StringIO(), platform)  # a pipe or a file
    assert not has_screen(environment, None, platform)  # pythonw on Windows


@pytest.fixture
def viewer(tmp_path):
    """An environment with a screen whose viewer, a slow and chatty one, notes what it is shown."""
    script = tmp_path / "viewer.py"
    script.write_text(
        "import sys, time\n"
        "print('chatter')\n"
        "print('chatter', file=sys.stderr)\n"
        f"open({str(tmp_path / 'shown')!r}, 'w').write(sys.argv[1])\n"
        "time.sleep(5)\n",
        encoding="utf-8",
    )
    return {**os.environ, "DISPLAY": ":0", "CI": "", "BROWSER": f"{sys.executable} {script} %s"}


def test_a_viewer_is_started_and_not_waited_for(tmp_path, viewer, capfd):
    picture = tmp_path / "a b.png"
    began = time.monotonic()
    assert show(picture, viewer, Terminal(), "linux")
    assert time.monotonic() - began < 3
    while not (shown := tmp_path / "shown").exists() or not shown.read_text(encoding="utf-8"):
        assert time.monotonic() - began < 60
        time.sleep(0.05)
    assert shown.read_text(encoding="utf-8") == picture.resolve().as_uri()
    assert capfd.readouterr() == ("", "")


def test_nothing_is_opened_and_nothing_raised_without_a_screen_or_a_viewer(tmp_path, viewer):
    assert not show(tmp_path / "a.png", viewer, io.StringIO(), "linux")
    assert not show(tmp_path / "a.png", {}, Terminal(), "linux")
    show(tmp_path / "a.png", {**viewer, "BROWSER": "no-such-viewer %s"}, Terminal(), "linux")
    assert not show("a\0.png", viewer, Terminal(), "linux")
    time.sleep(0.5)
    assert not (tmp_path / "shown").exists()


@pytest.mark.slow  # with the tests that need packages of their own
def test_a_notebook_shows_pictures_inline(tmp_path):
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    import nbformat

    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from common.show import show\n"
        f"print(show({str(ROOT / 'docs' / 'word_vectors.png')!r}), show('page.html'))\n",
        encoding="utf-8",
    )
    cell = nbformat.v4.new_code_cell(f"%run {script}")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    kinds = [kind for output in cell.outputs for kind in output.get("data", {})]
    texts = [output["text"] for output in cell.outputs if output.output_type == "stream"]
    assert "image/png" in kinds
    assert "".join(texts) == "True False\n"
    # The same script outside of a notebook shows nothing: its output is no terminal.
    assert run_python(script).stdout == "False False\n"
