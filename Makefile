# `make train` and `make test` do all the set-up: an environment in .venv, pinned versions, once.
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --quiet --quiet -c constraints.txt

.PHONY: train test test-all lint docs

train: $(VENV)/.installed
	$(VENV)/bin/python train.py

# Run the fast tests, one worker on each of two cores. One thread a worker: with more threads than
# cores, the two workers would slow each other down.
PYTEST := OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2
test: $(VENV)/.installed-dev
	$(PYTEST) --dist worksteal -m "not slow"

# Run every test: the fast ones, then those marked `slow`. Tests of one group (a Slurm of their own)
# run in the same worker.
test-all: test
	$(PYTEST) --dist loadgroup -m slow

lint: $(VENV)/.installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/basedpyright --pythonpath $(VENV)/bin/python

# The documentation, in .cache/site: notebooks are executed, and nothing is drawn as on a terminal.
docs: $(VENV)/.installed-dev
	TTY_COMPATIBLE=0 NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "g2p needs Python 3.11, 3.12 or 3.13; set PYTHON=...")'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (a few minutes the first time) ..."
	$(PIP) -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing what the tests need ..."
	$(PIP) -e '.[dev]'
	touch $@
