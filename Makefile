# Everything a developer or a machine runs. `make help` lists it.
# PYTHON is what the environment is built with (3.11 or newer); afterwards only .venv is used.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest

.PHONY: help setup demo test test-full soak lint format proto bench bench-env bench-math bench-sandbox side-by-side reproduction reference docs constraints clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## build .venv with everything installed (pip only, works as a plain user)
	@PYTHON="$(PYTHON)" tools/setup

demo: setup ## the main job in half a minute: rollouts in; rewards, step groups and advantages out
	@$(BIN)/python -m assay_server.demo

lint: setup ## ruff and pyright
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: setup ## let ruff fix and format what it can
	@$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: lint ## lint, then every test that needs minutes at most, with the coverage gate
	@tools/apt-packages test
	$(PYTEST) -m "not full and not soak and not extras" --cov --cov-report=term --durations=10

test-full: test ## then those that need an engine, a toolchain or many minutes
	@tools/apt-packages full
	tools/setup-extras
	$(PYTEST) -m "full and not soak"
	.venv-extras/bin/python -m pytest -m extras

soak: setup ## the long runs
	@$(PYTEST) -m soak || { status=$$?; [[ $$status == 5 ]] && echo "no test is marked soak" || exit $$status; }

proto: setup ## regenerate client/assay/v1 from proto/ with the pinned generator
	@tools/generate-stubs client

bench: setup ## every benchmark in turn; each prints its method
	@status=0
	for benchmark in benchmarks/*.py; do
	    echo "== $$benchmark"
	    $(BIN)/python "$$benchmark" || status=$$?
	done
	exit $$status

bench-math: setup ## math answers per second and accuracy, side by side with Math-Verify; what hostile answers cost
	@$(BIN)/python benchmarks/math_verifiers.py
	$(BIN)/python benchmarks/hostile_math.py

bench-env: setup ## steps a second and resets of household, shop and tools; GAMES=folder adds ALFWorld's games, and its engine
	@$(BIN)/python benchmarks/environments.py $(GAMES)
	$(BIN)/python benchmarks/shop.py
	$(BIN)/python benchmarks/tools.py

bench-sandbox: setup ## isolated runs: latency, runs per second, side by side with bubblewrap + python
	@tools/apt-packages test
	$(BIN)/python benchmarks/sandbox.py
	$(BIN)/python benchmarks/sandbox_suites.py
	$(BIN)/python benchmarks/sandbox_load.py

side-by-side: setup ## this project beside what else there is, on this machine: tables, pictures, raw numbers in out/side-by-side
	@tools/apt-packages test
	$(BIN)/python -m benchmarks.side_by_side $(ONLY) $(if $(GAMES),--games $(GAMES))

reproduction: setup ## whether step groups help a small policy to learn long tasks; about ten minutes; out/reproduction
	@$(BIN)/python -m benchmarks.reproduction

reference: setup ## write docs/reference again, from the contract, the registries and docstrings
	@$(BIN)/python -m tools.reference_pages

docs: setup ## the documentation site, with every link checked, in out/site
	@tools/setup-docs
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

constraints: ## pin what a fresh environment resolves to today, for this Python
	@PYTHON="$(PYTHON)" tools/pin-constraints

clean: ## remove what the build made
	@rm -rf .venv .venv-proto .venv-docs .pytest_cache .ruff_cache .hypothesis .coverage htmlcov build dist
