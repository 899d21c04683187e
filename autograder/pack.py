"""Pack the autograder for Gradescope: autograder.zip, to be uploaded as it is.

    python autograder/pack.py                     # setup.sh will download the data
    python autograder/pack.py --data ZIP          # takes it along: stanfordSentimentTreebank.zip
    python autograder/pack.py --output FILE.zip

It holds setup.sh and run_autograder at its root, the grader, common/, utils/, and training/, which
draws the windows that the loss of a run is computed on. word2vec.py and sgd.py are not in it: the
grader does not need them.
"""

import argparse
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))  # this file is run as a script

from common.files import check_writable, replacing  # noqa: E402
from common.stopping import run_command  # noqa: E402
from utils.get_datasets import SST_FOLDER, read_archive  # noqa: E402

AT_THE_ROOT = ("setup.sh", "run_autograder")


def contents(data=None):
    """Name in the pack -> bytes; `data` is the path of the treebank's archive. Sorted by name."""
    grader = [p for p in HERE.iterdir() if p.suffix in (".py", ".json", ".txt")]
    paths = grader + [
        path
        for folder in ("common", "training", "training/fast", "utils")
        for path in (ROOT / folder).glob("*.py")
    ]
    files = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths}
    files |= {name: (HERE / name).read_bytes() for name in AT_THE_ROOT}
    if data:
        folder = SST_FOLDER.relative_to(ROOT)
        data_files = read_archive(data, data)
        files |= {(folder / name).as_posix(): data_files[name] for name in data_files}
    return dict(sorted(files.items()))


def pack(output, data=None):
    """Write the pack in one step; the names in it."""
    files = contents(data)
    check_writable(output)
    with replacing(output) as file, zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)  # of 1980: the same files make the same archive
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o100755 if name in AT_THE_ROOT else 0o100644) << 16
            archive.writestr(info, content)
    return list(files)


def main(arguments=None):
    """Pack, and say what was packed."""
    parser = argparse.ArgumentParser(description="Pack the autograder for Gradescope.")
    parser.add_argument("--output", type=Path, default=Path("autograder.zip"))
    parser.add_argument(
        "--data", type=Path, metavar="ZIP", help="take along stanfordSentimentTreebank.zip"
    )
    options = parser.parse_args(arguments)
    names = pack(options.output, options.data)
    print(f"{options.output}: {options.output.stat().st_size:,} bytes, {len(names)} files")


if __name__ == "__main__":
    run_command("pack.py", main)
