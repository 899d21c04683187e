#!/bin/sh
# Pack assignment2.zip, the file to hand in, beside this script:
#
#     sh collect_submission.sh             after python run.py
#     sh collect_submission.sh FOLDER      after python run.py --output FOLDER
#
# It holds the *.py of this folder, and the *.png and saved_params_40000.npy of FOLDER (by default
# this folder too). If a file is missing, nothing is written. The zip program is not needed.
set -eu

case $#:${1:-} in
    0: | 1:[!-]*) ;;
    *) echo "usage: sh collect_submission.sh [FOLDER]" >&2; exit 2 ;;
esac

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)

for python in "$here/.venv/bin/python" python3 python; do
    if "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
        # -I: modules of the submission cannot stand in for those of the library
        exec "$python" -I - "$here" "${1:-$here}" <<'END'
import os
import sys
import zipfile
from pathlib import Path

CODE = ("word2vec.py", "sgd.py", "run.py")
OUTPUTS = ("word_vectors.png", "saved_params_40000.npy")


def files_of(folder, pattern):
    """The plain files of `folder` that match, as the shell's *.py would."""
    paths = sorted(folder.glob(pattern))
    return [path for path in paths if path.is_file() and not path.name.startswith(".")]


def stop_if_missing(code, outputs):
    """Exit with a line for each file that must be there and is not."""
    lines = [f"  {name} in {code}" for name in CODE if not (code / name).is_file()]
    lines += [
        f"  {name} in {outputs}: python run.py makes it (elsewhere? give the folder's name)"
        for name in OUTPUTS
        if not (outputs / name).is_file()
    ]
    if lines:
        sys.exit("\n".join(["collect_submission.sh: nothing written, missing:", *lines]))


def write_zip(path, files):
    """Pack `files`, read the archive back, and only then let it take the place of `path`."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for file in files:
                archive.write(file, file.name)
        with zipfile.ZipFile(new) as archive:
            for file in files:
                if archive.read(file.name) != file.read_bytes():
                    raise OSError(f"{file} changed meanwhile; try again")
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def main(code, outputs):
    stop_if_missing(code, outputs)
    files = files_of(code, "*.py") + files_of(outputs, "*.png")
    files.append(outputs / "saved_params_40000.npy")
    write_zip(code / "assignment2.zip", files)
    print(f"{code / 'assignment2.zip'}:")
    for file in files:
        print(f"{file.stat().st_size:>12,}  {file.name}")
    print("\nGrade it: python autograder assignment2.zip")


try:
    main(*map(Path, sys.argv[1:]))
except (OSError, zipfile.BadZipFile) as error:
    sys.exit(f"collect_submission.sh: nothing written: {error}")
END
    fi
done
echo "collect_submission.sh: needs Python 3.10 or newer as .venv/bin/python, python3 or python" >&2
exit 1
