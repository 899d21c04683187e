# `make help` lists what can be made. Everything runs in a virtual environment, .venv, which is
# made first if there is none.

# Another Python: make PYTHON=python3.12
PYTHON = python3
# Options for what is run: make run ARGS="--output somewhere"
ARGS =

python = .venv/bin/python
pip = $(python) -m pip install --quiet --disable-pip-version-check
pytest = $(python) -m pytest -q -rs

run: .venv/installed  ## train the word vectors and draw them; ARGS="--help" shows the options
	@$(python) run.py $(ARGS)

test: .venv/installed-dev  ## the fast tests
	$(pytest) -n auto --maxprocesses 4 --dist worksteal -m "not slow and not thorough" tests

# Some tests need more than pip can install: a Java runtime (Spark), bubblewrap (the grader's sandbox),
# Chromium with its driver (the page of explore.py). Without it they are skipped and say so.
test-all: .venv/installed-dev .venv/installed-gensim .venv/installed-notebook .venv/installed-spark .venv/installed-selenium  ## all tests
	$(pytest) -n auto --maxprocesses 4 --dist worksteal $(ARGS) tests

test-versions:  ## the fast tests with the oldest packages allowed, and with the newest Python here
	@sh tests/versions.sh $(ARGS)

mutants: .venv/installed-dev .venv/installed-mutmut  ## break the code in many small ways: do the tests notice?
	$(python) -m mutmut run $(ARGS)

lint: .venv/installed-dev  ## ruff: mistakes and format
	$(python) -m ruff check .
	$(python) -m ruff format --check .

bench: .venv/installed .venv/installed-gensim  ## measure the training beside gensim's
	@$(python) bench.py $(ARGS)

notebook: .venv/installed-notebook  ## open the guided tour of word2vec, docs/tour.ipynb
	@$(python) -m jupyterlab --ServerApp.root_dir="$(CURDIR)" docs/tour.ipynb $(ARGS)

starter: .venv/installed  ## starter.zip, the assignment as a student gets it
	@$(python) starter $(ARGS)

clean:  ## remove .venv and caches; data, saves and pictures stay
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis
	find . -type d -name __pycache__ -prune -exec rm -rf {} +

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("Python 3.10 or newer is needed, this is " + sys.version.split()[0] + "; name another with: make PYTHON=...")'
	@echo "Installing what requirements.txt lists into .venv"
	@$(PYTHON) -m venv .venv
	@$(pip) -r requirements.txt
	@echo "To run commands there without make: . .venv/bin/activate"
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	@$(pip) -r requirements-dev.txt
	@touch $@

.venv/installed-gensim: .venv/installed
	@$(pip) "gensim>=4.3"
	@touch $@

.venv/installed-selenium: .venv/installed
	@$(pip) "selenium>=4.10"
	@touch $@

.venv/installed-mutmut: .venv/installed
	@$(pip) "mutmut>=3.3"
	@touch $@

.venv/installed-notebook: .venv/installed
	@$(pip) "jupyterlab>=4"
	@touch $@

.venv/installed-spark: .venv/installed
	@$(pip) "pyspark>=4.0"
	@touch $@

.PHONY: run test test-all test-versions mutants lint bench notebook starter clean help
