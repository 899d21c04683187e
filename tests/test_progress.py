"""How a run is shown: lines for a file, one line written over on a terminal."""

import io
import sys
from types import SimpleNamespace

import pytest

from common import progress
from common.progress import LossCurve, ProgressDisplay, duration


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
    """What an sgd tells, this package's or somebody's."""
    return SimpleNamespace(iteration=iteration, loss=loss, smoothed_loss=loss, resumed=resumed)


def last_line(terminal):
    return terminal.getvalue().rpartition("\r")[2]


def test_a_file_gets_a_line_for_each_call_as_the_assignment_prints_it():
    file = io.StringIO()
    with ProgressDisplay(30, file) as display:
        display(told(10, resumed=True))
        display(told(20, 2.25))
        display(told(30))
    assert file.getvalue() == (
        "Going on from the save after iteration 10\niter 10: 1.500000\n"
        "iter 20: 2.250000\niter 30: 1.500000\n"
    )


def test_a_terminal_gets_one_line_written_over_and_the_last_one_for_good(clock):
    terminal = Terminal()
    with ProgressDisplay(4000, terminal) as display:
        for iteration in range(10, 4000, 10):
            display(told(iteration))
            clock.time += 0.01
        display(told(4000))
    text = terminal.getvalue()
    assert text.count("\n") == 1 and text.endswith("\riter 4000: 1.500000\n")
    assert 30 < text.count("iter ") < 50  # ten times a second


def test_the_time_left_is_shown_once_it_means_something_and_leaves_a_slow_start_out(clock):
    terminal = Terminal()
    with ProgressDisplay(40000, terminal) as display:
        display(told(10))  # after seconds of starting up, of which it knows nothing
        assert "left" not in last_line(terminal)
        clock.time += 0.2
        display(told(1010))
        assert "left" not in last_line(terminal)
        clock.time += 0.8
        display(told(10010))
        assert "10,000 iterations/s   3 s left" in last_line(terminal)


def test_a_loss_that_diverges_is_not_printed_with_all_its_digits(capsys):
    import sgd

    file = io.StringIO()
    with ProgressDisplay(30, file) as display:
        display(told(10, 1.2345e250))
    assert file.getvalue() == "iter 10: 1.2345e+250\n"
    sgd.print_progress(told(10, 1.2345e250))
    sgd.print_progress(told(20, 19.061546))
    assert capsys.readouterr().out == "iter 10: 1.2345e+250\niter 20: 19.061546\n"


def test_what_somebody_prints_goes_above_the_line(clock, monkeypatch):
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


def test_without_lines_a_file_gets_nothing():
    file = io.StringIO()
    with ProgressDisplay(20, file, lines=False) as display:
        display(told(10))
        display(told(20))
    assert file.getvalue() == ""


@pytest.mark.parametrize(
    "seconds, text",
    [(0.4, "0 s"), (7, "7 s"), (99, "99 s"), (180, "3 min"), (7500, "2 h 5 min")],
)
def test_durations_are_said_as_people_do(seconds, text):
    assert duration(seconds) == text


def test_a_loss_curve_leaves_out_what_was_saved_before():
    curve = LossCurve()
    for progress_ in (told(10, resumed=True), told(20, 2.0), told(30, 3.0)):
        curve(progress_)
    assert (curve.iterations, curve.smoothed) == ([20, 30], [2.0, 3.0])
