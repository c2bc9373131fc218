# The workflow in five words: setup, demo, test, prove, check.
PYTHON ?= $(firstword $(foreach p,python3.13 python3.12 python3.11 python3,$(shell $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
SOURCES := learnlake lrs people warehouse api pipelines models dashboards data_contracts sources cli tests benchmarks

.PHONY: help setup demo test prove check format lock clean

help:            ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(READY)  ## prepare .venv with every package a user needs, uv included

$(READY): requirements/runtime.txt requirements/uv.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Learnlake needs Python 3.11 or newer on PATH; set PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements/uv.txt
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements/runtime.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(READY_DEV): $(READY) requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements/dev.txt
	@touch $@

demo: setup      ## start everything with a sample school, print addresses and log-ins, stay in front
	$(BIN)/learnlake demo

test: $(READY_DEV)      ## every test, at a size that ends in 20 minutes
	$(BIN)/python -m tests.prepare
	$(BIN)/pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder

prove: $(READY_DEV)     ## the same tests at full size, and the benchmarks
	$(BIN)/python -m tests.prepare
	LEARNLAKE_FULL=1 $(BIN)/pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder --timeout=3600
	$(BIN)/python -m benchmarks

check: $(READY_DEV)     ## format, lint and types
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	@! ls people/migrations/versions | cut -c1-5 | grep ^v | sort | uniq -d | grep . || { echo "two migrations of people.db have the same number: renumber the newer"; exit 1; }

format: $(READY_DEV)    ## mend what ruff can mend
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

lock: setup      ## compile the hashed requirements from the ranges in pyproject.toml
	$(UV) pip compile requirements/uv.in --universal --generate-hashes --no-emit-index-url --quiet -o requirements/uv.txt
	$(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --excludes requirements/excludes.txt --quiet -o requirements/runtime.txt
	$(UV) pip compile pyproject.toml --group dev --extra postgres --extra ldap --universal --python-version 3.11 --generate-hashes --no-emit-index-url --excludes requirements/excludes.txt -c requirements/runtime.txt --quiet -o requirements/dev.txt

clean:           ## remove the environment and the home folder
	rm -rf $(VENV) var
