"""The Makefile, and what the pages for people who work on this say of it."""

import os
import re
import shutil
import subprocess

import pytest
from conftest import ROOT, run_python

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
needs_make = pytest.mark.skipif(
    os.name != "posix" or shutil.which("make") is None, reason="needs make and a POSIX shell"
)


def make(*arguments, cwd=ROOT):
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=cwd,
        timeout=60,
        capture_output=True,
        encoding="utf-8",
    )


def test_the_benchmark_overwrites_nothing_but_its_own_figures(tmp_path):
    notes = tmp_path / "notes"
    notes.write_text("not to be lost", encoding="utf-8")
    done = run_python("bench.py", "--json", notes, cwd=ROOT)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert str(notes) in done.stderr and "another name" in done.stderr
    assert notes.read_text(encoding="utf-8") == "not to be lost"


# ------------------------------------------------------------------------------------- make
@pytest.fixture(scope="module")
def targets():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split()


@needs_make
def test_make_help_lists_every_target_with_what_it_does(targets):
    lines = make("help").stdout.splitlines()
    assert [line.split()[1] for line in lines] == targets
    assert all(len(line.split()) > 3 for line in lines)


@needs_make
def test_make_clean_removes_environment_and_caches_but_no_results(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    removed = [".venv/bin/python", ".pytest_cache/a", "utils/__pycache__/a.pyc"]
    kept = ["utils/datasets/a", "saved_params_5000.npy", "saved_state_5000.pickle", "a.png"]
    for name in removed + kept:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert make("clean", cwd=tmp_path).returncode == 0
    assert not any((tmp_path / name).parent.exists() for name in removed)
    assert all((tmp_path / name).exists() for name in kept)


@needs_make
def test_make_says_if_python_is_too_old(tmp_path):
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    old = tmp_path / "old_python"
    old.write_text(
        "#!/bin/sh\n"
        "exec python3 -c \"import sys; sys.version_info = (3, 9); sys.version = '3.9.1 x'; $2\"\n",
        encoding="utf-8",
    )
    old.chmod(0o755)
    result = make("run", f"PYTHON={old}", cwd=tmp_path)
    assert result.returncode == 2
    assert "3.9.1" in result.stderr
    assert not (tmp_path / ".venv").exists()


# ------------------------------------------------------------------------------------- pages
def anchors(page):
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^##+ (.*)", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_targets_of_make_files_and_headings_that_exist(page, targets):
    text = page.read_text(encoding="utf-8")
    commands = re.findall(r"(?:^|`)make ([a-z-]+)", text, re.M)
    assert set(commands) <= set(targets)
    for name, anchor in re.findall(r"\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)", text):
        path = page.parent / name if name else page
        assert path.exists(), name
        assert not anchor or anchor in anchors(path), anchor
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
        rows = re.sub(r"\\\|", "", table).splitlines()
        assert len({row.count("|") for row in rows}) == 1, "a bare | splits a cell"
