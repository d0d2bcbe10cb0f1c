.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test real-jobs lint check bench fit held-out gpu-check fuzz docs lock clean

venv := .venv
bin := $(venv)/bin
installed := $(venv)/.installed
pip := $(bin)/python -m pip --disable-pip-version-check --no-input -qq

# The first Python on the path that will do; `make PYTHON=/path/to/python setup` names another.
PYTHON ?= python3.11 python3 python3.12 python3.13 python3.14
will_do := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

setup: $(installed) ## make .venv with everything the lock holds (at once when nothing changed)

$(installed): requirements.lock pyproject.toml
	@$(bin)/python -c '$(will_do)' 2>/dev/null || { \
	  for python in $(PYTHON) ''; do \
	    if [ -n "$$python" ] && "$$python" -c '$(will_do)' >/dev/null 2>&1; then break; fi; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "spacegrey needs Python 3.11 or newer with its venv module, and found none (Debian: apt install python3-venv)" >&2; \
	    exit 1; \
	  fi; \
	  "$$python" -m venv --clear $(venv); }
	@echo "installing requirements.lock into $(venv) (a minute or two, once)"
	@$(pip) install --require-hashes --requirement requirements.lock
	@$(pip) install --no-deps --no-build-isolation --editable .
	@touch $@

run: setup ## the first run: Cinebench R15 over and over on the iMac Pro, as a table, a Parquet file and a page
	$(bin)/spacegrey run cinebench-r15-loop --on imac-pro --save run.parquet --report report.html

test: setup ## the tests, on two processes
	tests/system-packages.sh
	$(bin)/pytest --numprocesses 2 -p no:benchmark -m 'not alone' $(ARGS)

real-jobs: setup ## real jobs, recorded and predicted: needs two cores that do nothing else (five to ten minutes)
	$(bin)/pytest -p no:benchmark -m alone --capture=no tests/recording

lint: setup ## style, types and the direction of imports
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/pyright
	$(bin)/lint-imports --no-logo

check: lint test ## lint, then test

bench: setup ## the benchmarks, each beside its reference
	$(bin)/pytest benchmarks --benchmark-only $(ARGS)
	$(bin)/python -m benchmarks.report
	$(bin)/python -m benchmarks.batch.report
	$(bin)/python -m benchmarks.cluster
	$(bin)/python -m benchmarks.decide
	$(bin)/python -m benchmarks.disk
	$(bin)/python -m benchmarks.starting

fit: setup ## fit the machines' free parameters to the calibration rows
	$(bin)/python -m spacegrey.simulation.validation.fitting

fuzz: setup ## a million inputs for each reader of foreign bytes, guided by coverage (Linux; some hours)
	@[ -x $(venv)/fuzz/bin/python ] || { $(bin)/python -m venv --clear $(venv)/fuzz && $(venv)/fuzz/bin/python -m pip \
	  --disable-pip-version-check --no-input -qq install --editable '.[fuzz]'; }
	$(venv)/fuzz/bin/python -m fuzz all --engine atheris $(ARGS)

held-out: setup ## leave each chip out of the fit of speeds in turn, and predict it from the others
	$(bin)/python -m spacegrey.simulation.validation.held_out

gpu-check: setup ## compile the GPU's kernel, on any computer (its compiler goes aside, into .venv/gpu: 1.7 GB)
	@[ -x $(venv)/gpu/bin/pytest ] || { $(bin)/python -m venv --clear $(venv)/gpu && $(venv)/gpu/bin/python -m pip \
	  --disable-pip-version-check --no-input -qq install --editable '.[gpu,test]'; }
	$(venv)/gpu/bin/pytest tests/gpu $(ARGS)

docs: setup ## the documentation, in docs/_build/html; pages' tables and outputs are written anew
	tests/system-packages.sh
	$(bin)/python docs/make_tables.py
	$(bin)/python docs/make_ownership.py
	$(bin)/python docs/make_drawing.py
	$(bin)/python docs/make_desks.py
	$(bin)/python docs/make_validation.py
	$(bin)/python docs/make_speed.py
	$(bin)/python docs/make_rivals.py
	$(bin)/python docs/make_outputs.py
	$(bin)/sphinx-build --fail-on-warning --keep-going --quiet --builder html docs docs/_build/html

lock: setup ## remake requirements.lock with the newest versions that fit together
	$(bin)/uv pip compile pyproject.toml --extra dev --universal --fork-strategy fewest --python-version 3.11 \
	  --generate-hashes --no-header --upgrade --quiet --output-file requirements.lock

clean: ## remove everything that make made
	rm -rf $(venv) build dist docs/_build docs/gallery .hypothesis .benchmarks .pytest_cache .ruff_cache .import_linter_cache
	rm -rf fuzz-found
	rm -f run.parquet report.html
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
