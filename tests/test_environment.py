"""What the project needs, and what holds for all of its files."""

import ast
import importlib.metadata
import os
import re
import sys

import pytest
from conftest import ROOT, run_python

PACKAGES = ("autograder", "common", "starter", "training", "utils")
MODULES = sorted(ROOT.glob("*.py")) + sorted(p for n in PACKAGES for p in (ROOT / n).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
IMPORT_NAMES = {"scikit-learn": "sklearn"}
BROUGHT_ALONG = {"PIL", "threadpoolctl"}  # what matplotlib and scikit-learn cannot do without


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def syntax_tree(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def nodes(path, kind):
    """All nodes of a kind in the syntax tree of a file."""
    return [node for node in ast.walk(syntax_tree(path)) if isinstance(node, kind)]


# ------------------------------------------------------------------------------------- packages
def split_requirement(text):
    """`numpy>=1.23` as ("numpy", "1.23"); without a lower bound it is ("numpy", None)."""
    match = re.fullmatch(r"([A-Za-z0-9_.-]+?)\s*(?:>=\s*([0-9.]+))?", text)
    assert match, f"{text!r} is more than a name and a lower bound"
    return match.groups()


def without_comments(text):
    lines = (line.split("#")[0].rstrip() for line in text.splitlines())
    return [line for line in lines if line]


def lines_of(name):
    return without_comments((ROOT / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def runtime():
    """Package -> lower bound, of all that users install."""
    return dict(map(split_requirement, lines_of("requirements.txt")))


@pytest.fixture(scope="module")
def for_tests():
    """Package -> lower bound, of what the tests need besides."""
    first, *others = lines_of("requirements-dev.txt")
    assert first == "-r requirements.txt"
    return dict(map(split_requirement, others))


@pytest.fixture(scope="module")
def conda():
    """env.yml, of which as much is read as there should be: a dict of texts and lists."""
    content, key = {}, None
    for line in lines_of("env.yml"):
        item = re.fullmatch(r"\s*- (.+)", line)
        if item:
            content[key].append(item[1])
        else:
            key, value = re.fullmatch(r"(\w+):\s*(.*)", line).groups()
            content[key] = value or []
    return content


def test_conda_makes_the_environment_of_the_assignment_from_one_channel(conda):
    assert set(conda) == {"name", "channels", "dependencies"}
    assert conda["name"] == "a2"
    assert conda["channels"] == ["conda-forge"]


def test_conda_and_pip_install_the_same(conda, runtime):
    requirements = dict(map(split_requirement, conda["dependencies"]))
    assert requirements.pop("python") == "3.10"
    assert "pip" in requirements  # a program, which fetches the fallback data
    requirements.pop("pip")
    assert requirements == runtime


def test_all_packages_have_a_lower_bound_and_none_is_listed_twice(runtime, for_tests):
    assert all({**runtime, **for_tests}.values())
    assert not set(runtime) & set(for_tests)


def test_what_is_installed_here_is_new_enough(runtime, for_tests):
    def numbers(version):
        return [int(number) for number in re.findall(r"\d+", version)[:3]]

    assert sys.version_info >= (3, 10)
    for name, bound in {**runtime, **for_tests}.items():
        assert numbers(importlib.metadata.version(name)) >= numbers(bound), name


def imported_at_the_top(path):
    """The packages, or modules beside it, that a file imports outside of all functions."""
    names = set()
    for node in syntax_tree(path).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
    return names


def test_nothing_is_imported_at_the_top_that_is_not_required(runtime, for_tests):
    ours = {*PACKAGES, *(module.stem for module in ROOT.glob("*.py"))}
    known = {*sys.stdlib_module_names, *BROUGHT_ALONG, *ours}
    known |= {IMPORT_NAMES.get(name, name) for name in runtime}
    for path in MODULES:
        assert imported_at_the_top(path) <= known, path
    known |= {*for_tests, *(module.stem for module in TESTS)}
    for path in TESTS:
        assert imported_at_the_top(path) <= known, path


BELOW = {  # room -> the rooms whose modules it may import
    "common": {"common"},
    "utils": {"common", "utils"},
    "training/fast": {"common", "training", "utils"},
    "training": {"common", "training", "utils"},
}


@pytest.mark.parametrize("room", BELOW)
def test_imports_run_one_way(room):
    """The commands, the grader and the starter use the rooms below them, never the other way."""
    others = {*PACKAGES, *(module.stem for module in ROOT.glob("*.py"))} - BELOW[room]
    for path in (ROOT / room).glob("*.py"):
        used = {alias.name for node in nodes(path, ast.Import) for alias in node.names}
        used |= {node.module for node in nodes(path, ast.ImportFrom)}
        assert not {name.split(".")[0] for name in used} & others, path.name


# ------------------------------------------------------------------------------------- sources
@pytest.mark.thorough
def test_modules_can_be_imported_without_anything_happening(tmp_path):
    posix = os.name == "posix"  # the grader needs it
    paths = [path for path in MODULES if posix or path.parent.name != "autograder"]
    names = [name_of(path)[:-3].replace("/", ".") for path in paths]
    code = (
        "import importlib, random, signal, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import numpy.random, sklearn.linear_model\n"  # scikit-learn draws while it is imported
        "def state():\n"
        "    return (random.getstate(), repr(numpy.random.get_state()),\n"
        "            [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)])\n"
        "before = state()\n"
        "for name in sys.argv[2:]:\n"
        "    importlib.import_module(name)\n"
        "    assert state() == before, name\n"
    )
    result = run_python("-W", "error", "-c", code, ROOT, *names, cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
