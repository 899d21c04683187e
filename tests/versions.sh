#!/bin/sh
# Run the fast tests by other Pythons, each in an environment of its own that is removed afterwards:
#
#     sh tests/versions.sh                          # 3.10 and the newest Python found here
#     sh tests/versions.sh python3.10 python3.12    # these
#
# 3.10 gets the oldest packages that requirements.txt allows, other Pythons get the newest. Looked
# for are commands on PATH and Pythons of pyenv. Exit status 1 if a test fails or nothing was run.
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Prints the first command that runs as Python 3.$1 and can make environments.
find_python() {
    for python in "python3.$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$1".*/bin/python; do
        if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            echo "$python"
            return
        fi
    done
}

# The packages of a Python, and then the tests.
run_tests() {
    "$1" -m venv "$work/venv" || return 1
    case $("$1" -c 'import sys; print(sys.version_info[:2])') in
        "(3, 10)")
            sed 's/>=/==/' requirements.txt >"$work/versions.txt"
            # Later ones warn of how matplotlib 3.6 calls them, and tests take warnings for errors.
            echo 'pyparsing<3.1' >>"$work/versions.txt"
            ;;
        *) cp requirements.txt "$work/versions.txt" ;;
    esac
    "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        -c "$work/versions.txt" -r requirements-dev.txt || return 1
    "$work/venv/bin/python" -c "$show_versions" || return 1
    PYTHONDONTWRITEBYTECODE=1 "$work/venv/bin/python" -m pytest -q -rs -p no:cacheprovider \
        -n auto --maxprocesses 4 -m "not slow" tests
}

show_versions='
import platform, importlib.metadata as metadata
names = [line.split(">=")[0] for line in open("requirements.txt", encoding="utf-8")]
print("Python", platform.python_version(), *(f"{name} {metadata.version(name)}" for name in names))
'

if [ $# = 0 ]; then
    newest=
    for minor in 10 11 12 13 14 15 16 17 18 19 20; do
        found=$(find_python "$minor")
        [ "$minor" != 10 ] || oldest=$found
        newest=${found:-$newest}
    done
    [ -n "$oldest" ] || echo "No Python 3.10 here: the oldest packages are not tried"
    [ "$newest" != "$oldest" ] || newest=
    # No quotes: what was not found is no argument.
    set -- $oldest $newest
fi

if [ $# = 0 ]; then
    echo "tests/versions.sh: no Python 3.10 or newer was found" >&2
    exit 1
fi

failed=
for python in "$@"; do
    printf '\n==== %s\n' "$python"
    run_tests "$python" || failed="$failed $python"
    rm -rf "$work/venv"
done
[ -z "$failed" ] || { printf '\nFailed:%s\n' "$failed" >&2; exit 1; }
