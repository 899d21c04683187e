"""Write starter.zip: the assignment as a student gets it, made from this package's own files.

    make starter                        # or, without any package installed:
    python starter                      # starter.zip in the project's folder
    python starter --output FILE.zip

The functions to be written lose their bodies and the derivations in their docstrings; the course's
`### YOUR CODE HERE` takes their place. README.md is the only file that is written by hand.
"""

import argparse
import ast
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))  # Python puts this folder there, not the project's

from common.files import replacing  # noqa: E402
from common.stopping import UserError, run_command  # noqa: E402

TO_BE_WRITTEN = {
    "word2vec.py": "sigmoid naiveSoftmaxLossAndGradient negSamplingLossAndGradient "
    "skipgram".split(),
    "sgd.py": ["descend"],
}
AS_THEY_ARE = (
    "run.py utils/*.py common/*.py training/*.py training/fast/*.py get_datasets.sh "
    "collect_submission.sh env.yml requirements.txt LICENSE"
).split()
LEFT_OUT = ("training/fast/vectorised.py",)  # the mathematics of a whole minibatch


def take_out(source, names):
    """Return a file's text without the bodies of these functions; UserError if one is missing."""
    functions = {n.name: n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)}
    missing = [name for name in names if name not in functions]
    if missing:
        raise UserError(f"there is no function {', '.join(missing)}")
    lines = source.splitlines()
    for node in sorted((functions[name] for name in names), key=lambda node: -node.lineno):
        docstring = node.body[0]
        body = lines[docstring.end_lineno : node.end_lineno]
        n_lines = sum(bool(line.strip()) and not line.strip().startswith("#") for line in body)
        lines[docstring.lineno - 1 : node.end_lineno] = [
            *without_derivation(lines[docstring.lineno - 1 : docstring.end_lineno]),
            f"    ### YOUR CODE HERE (~{n_lines} line{'s' * (n_lines > 1)})",
            "",
            "    ### END YOUR CODE",
        ]
    return "\n".join(lines) + "\n"


def without_derivation(docstring):
    """Return a docstring's lines without those between its summary and the line `Parameters`."""
    if len(docstring) == 1:
        return docstring
    marks = [i for i, line in enumerate(docstring) if line.strip() == "Parameters"]
    if not marks:
        return [docstring[0] + '"""']
    return [docstring[0], "", *docstring[marks[0] :]]


def contents():
    """Return the files of the archive: name -> bytes."""
    texts = {"README.md": (HERE / "README.md").read_bytes()}
    for name, functions in TO_BE_WRITTEN.items():
        source = (ROOT / name).read_text(encoding="utf-8")
        texts[name] = take_out(source, functions).encode("utf-8")
    for pattern in AS_THEY_ARE:
        paths = sorted(ROOT.glob(pattern))
        if not paths:
            raise UserError(f"there is no {pattern}")
        for path in paths:
            name = path.relative_to(ROOT).as_posix()
            if name not in LEFT_OUT:
                texts[name] = path.read_bytes()
    return texts


def write_zip(path):
    """Write the archive, with one folder of the same name in it; return the names of its files."""
    texts = contents()
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, text in texts.items():
            info = zipfile.ZipInfo(f"{path.stem}/{name}")  # dated 1980, so it is the same each time
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o100755 if name.endswith(".sh") else 0o100644) << 16
            archive.writestr(info, text)
    return list(texts)


def main():
    """Write the archive, and say what is in it."""
    parser = argparse.ArgumentParser(prog="starter", description="Write the assignment's starter.")
    parser.add_argument("--output", type=Path, default=ROOT / "starter.zip", metavar="FILE")
    output = parser.parse_args().output
    names = write_zip(output)
    print(f"{output}: {len(names)} files, {output.stat().st_size:,} bytes")


if __name__ == "__main__":
    run_command("starter", main)
