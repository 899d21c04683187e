"""Pack the autograder for Gradescope: autograder.zip, to be uploaded as it is.

    python autograder/pack.py                     # setup.sh will download the data
    python autograder/pack.py --data              # takes it along, so that no net is needed
    python autograder/pack.py --output FILE.zip

It holds setup.sh and run_autograder at its root, the grader, and utils/. The solutions,
word2vec.py and sgd.py, are not in it: the grader does not need them.
"""

import argparse
import os
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
AT_THE_ROOT = ("setup.sh", "run_autograder")
DATA = ROOT / "utils" / "datasets" / "stanfordSentimentTreebank"
DATA_FILES = ("datasetSentences.txt", "datasetSplit.txt", "dictionary.txt", "sentiment_labels.txt")


def contents(with_data):
    """Name in the archive -> file."""
    files = {name: HERE / name for name in AT_THE_ROOT}
    grader = [p for p in HERE.iterdir() if p.suffix in (".py", ".json", ".txt")]
    paths = grader + [path for folder in ("fast", "utils") for path in (ROOT / folder).glob("*.py")]
    if with_data:
        paths += [DATA / name for name in DATA_FILES]
    return files | {path.relative_to(ROOT).as_posix(): path for path in sorted(paths)}


def pack(output, with_data=False):
    """Write the archive in one step; the names in it."""
    new = output.with_name(f"{output.name}.{os.getpid()}")
    files = contents(with_data)
    try:
        with zipfile.ZipFile(new, "w") as archive:
            for name, path in files.items():
                info = zipfile.ZipInfo(name)  # of 1980: the same files make the same archive
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = (0o100755 if name in AT_THE_ROOT else 0o100644) << 16
                archive.writestr(info, path.read_bytes())
        os.replace(new, output)
    finally:
        new.unlink(missing_ok=True)
    return list(files)


def main(arguments=None):
    """Pack, and say what was packed."""
    parser = argparse.ArgumentParser(description="Pack the autograder for Gradescope.")
    parser.add_argument("--output", type=Path, default=Path("autograder.zip"))
    parser.add_argument("--data", action="store_true", help="take the data set along")
    options = parser.parse_args(arguments)
    try:
        names = pack(options.output, options.data)
    except OSError as error:
        hint = "; get the data first: sh get_datasets.sh" if options.data else ""
        sys.exit(f"pack.py: {error}{hint}")
    print(f"{options.output}: {options.output.stat().st_size:,} bytes, {len(names)} files")


if __name__ == "__main__":
    main()
