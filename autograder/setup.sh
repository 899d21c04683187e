#!/bin/bash
# Gradescope runs this once, when it builds the image that submissions are graded in.
set -eu
base=${AUTOGRADER:-/autograder}

apt-get update
apt-get install -y python3 python3-venv
# Not below source, which run_autograder hides from submissions.
python3 -m venv "$base/venv"
"$base/venv/bin/pip" install -r "$base/source/autograder/requirements.txt"
# The data for the loss of the run, unless it has been packed; --data of pack.py does that.
cd "$base/source"
"$base/venv/bin/python" -m utils.get_datasets
