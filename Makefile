# make run     train the word vectors and draw them; ARGS="--help" shows the options
# make test    all tests but the slow ones; make test-slow those
# make bench   the training measured beside gensim's
#
# Each makes a virtual environment in .venv first, if there is none. PYTHON=python3.12 names another
# Python than python3.

PYTHON = python3
ARGS =
python = .venv/bin/python
pip = $(python) -m pip install --quiet --disable-pip-version-check

run: .venv/installed
	@$(python) run.py $(ARGS)

test: .venv/installed
	$(python) -m pytest -q -rs -m "not slow" tests

# gensim is needed for nothing but comparing with it.
test-slow: .venv/installed .venv/installed-gensim
	$(python) -m pytest -q -rs -m slow tests

bench: .venv/installed .venv/installed-gensim
	@$(python) bench.py $(ARGS)

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("Python 3.10 or newer is needed, this is " + sys.version.split()[0] + "; name another with: make PYTHON=...")'
	@echo "Installing what requirements.txt lists into .venv"
	@$(PYTHON) -m venv .venv
	@$(pip) -r requirements.txt
	@touch $@

.venv/installed-gensim: .venv/installed
	@$(pip) "gensim>=4.3"
	@touch $@

.PHONY: run test test-slow bench
