# Two commands for a new user:  make quickstart   make test
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Processes that run the tests, each with one thread.
WORKERS ?= 2
READY  := $(VENV)/.ready


.PHONY: quickstart test check mutations campaign docs format clean
.DEFAULT_GOAL := quickstart

# Set-up is redone only when the list of packages changes; DEV brings the tools for tests and checks along.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "pixelwise needs Python 3.11 or newer; try: make PYTHON=python3.12 quickstart"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (once; a few minutes and 6 GB, most of it torch) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --editable . --group dev --group docs
	@touch $(READY)

quickstart: $(READY)
	@$(BIN)/pixelwise train quickstart

test: $(READY)
	@PYTHONHASHSEED=0 OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python tests/docs/words.py
	@$(MAKE) --no-print-directory docs

mutations: $(READY)
	@$(BIN)/python tests/mutations/scratch.py

campaign: $(READY)
	@OMP_NUM_THREADS=1 $(BIN)/python campaigns/mutated_runs.py
	@OMP_NUM_THREADS=1 $(BIN)/python campaigns/mutated_checkpoints.py
	@OMP_NUM_THREADS=1 $(BIN)/python campaigns/kills.py
	@OMP_NUM_THREADS=1 $(BIN)/python campaigns/hostile.py

docs: $(READY)
	@$(BIN)/sphinx-build -q -W -b html -d docs/_build/trees docs docs/_build/html
	@echo "docs/_build/html/index.html"

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
