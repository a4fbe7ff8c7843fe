# Two commands: `make search` runs the main job on what comes with Regimen, `make test` runs the tests. Both make the environment first.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
BIN := $(VENV)/bin

.PHONY: search test fast slow lint clean

search: $(STAMP)
	$(BIN)/python -m search.run --regime supcon --trials 50 --data embedded --model minilm

test: lint fast slow

fast: $(STAMP)
	$(BIN)/python -m pytest -q -m "not slow"

slow: $(STAMP)
	$(BIN)/python -m pytest -q -m slow --durations=10

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(STAMP): pyproject.toml
	$(PYTHON) -c "import sys; assert sys.version_info >= (3, 11), f'Regimen needs Python 3.11 or newer; this is {sys.version.split()[0]}. Name another: make PYTHON=python3.12'"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[embedded,dev]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) build *.egg-info
