# Two commands matter: `make demo` and `make test`. Both need Python 3.11+, git and make only.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
DATA ?=

.PHONY: demo run test ordeal check lint types imports setup setup-dev replay-real bench bench-detect clean

setup: $(VENV)/.run
setup-dev: $(VENV)/.dev

$(VENV)/.run: requirements/uv.txt requirements/run.txt pyproject.toml edge/pyproject.toml
	@.ci/setup "$(PYTHON)" "$(VENV)" run
	@touch $@

$(VENV)/.dev: requirements/uv.txt requirements/dev.txt pyproject.toml edge/pyproject.toml
	@.ci/setup "$(PYTHON)" "$(VENV)" dev
	@touch $@ $(VENV)/.run

demo: setup
	@$(BIN)/tocsin demo $(ARGS)

run: setup
	@$(BIN)/tocsin run $(ARGS)

test: setup-dev
	@$(BIN)/python -m pytest $(ARGS)

ordeal: setup-dev
	@PYTHONPATH=.:edge:tests $(BIN)/python -m ordeal $(ARGS)

lint: setup-dev
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: setup-dev
	@$(BIN)/mypy

imports: setup-dev
	@$(BIN)/lint-imports

check: lint types imports test

replay-real: setup
	@test -n "$(DATA)" || { echo "replay-real: say where the recordings are: make replay-real DATA=DIR" >&2; exit 2; }
	@$(BIN)/tocsin replay-real "$(DATA)" $(ARGS)

bench: setup-dev
	@$(BIN)/python -m bench.pipeline $(ARGS)

bench-detect: setup-dev
	@test -n "$(DATA)" || { echo "bench-detect: say where the labelled bench is: make bench-detect DATA=DIR" >&2; exit 2; }
	@$(BIN)/python -m bench.detect.table "$(DATA)" $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info edge/*.egg-info
