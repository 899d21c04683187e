"""Pack the autograder for Gradescope: autograder.zip, to be uploaded as it is.

    python autograder/pack.py                     # setup.sh will download the data
    python autograder/pack.py --data ZIP          # includes it: stanfordSentimentTreebank.zip
    python autograder/pack.py --points 12,4,2 --strict-run      # options of `python autograder`
    python autograder/pack.py --output FILE.zip

It contains setup.sh and run_autograder at its root, the grader, common/, utils/, and training/,
which draws the windows for the loss of a run. It does not contain make_fingerprints.py, or
word2vec.py and sgd.py, which the grader does not need.
"""

import argparse
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))  # this file is run as a script

from autograder.questions import points_of_parts  # noqa: E402
from common.files import check_writable, replacing  # noqa: E402
from common.stopping import run_command  # noqa: E402
from utils.get_datasets import SST_FOLDER, read_archive  # noqa: E402

AT_THE_ROOT = ("setup.sh", "run_autograder")


def contents(data=None, options=""):
    """Return name in the pack -> bytes, sorted by name.

    `data` is the path of the treebank's archive, `options` are the grader's options.
    """
    paths = [p for p in HERE.iterdir() if p.suffix in (".py", ".json", ".ini", ".txt")]
    for folder in ("common", "training", "training/fast", "utils"):
        paths += (ROOT / folder).glob("*.py")
    paths.remove(HERE / "make_fingerprints.py")
    files = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths}
    files |= {name: (HERE / name).read_bytes() for name in AT_THE_ROOT}
    files["options"] = options.encode("ascii")
    if data:
        folder = SST_FOLDER.relative_to(ROOT)
        files |= {(folder / name).as_posix(): x for name, x in read_archive(data, data).items()}
    return dict(sorted(files.items()))


def pack(output, data=None, options=""):
    """Write the pack in one step, and return the names in it."""
    files = contents(data, options)
    check_writable(output)
    with replacing(output) as file, zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)  # dated 1980: the same files make the same archive
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o100755 if name in AT_THE_ROOT else 0o100644) << 16
            archive.writestr(info, content)
    return list(files)


def main(arguments=None):
    """Pack, and say what was packed."""
    parser = argparse.ArgumentParser(description="Pack the autograder for Gradescope.")
    add = parser.add_argument
    add("--output", type=Path, default=Path("autograder.zip"), metavar="FILE")
    add("--data", type=Path, metavar="ZIP", help="include stanfordSentimentTreebank.zip")
    add("--points", type=points_of_parts, metavar="A,B,C", help="points of the parts (12,4,4)")
    add("--strict-run", action="store_true", help="no points for vectors the code cannot have made")
    chosen = parser.parse_args(arguments)
    options = ["--strict-run"] * chosen.strict_run
    if chosen.points:
        options.append(f"--points={','.join(f'{value:g}' for value in chosen.points.values())}")
    names = pack(chosen.output, chosen.data, " ".join(options))
    print(f"{chosen.output}: {chosen.output.stat().st_size:,} bytes, {len(names)} files")


if __name__ == "__main__":
    run_command("pack.py", main)
