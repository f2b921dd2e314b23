# make help lists what there is. Everything needed is fetched: a virtual environment from the hashed lock file, the
# front end through Node from its wheel, and for the tests PostgreSQL, MariaDB and Chromium (apt, when root).
# The system's own Python first: distributions build it guided by profiles, a build from source often is not, and under
# such a one a gateway process takes a fifth longer for the same call.
PYTHON ?= $(shell for each in /usr/bin/python3.11 python3.11 python3; do \
	"$$each" -c 'import ensurepip, venv' 2>/dev/null && command -v "$$each" && break; done)
VENV := .venv
BIN := $(VENV)/bin
SEED ?= 7
ONLY ?=
export PYTHONPATH := src:.

.PHONY: help up story test check bench lock
.DEFAULT_GOAL := help

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:[^#]*## /\t/' | expand -t 10

up: $(VENV)/run.ok src/guantong/site/static/vendor/ok ## build (once) and start the demo town: three nodes on this machine
	@$(BIN)/python -m examples.guangan up

story: $(VENV)/run.ok src/guantong/site/static/vendor/ok ## tell the pilot story end to end: make story SEED=7
	@$(BIN)/python -m examples.guangan story --seed $(SEED)

test: $(VENV)/dev.ok $(VENV)/spark.ok src/guantong/site/static/vendor/ok $(VENV)/servers.ok ## all tests, on SQLite and PostgreSQL, with MariaDB and Chromium
	$(BIN)/python -m pytest -q
	GUANTONG_TEST_DATABASE=postgresql $(BIN)/python -m pytest -q -m control

check: $(VENV)/dev.ok ## format, lint, types, import contract, documentation
	$(BIN)/ruff format --check src tests bench examples
	$(BIN)/ruff check src tests bench examples
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/architecture tests/docs

bench: $(VENV)/dev.ok ## measure: make bench ONLY=spine
	$(BIN)/python -m bench $(ONLY)

lock: $(VENV)/dev.ok ## make the lock files anew from pyproject.toml
	$(BIN)/uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header pyproject.toml --group build -o requirements/run.lock
	$(BIN)/uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header pyproject.toml --group dev -o requirements/dev.lock
	echo "pyspark>=4.0" | $(BIN)/uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header - -o requirements/spark.lock

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	echo "$(CURDIR)/src" > $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/guantong.pth

$(VENV)/run.ok: requirements/run.lock | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.lock
	@mkdir -p $(BIN) && printf '#!/bin/sh\nexec "$(CURDIR)/$(BIN)/python" -m guantong "$$@"\n' > $(BIN)/guantong && chmod +x $(BIN)/guantong
	@touch $@

$(VENV)/dev.ok: requirements/dev.lock $(VENV)/run.ok
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

# A whole Spark: fetched for the tests of one module, so not among the rest.
$(VENV)/spark.ok: requirements/spark.lock $(VENV)/dev.ok
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/spark.lock
	@touch $@

$(VENV)/servers.ok: deploy/servers.sh $(VENV)/dev.ok
	sh deploy/servers.sh
	@touch $@

src/guantong/site/static/vendor/ok: frontend/package-lock.json frontend/build.mjs frontend/package.json $(wildcard src/guantong/*/locale/*/LC_MESSAGES/*.po) $(VENV)/run.ok
	$(BIN)/python frontend/build.py
	@touch $@
