# `make run` and `make test` do all the set-up they need in .venv.
PYTHON ?= python3.11
BIN := .venv/bin
export TRELLIS_SAMPLES

.PHONY: run test quick bench lint types format clean setup

run: setup ## mine on the local subnet with the Dagster UI at http://127.0.0.1:3000
	$(BIN)/trellis-assets mine --ui

test: setup lint types ## everything that must hold
	$(BIN)/pytest -n 2 --dist loadgroup

quick: setup ## unit tests only
	$(BIN)/pytest -n 2 -m "not slow"

bench: setup ## measure, and write docs/figures.md
	$(BIN)/python benchmarks/figures.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: .venv/installed .venv/compiled

# torch first and alone: the range admits builds with gigabytes of GPU libraries, 2.13.0 has a CPU wheel.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet "torch==2.13.0"
	$(BIN)/pip install --quiet --constraint constraints.txt --group dev --editable ".[neural]"
	touch $@

# The renderer's kernels are compiled once, here, and not while a task waits.
.venv/compiled: .venv/installed trellis_assets/adapters/rendering/kernels.py
	$(BIN)/python -c "from trellis_assets.adapters.rendering.cpu import warm_up; warm_up()"
	touch $@

clean: ## the environment and caches; data/ is kept
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
