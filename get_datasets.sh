#!/bin/sh
# Fetch the data set into utils/datasets/:
#
#     sh get_datasets.sh            (the same as: python -m utils.get_datasets)
#     sh get_datasets.sh --help
#
# Needs a POSIX shell and Python >= 3.10, but no curl, wget, unzip or installed packages.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
start='import sys; sys.path.insert(0, sys.argv.pop(1)); from utils.get_datasets import main; main()'

# No cd: a relative path in SST_ZIP starts from the user's current folder.
for python in "$here/.venv/bin/python" python3 python; do
    if "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
        # -I: no module in the current folder can replace one of the standard library
        exec "$python" -I -c "$start" "$here" "$@"
    fi
done
echo "get_datasets.sh: needs Python 3.10 or newer as .venv/bin/python, python3 or python" >&2
exit 1
