# make demo   a dataset from the sample documents, on a bare machine
# make test   lint, types and tests, on a bare machine
# Both make a virtual environment in .venv and install what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# make cannot have blanks in names; the sample documents have them and are left out
SOURCES := $(shell find datakit prompts schemas -type f -not -path '*/__pycache__/*' -not -name '* *' -not -path '* *')

.PHONY: demo test lint bench clean

demo: $(VENV)/.demo
	$(BIN)/datakit build --sample -o out

# a process a core (threads within them would only wait for each other), each file in one process
test: $(VENV)/.test lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 8 --dist loadfile
	PYTHONPATH=. $(BIN)/pytest -q tests/test_layers.py tests/contracts

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.test
	for file in tests/bench/bench_*.py; do $(BIN)/python $$file || exit 1; done

clean:
	rm -rf $(VENV) out build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("datakit needs Python 3.11 or newer, found %d.%d: set PYTHON=" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

# the package is installed as a wheel, not linked: what is tested is what people install
$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt $(SOURCES)
	$(PIP) install -q -c constraints.txt '.[offline]'
	$(PIP) install -q --no-deps --force-reinstall .
	touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml constraints.txt $(SOURCES)
	$(PIP) install -q -c constraints.txt '.[test]'
	$(PIP) install -q --no-deps --force-reinstall .
	touch $@
