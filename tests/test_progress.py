"""How a run is shown: lines for a file, one line written over on a terminal."""

import io
import sys
from types import SimpleNamespace

import pytest

from common import progress
from common.progress import Progress, ProgressDisplay, duration


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """The time in seconds, to be set."""
    now = SimpleNamespace(time=100.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now.time)
    return now


def told(iteration, loss=1.5, resumed=False):
    return Progress(iteration, loss, loss, resumed)


def last_line(terminal):
    return terminal.getvalue().rpartition("\r")[2]


def test_a_file_gets_the_first_line_some_and_the_last_as_the_assignment_prints_them():
    file = io.StringIO()
    with ProgressDisplay(1230, file=file) as display:
        display(told(10, resumed=True))
        for iteration in range(20, 1221, 10):
            display(told(iteration, iteration / 8))
        display(told(1230, 1.2345e250))  # it diverges
    assert file.getvalue() == (
        "Resuming after iteration 10\niter 10: 1.500000\n"
        "iter 500: 62.500000\niter 1000: 125.000000\niter 1230: 1.2345e+250\n"
    )


def test_a_terminal_gets_one_line_written_over_and_the_last_one_for_good(clock):
    terminal = Terminal()
    with ProgressDisplay(4000, file=terminal) as display:
        for iteration in range(10, 4000, 10):
            display(told(iteration))
            clock.time += 0.01
        display(told(4000))
    text = terminal.getvalue()
    assert text.count("\n") == 1 and text.endswith("\riter 4000: 1.500000\n")
    assert 30 < text.count("iter ") < 50  # ten times a second


def test_a_terminal_gets_lines_that_stay_when_they_are_asked_for():
    terminal = Terminal()
    with ProgressDisplay(100, every=40, file=terminal) as display:
        for iteration in range(10, 101, 10):
            display(told(iteration))
    kept = [line.rpartition("\r")[2] for line in terminal.getvalue().split("\n")]
    assert kept == [f"iter {n}: 1.500000" for n in (10, 40, 80, 100)] + [""]


def test_the_time_left_is_shown_once_it_means_something_and_leaves_a_slow_start_out(clock):
    terminal = Terminal()
    with ProgressDisplay(40000, file=terminal) as display:
        display(told(10))  # after seconds of starting up, of which it knows nothing
        assert "left" not in last_line(terminal)
        clock.time += 0.2
        display(told(1010))
        assert "left" not in last_line(terminal)
        clock.time += 0.8
        display(told(10010))
        assert "10,000 iterations/s   3 s left" in last_line(terminal)


def test_what_another_sgd_prints_goes_above_the_line(clock, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    with ProgressDisplay(1000, lines=False) as display:
        display(told(10))
        print("iter 10: 1.500000")
        clock.time += 1
        display(told(20))
    assert sys.stdout is terminal
    cleared = "\r" + " " * len("iter 10: 1.500000") + "\r"
    assert cleared + "iter 10: 1.500000\n\riter 20: 1.500000" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")


@pytest.mark.parametrize(
    "seconds, text",
    [(0.4, "0 s"), (7, "7 s"), (99, "99 s"), (180, "3 min"), (7500, "2 h 5 min")],
)
def test_durations_are_said_as_people_do(seconds, text):
    assert duration(seconds) == text
