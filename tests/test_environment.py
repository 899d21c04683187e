"""What the project needs, and what holds for all of its files."""

import ast
import functools
import importlib.metadata
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT, run_python

PACKAGES = ("autograder", "fast", "starter", "utils")
MODULES = sorted(path for name in (".", *PACKAGES) for path in (ROOT / name).glob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
SOURCES = [*MODULES, *TESTS]
IMPORT_NAMES = {"scikit-learn": "sklearn"}
BROUGHT_ALONG = {"PIL", "threadpoolctl"}  # what matplotlib and scikit-learn cannot do without


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def every_source(function):
    return pytest.mark.parametrize("path", SOURCES, ids=name_of)(function)


@functools.cache
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


@every_source
def test_nothing_is_imported_at_the_top_that_is_not_required(path, runtime, for_tests):
    required = [*runtime, *for_tests] if path in TESTS else runtime
    ours = {*PACKAGES, *(module.stem for module in ROOT.glob("*.py"))}
    ours |= {module.stem for module in TESTS} if path in TESTS else set()
    known = {IMPORT_NAMES.get(name, name) for name in required} | BROUGHT_ALONG | ours
    assert imported_at_the_top(path) <= set(sys.stdlib_module_names) | known


@pytest.mark.parametrize(
    "package, below", [("utils", {"utils"}), ("fast", {"fast", "utils"})], ids=["utils", "fast"]
)
def test_imports_run_one_way(package, below):
    """The scripts, the grader and the starter use fast/ and utils/; fast/ uses utils/."""
    others = {*PACKAGES, *(module.stem for module in ROOT.glob("*.py"))} - below
    for path in (ROOT / package).glob("*.py"):
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
        "import numpy.random\n"
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


@every_source
def test_text_is_never_read_or_written_in_the_platforms_encoding(path):
    for call in nodes(path, ast.Call):
        function = call.func
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        given = {keyword.arg for keyword in call.keywords}
        if name == "open" and not isinstance(getattr(function, "value", None), ast.Name):
            modes = call.args[1:2] + [k.value for k in call.keywords if k.arg == "mode"]
            binary = any("b" in str(getattr(mode, "value", "b")) for mode in modes)
            assert binary or "encoding" in given, f"line {call.lineno}"
        elif name in ("read_text", "write_text"):
            positional = len(call.args) > (0 if name == "read_text" else 1)
            assert positional or "encoding" in given, f"line {call.lineno}"


@every_source
def test_no_except_catches_whatever_comes(path):
    assert [node.lineno for node in nodes(path, ast.ExceptHandler) if node.type is None] == []


@every_source
def test_no_star_imports(path):
    imported = [alias.name for node in nodes(path, ast.ImportFrom) for alias in node.names]
    assert "*" not in imported


@every_source
def test_no_assert_statement_outside_tests(path):
    """`python -O` takes them out."""
    if path in MODULES:
        assert [node.lineno for node in nodes(path, ast.Assert)] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_is_for(path):
    tree = syntax_tree(path)
    assert ast.get_docstring(tree) or not tree.body


def test_no_file_uses_scipys_private_parts():
    word = "_sparse" + "tools"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert paths
    found = [p for p in paths if p.is_file() and word.encode() in p.read_bytes()]
    assert [name_of(path) for path in found] == []
