# `make search` runs the main job on the data and the model that come with Regimen: 50 trials, or
# fewer where more are not expected to find anything better.
# `make test` runs the linters and the tests. Both create the environment first.
#
#   make fast      tests that take less than a few seconds each; run them at every change
#   make test      linters, types and all tests but the soak tests
#   make soak      tests that are long by nature: fault injection, clusters, all regimes,
#                  many generated inputs
#   make coverage  line and branch coverage of `make test`, subprocesses included
PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
STAMP := $(VENV)/.installed
BIN := $(VENV)/bin
# A file's tests share fixtures, so each file runs in one process.
PARALLEL := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: search test fast soak coverage lint clean

search: $(STAMP)
	$(BIN)/python -m search.run --regime supcon --trials 50 --patience auto \
	  --data embedded --model minilm

test: lint
	$(BIN)/python -m pytest -q -m "not soak" $(PARALLEL) --durations=10

fast: $(STAMP)
	$(BIN)/python -m pytest -q -m "not slow and not soak" $(PARALLEL)

soak: $(STAMP)
	$(BIN)/python -m pytest -q -m soak $(PARALLEL) --durations=10

coverage: $(STAMP)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -m "not soak" $(PARALLEL)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(STAMP): pyproject.toml
	$(PYTHON) -c "import sys; v = sys.version_info; assert v >= (3, 11), \
	  f'Regimen needs Python 3.11 or newer, this is {v[0]}.{v[1]}: make PYTHON=python3.12'"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[embedded,dev]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) build *.egg-info .coverage .coverage.*
