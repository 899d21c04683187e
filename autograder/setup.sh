#!/bin/bash
# Gradescope runs this once, when it builds the image that submissions are graded in. It fails if
# anything is missing that a right submission needs to earn all its points.
set -eu
base=${AUTOGRADER:-/autograder}
python=$base/venv/bin/python

apt-get update
apt-get install -y python3 python3-venv
apt-get install -y bubblewrap || true  # a better sandbox, if the machine allows it
python3 -c 'import sys; sys.version_info >= (3, 10) or sys.exit(
"setup.sh: Python 3.10 or newer is needed, not " + sys.version.split()[0] + ": take a newer Ubuntu")'
# Not inside source/, which run_autograder hides from submissions.
python3 -m venv "$base/venv"
"$python" -m pip install -r "$base/source/autograder/requirements.txt"

# Can submissions be run in some sandbox, by a user who can read the packages?
cd "$base/source"
"$python" -c 'import sys
from autograder.sandbox import Sandbox, UnfitSystem, Wall, find_wall
if find_wall() is Wall.NONE:
    sys.exit("setup.sh: submissions would have the rights of the grader; run setup.sh as root")
try:
    Sandbox().run({}, "none", "none", [])
except UnfitSystem as error:
    sys.exit(f"setup.sh: {error}")'

# Get the treebank, for the loss of the run, unless it is in the pack. The stand-in that
# get_datasets falls back on is not enough: with it, correct runs would lose points.
"$python" -m utils.get_datasets || true
if ! "$python" -c 'import sys; from utils.get_datasets import SST_FOLDER, find_dataset
sys.exit(find_dataset() != SST_FOLDER)'; then
    echo "setup.sh: no Stanford Sentiment Treebank, so runs cannot be graded. Include it with:" \
        "python autograder/pack.py --data stanfordSentimentTreebank.zip" >&2
    exit 1
fi
