#!/bin/sh
# Write assignment2.zip, the file to hand in, in the folder of this script:
#
#     sh collect_submission.sh             after python run.py
#     sh collect_submission.sh FOLDER      after python run.py --output FOLDER
#
# It contains all *.py of this folder, and all *.png and saved_params_40000.npy of FOLDER (by default
# this folder, too). Nothing is written if a file is missing, or if a picture was drawn from other
# parameters. The zip program is not needed.
set -eu

case $#:${1:-} in
    0: | 1:[!-]*) ;;
    *) echo "usage: sh collect_submission.sh [FOLDER]" >&2; exit 2 ;;
esac

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)

for python in "$here/.venv/bin/python" python3 python; do
    if "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
        # -I: a module of the submission cannot replace one of the standard library
        exec "$python" -I - "$here" "${1:-$here}" <<'END'
import hashlib
import os
import sys
import zipfile
from pathlib import Path

CODE = ("word2vec.py", "sgd.py", "run.py")
PICTURE = "word_vectors.png"
PARAMS = "saved_params_40000.npy"
KEY = b"Parameters"  # in run.py's pictures: the sha256 of the parameters they were drawn from


def files_of(folder, pattern):
    """Return the files of `folder` that match a pattern, but no hidden ones."""
    paths = sorted(folder.glob(pattern))
    return [path for path in paths if path.is_file() and not path.name.startswith(".")]


def faults_of(code, outputs):
    """Return the reasons why these folders cannot be submitted, one line each."""
    if not outputs.is_dir():
        return [f"the folder {outputs} does not exist"]
    missing = [f"no {name} in {code}" for name in CODE if not (code / name).is_file()]
    missing += [
        f"no {name} in {outputs}; python run.py writes it "
        "(if it is in another folder, give that folder as an argument)"
        for name in (PICTURE, PARAMS)
        if not (outputs / name).is_file()
    ]
    return missing or pictures_faults(files_of(outputs, "*.png"), outputs / PARAMS)


def pictures_faults(pictures, params):
    """Return what is wrong with pictures that do not show these parameters, one line each."""
    digest = hashlib.sha256(params.read_bytes()).hexdigest().encode()
    faults = []
    for path in pictures:
        texts = png_texts(path.read_bytes())
        if texts is None:
            fault = "is not a complete PNG picture"
        elif texts.get(KEY, digest) != digest:
            fault = f"was drawn from other parameters than those in {params.name}"
        elif path.name == PICTURE and KEY not in texts and modified(path) < modified(params):
            fault = f"is older than {params.name}"
        else:
            continue
        advice = "python run.py draws it again" if path.name == PICTURE else "remove it"
        faults.append(f"{path} {fault}; {advice}")
    return faults


def png_texts(content):
    """Return the texts in a PNG picture, keyword -> bytes; None if the picture is incomplete."""
    texts, at = {}, 8
    while content.startswith(b"\x89PNG\r\n\x1a\n") and at + 12 <= len(content):
        # A chunk: the size of its data in 4 bytes, its kind in 4, the data, a checksum in 4.
        size, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        if kind == b"IEND":
            return texts
        if kind == b"tEXt":
            keyword, _, text = content[at + 8 : at + 8 + size].partition(b"\0")
            texts[keyword] = text
        at += size + 12
    return None


def modified(path):
    """Return when a file was last written, in nanoseconds."""
    return path.stat().st_mtime_ns


def write_zip(path, files):
    """Pack `files` under a temporary name, which becomes `path` when the archive is complete."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for file in files:
                archive.write(file, file.name)
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def main(code, outputs):
    faults = faults_of(code, outputs)
    if faults:
        sys.exit("\n".join(f"collect_submission.sh: nothing written: {fault}" for fault in faults))
    files = files_of(code, "*.py") + files_of(outputs, "*.png")
    files.append(outputs / PARAMS)
    write_zip(code / "assignment2.zip", files)
    print(f"{code / 'assignment2.zip'}:")
    for file in files:
        print(f"{file.stat().st_size:>12,}  {file.name}")
    if (code / "autograder").is_dir():  # the starter does not have it
        print("\nGrade it: python autograder assignment2.zip")


try:
    main(*map(Path, sys.argv[1:]))
except OSError as error:
    sys.exit(f"collect_submission.sh: nothing written: {error}")
END
    fi
done
echo "collect_submission.sh: needs Python 3.10 or newer as .venv/bin/python, python3 or python" >&2
exit 1
