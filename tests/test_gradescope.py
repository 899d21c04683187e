"""The pack for Gradescope: what is in it, setup.sh and run_autograder on a machine such as theirs.

python -m pytest tests/test_gradescope.py
"""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, run_python
from solutions import CORRECT, make_zip

if os.name != "posix":
    pytest.skip("needs a POSIX system", allow_module_level=True)

from autograder import pack, sandbox  # noqa: E402
from common.stopping import UserError  # noqa: E402
from utils.get_datasets import DATA_FILES, SST_FOLDER  # noqa: E402

has_wall = pytest.mark.skipif(
    sandbox.find_wall() is sandbox.Wall.NONE, reason=f"no sandbox: {sandbox.why_no_namespaces()}"
)


@pytest.fixture
def gradescope(tmp_path):
    """A grading machine: the packed autograder unpacked, and a folder for a submission."""
    pack.pack(tmp_path / "autograder.zip")
    base = tmp_path / "autograder"
    for name in ("source", "submission", "results"):
        (base / name).mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "autograder.zip") as zipped:
        zipped.extractall(base / "source")
        modes = {info.filename: info.external_attr >> 16 for info in zipped.infolist()}
    assert modes["setup.sh"] & modes["run_autograder"] & 0o111 == 0o111
    write_script(base / "venv" / "bin" / "python", f'exec {sys.executable} "$@"')
    return base


def write_script(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("#!/bin/sh", *lines, "")), encoding="utf-8")
    path.chmod(0o755)


def run_autograder(base, files):
    """The content of results.json for a submission."""
    for name, source in files.items():
        (base / "submission" / name).write_text(source, encoding="utf-8")
    # No data set is there, and none can be had: SST_ZIP names an archive that does not exist.
    env = {**os.environ, "AUTOGRADER": str(base), "SST_ZIP": str(base / "none.zip")}
    command = ["bash", str(base / "source" / "run_autograder")]
    subprocess.run(command, env=env, check=True, timeout=120, capture_output=True)
    return json.loads((base / "results" / "results.json").read_text(encoding="ascii"))


@has_wall
@pytest.mark.thorough
def test_the_packed_autograder_grades_a_folder_as_gradescope_has_it(gradescope):
    content = run_autograder(gradescope, CORRECT)
    assert content["score"] == 16, content
    if os.geteuid() == 0:
        for name in ("source", "submission", "results"):
            assert (gradescope / name).stat().st_mode & 0o077 == 0


@pytest.mark.thorough
@has_wall
def test_a_submission_cannot_read_the_grader(gradescope):
    code = f"\nimport os\ndef sgd(*args, **kwargs):\n    os.listdir({str(gradescope)!r})\n"
    content = run_autograder(gradescope, {"sgd.py": CORRECT["sgd.py"] + code})
    answers = [row["output"] for row in content["tests"] if row["number"].startswith("b")]
    assert answers and all("FileNotFound" in a or "PermissionError" in a for a in answers)


def test_a_grader_that_dies_leaves_valid_results(gradescope):
    grader = gradescope / "source" / "autograder" / "__main__.py"
    grader.write_text("1 / 0\n", encoding="utf-8")
    content = run_autograder(gradescope, CORRECT)
    assert content["score"] == 0 and "Submit again" in content["output"]


def run_setup(base, tmp_path, python3="", **environment):
    """Run setup.sh where apt-get, pip and the venv are there already: status, errors."""
    tools = tmp_path / "tools"
    write_script(tools / "apt-get")
    write_script(tools / "python3", python3)
    write_script(
        base / "venv" / "bin" / "python",
        'case "$*" in "-m pip install"*) exit;; esac',
        f'exec {sys.executable} "$@"',
    )
    env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "AUTOGRADER": str(base)}
    env = {name: value for name, value in env.items() if name != "SST_ZIP"} | environment
    command = ["bash", str(base / "source" / "setup.sh")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr


def test_setup_fails_with_an_old_python(gradescope, tmp_path):
    old = f'exec {sys.executable} "$1" "import sys; sys.version_info = (3, 8); $2"'
    status, errors = run_setup(gradescope, tmp_path, old)
    assert status != 0 and errors.startswith("setup.sh: Python 3.10 or newer is needed")


@has_wall
def test_setup_fails_if_no_submission_can_be_run(gradescope, tmp_path):
    broken = tmp_path / "broken" / "numpy.py"
    broken.parent.mkdir()
    broken.write_text("raise ImportError('libopenblas')\n", encoding="utf-8")
    status, errors = run_setup(gradescope, tmp_path, PYTHONPATH=str(broken.parent))
    assert status != 0 and errors.startswith("setup.sh: ") and "libopenblas" in errors


@has_wall
@pytest.mark.slow
@pytest.mark.parametrize("others", [False, True])
def test_setup_fails_without_the_treebank_and_takes_no_other_sentences_for_it(
    gradescope, tmp_path, others
):
    if others:
        folder = gradescope / "source" / "utils" / "datasets" / "rottenTomatoes"
        folder.mkdir(parents=True)
        for name in DATA_FILES:
            (folder / name).touch()
    unreachable = {"SST_URL": "http://127.0.0.1:9/", "SST_ZIP": str(tmp_path / "none.zip")}
    del unreachable["SST_ZIP" if others else "SST_URL"]
    status, errors = run_setup(gradescope, tmp_path, **unreachable)
    assert status != 0 and "pack.py --data" in errors.splitlines()[-1]


@has_wall
@pytest.mark.thorough
@pytest.mark.usefixtures("sst")
def test_setup_is_content_with_data_that_was_packed(gradescope, tmp_path):
    data = make_zip(tmp_path / "sst.zip", {n: (SST_FOLDER / n).read_bytes() for n in DATA_FILES})
    pack.pack(tmp_path / "with_data.zip", data)
    with zipfile.ZipFile(tmp_path / "with_data.zip") as zipped:
        zipped.extractall(gradescope / "source")
    assert run_setup(gradescope, tmp_path, SST_ZIP=str(tmp_path / "none.zip")) == (0, "")


def test_packing_twice_gives_the_same_archive(tmp_path):
    pack.pack(tmp_path / "a.zip")
    pack.pack(tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_data_that_is_not_the_treebank_is_not_packed(tmp_path):
    data = make_zip(tmp_path / "data.zip", dict.fromkeys(DATA_FILES, b""))
    script = ROOT / "autograder" / "pack.py"
    done = run_python(script, "--output", tmp_path / "a.zip", "--data", data)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"pack.py: {data} is not")
    assert [path.name for path in tmp_path.iterdir()] == ["data.zip"]


@pytest.mark.parametrize("output", ["", "/", "pipe", "/no/folder/a.zip"])
def test_what_is_no_file_is_not_replaced_by_a_pack(tmp_path, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with pytest.raises((UserError, OSError)):
        pack.pack(Path(output))
    assert os.listdir() == ["pipe"] and Path("pipe").is_fifo()
