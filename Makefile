# Every target sets up what it needs; nothing is redone unless its inputs changed.
# PYTHON=python3.13 chooses the interpreter of .venv, ARGS="..." passes arguments on.

PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
INSTALLED := .venv/.installed
FRAMEWORKS := .venv/.frameworks
BROWSER_INSTALLED := browser/node_modules/.installed
UV_VERSION := 0.13.9

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: bench browser check clean demo fix help lock sbom setup test

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## make .venv with everything for development

demo: $(INSTALLED) ## run the whole story in one terminal (ARGS=--once ends by itself)
	$(BIN)/edgefleet demo $(ARGS)

test: $(INSTALLED) $(FRAMEWORKS) $(BROWSER_INSTALLED) ## run all tests (ARGS="-k outbox" picks some)
	.ci/system-packages mosquitto chromium
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

check: $(INSTALLED) $(BROWSER_INSTALLED) ## lint, formatting, types, import rules, wheels for devices
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	browser/node_modules/.bin/tsc --project browser
	$(BIN)/python .ci/agent-wheels
	$(BIN)/python .ci/audit

fix: $(INSTALLED) ## mend what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED) ## measure (ARGS="NAME --quick"; no ARGS lists the names)
	$(BIN)/python -m benchmarks $(ARGS)

browser: $(INSTALLED) $(BROWSER_INSTALLED) ## run the agent's core in Pyodide, under node
	$(BIN)/python -m pytest tests/pyodide $(ARGS)

sbom: $(INSTALLED) ## write what edgefleet is made of (CycloneDX)
	$(BIN)/python .ci/sbom

lock: ## pin the newest dependencies, with hashes, in requirements-*.txt and browser/
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet uv==$(UV_VERSION)
	build/lock/bin/uv pip compile pyproject.toml --extra demo --extra serve --group dev --upgrade \
	    --universal --python-version 3.11 --generate-hashes --no-config --no-header --quiet \
	    --output-file build/lock/requirements.txt
	{ echo '# Written by "make lock"; runs on Python 3.11 and later, on every platform.'; \
	  cat build/lock/requirements.txt; } > requirements-dev.txt
	build/lock/bin/uv pip compile --group frameworks --constraint requirements-dev.txt --upgrade \
	    --universal --python-version 3.11 --generate-hashes --no-config --no-header --quiet \
	    --output-file build/lock/frameworks.txt
	build/lock/bin/uv pip compile --group models --no-deps --universal --python-version 3.11 \
	    --generate-hashes --no-config --no-header --quiet --output-file build/lock/models.txt
	$(PYTHON) .ci/lock-frameworks build/lock/frameworks.txt build/lock/models.txt
	cd browser && npm update --package-lock-only --ignore-scripts
	$(PYTHON) .ci/without-funding browser/package-lock.json

clean: ## remove .venv, npm packages, builds and caches
	rm -rf .venv browser/node_modules build dist
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'edgefleet needs Python 3.11 or later as "$(PYTHON)";' \
	         'name another one: make PYTHON=python3.13 $(MAKECMDGOALS)' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
	    echo 'cannot make .venv; on Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	    --requirement requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	    --no-build-isolation --editable .
	@touch $@

# Not there afterwards if they cannot be had: the next run tries again.
$(FRAMEWORKS): $(INSTALLED) $(wildcard requirements-torch*.txt) requirements-frameworks.txt requirements-spark.txt
	@.ci/frameworks $(BIN)/python $@

$(BROWSER_INSTALLED): browser/package.json browser/package-lock.json browser/python-requirements.txt | $(INSTALLED)
	@command -v npm > /dev/null || { \
	    echo 'npm is missing: install Node.js 20 or later, which brings it' >&2; exit 1; }
	cd browser && npm ci --no-audit --no-fund
	$(BIN)/python -c 'from browser.tools import python_packages; python_packages()'
	@touch $@
