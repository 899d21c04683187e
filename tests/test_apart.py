"""Processes beside this one: a picture drawn there, or here where that cannot be."""

import contextlib
import json
import sys
import time

import numpy as np
import pytest
from conftest import run_python
from test_stream import is_running

from common import apart, plot
from common.apart import Drawer

GROUPS = {"one": ["a", "b", "$c"], "two": ["é"]}
VECTORS = np.random.default_rng(0).normal(size=(4, 5))
METADATA = {"Parameters": "f" * 64}


@pytest.fixture
def drawn_here(tmp_path):
    """The picture as this process draws it."""
    plot.save_word_plot(tmp_path / "here.png", GROUPS, VECTORS, "title", METADATA)
    return (tmp_path / "here.png").read_bytes()


def draw(drawer, path):
    return drawer.save_word_plot(path, GROUPS, VECTORS, "title", METADATA)


def test_a_picture_drawn_apart_is_the_one_drawn_here(tmp_path, drawn_here, monkeypatch):
    monkeypatch.setitem(sys.modules, "common.plot", None)  # so it is not drawn here
    with Drawer() as drawer:
        assert draw(drawer, tmp_path / "there.png") == []
    assert (tmp_path / "there.png").read_bytes() == drawn_here


def test_the_words_without_room_are_told_from_there_too(tmp_path, monkeypatch):
    words = ["w" * 300, "a", "b"]
    vectors = np.eye(3)
    left_out = plot.save_word_plot(tmp_path / "here.png", {"": words}, vectors, "")
    assert left_out
    monkeypatch.setitem(sys.modules, "common.plot", None)
    with Drawer() as drawer:
        there = drawer.save_word_plot(tmp_path / "there.png", {"": words}, vectors, "")
    assert there == left_out


@pytest.mark.parametrize("fault", ["no process", "killed", "fails"])
def test_where_there_is_no_process_to_draw_it_is_drawn_here(
    tmp_path, drawn_here, monkeypatch, fault, capfd
):
    if fault == "no process":
        monkeypatch.setattr(sys, "executable", "/no/such/python")
    if fault == "fails":
        start = apart.start
        monkeypatch.setattr(apart, "start", lambda _, **options: start("1 / 0", **options))
    with Drawer() as drawer:
        if fault == "killed":
            drawer._process.kill()
        assert draw(drawer, tmp_path / "now.png") == []
    assert (tmp_path / "now.png").read_bytes() == drawn_here
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_drawn_there_is_told_here(tmp_path):
    (tmp_path / "folder.png").mkdir()
    with Drawer() as drawer, pytest.raises(OSError, match="folder.png"):
        draw(drawer, tmp_path / "folder.png")


def test_the_process_ends_with_the_with_block():
    with Drawer() as drawer:
        assert drawer._process.poll() is None
    assert drawer._process.poll() is not None
    assert drawer._process.stdin.closed and drawer._process.stdout.closed


HANGING = """
import time
from common import apart, files, plot

def save_word_plot(path, *others):
    with files.replacing(path):
        time.sleep(600)

plot.save_word_plot = save_word_plot
apart.serve_drawing()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX processes")
def test_a_run_that_is_stopped_while_its_picture_is_written_leaves_nothing_of_it(
    tmp_path, monkeypatch
):
    start = apart.start
    monkeypatch.setattr(apart, "start", lambda _, **options: start(f"exec({HANGING!r})", **options))
    with contextlib.suppress(KeyboardInterrupt), Drawer() as drawer:
        request = json.dumps([str(tmp_path / "a.png"), GROUPS, VECTORS.tolist(), "", METADATA])
        with drawer._process.stdin as file:
            file.write(request.encode())
        while not list(tmp_path.iterdir()) and drawer._process.poll() is None:
            time.sleep(0.01)
        assert drawer._process.poll() is None
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX processes")
def test_the_process_ends_with_the_one_that_started_it():
    script = (
        "import os, sys; sys.path[:0] = sys.argv[1:]\n"
        "from common.apart import Drawer\n"
        "print(Drawer().__enter__()._process.pid, flush=True); os._exit(0)\n"
    )
    pid = int(run_python("-c", script, apart.ROOT).stdout)
    deadline = time.monotonic() + 60
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(pid)
