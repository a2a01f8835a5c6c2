# make demo    a two-node incident, investigated, explained and searched
# make test    the tests, against the built wheel
# make lint    ruff and mypy
# make docs    the documentation as pages, every warning being an error
# make accuracy  how right the conclusions are, on 1,000 simulated incidents of each kind (minutes)
# Needs Python 3.11 or newer and nothing else; everything is installed into .venv.

# The first of these that is new enough; override with `make PYTHON=/path/to/python3 demo`.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
PACKAGES := cli forensics parsers samples
SOURCES := $(shell find $(PACKAGES) -name '*.py' -o -name '*.toml' -o -name '*.cmd' -o -name '*.j2' -o -name '*.css' -o -name '*.js' -o -name py.typed)
# Part of the stamps' name, so that a deleted file means a new wheel as a changed one does.
LISTING := $(shell printf '%s\n' $(SOURCES) | sort | cksum | cut -d' ' -f1)
WHEEL = $(firstword $(wildcard build/wheel/*.whl))
DEMO := samples/incidents/failover-in-window.zip

.PHONY: demo test lint format docs wheel-check bench accuracy clean
.DELETE_ON_ERROR:

# Shows a command as it is typed, and runs it.
show = @echo; echo '$$ $(1)'; $(BIN)/$(1)

demo: .venv/installed-$(LISTING)
	@mkdir -p demo && rm -f demo/case.db demo/bundle.zip
	$(call show,ccrf investigate $(DEMO) --case demo/case.db)
	$(call show,ccrf roles demo/case.db)
	$(call show,ccrf roles demo/case.db --explain transition:3)
	$(call show,ccrf timeline demo/case.db --since 2008-01-09T02:37:30 --until 2008-01-09T02:38:00)
	$(call show,ccrf events demo/case.db --source FSECCRService --limit 10)
	$(call show,ccrf backups list demo/case.db)
	$(call show,ccrf overwrites demo/case.db --explain overwrite:1)
	$(call show,ccrf report demo/case.db -o demo)
	$(call show,ccrf bundle create demo/case.db --ticket SAMPLE-1 -o demo/bundle.zip --evidence $(DEMO))
	$(call show,ccrf bundle verify demo/bundle.zip)
	$(call show,ccrf overwrites demo/case.db)

# The tests import the installed wheel, never this folder; CCRF_INSTALLED lets a test hold that.
test: .venv/test-$(LISTING)
	CCRF_INSTALLED=1 $(BIN)/pytest $(PYTEST_ARGS)

lint: .venv/lint-$(LISTING)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/lint-$(LISTING)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel-check: .venv/wheel-$(LISTING)
	@printf '%s\n' $(SOURCES) | LC_ALL=C sort > build/tree.txt
	@$(BIN)/python -m zipfile -l $(WHEEL) | awk 'NR > 1 {print $$1}' | grep -v dist-info | LC_ALL=C sort > build/wheel.txt
	@diff build/tree.txt build/wheel.txt && echo "The wheel holds every file of the tree ($$(wc -l < build/tree.txt))."

docs: .venv/docs-$(LISTING)
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo 'docs/_build/html/index.html'

bench: .venv/installed-$(LISTING)
	$(PIP) install '$(WHEEL)[bench]'
	$(BIN)/python benchmarks/run.py

accuracy: .venv/installed-$(LISTING)
	$(BIN)/python benchmarks/accuracy.py --seeds 1000
	$(BIN)/python benchmarks/losses.py --seeds 1000

clean:
	rm -rf .venv build dist demo *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# setuptools lives in .venv, so that a changed source is rebuilt and reinstalled without network.
.venv/ready:
	@test -n "$(PYTHON)" || { echo 'No Python 3.11 or newer was found: make PYTHON=/path/to/python3 ...' >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(PIP) install 'setuptools>=70.1'
	@touch $@

.venv/wheel-$(LISTING): .venv/ready pyproject.toml README.md LICENSE $(SOURCES)
	@rm -rf build && mkdir -p build/wheel
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir build/wheel .
	@rm -f .venv/wheel-* && touch $@

.venv/installed-$(LISTING): .venv/wheel-$(LISTING)
	$(PIP) install '$(WHEEL)'
	$(PIP) install --no-deps --force-reinstall '$(WHEEL)'
	@rm -f .venv/installed-* && touch $@

.venv/test-$(LISTING): .venv/installed-$(LISTING)
	$(PIP) install '$(WHEEL)[test]'
	@rm -f .venv/test-* && touch $@

# The wheel's own requirements are there too: mypy reads the types of the libraries.
.venv/lint-$(LISTING): .venv/test-$(LISTING)
	$(PIP) install '$(WHEEL)[lint]'
	@rm -f .venv/lint-* && touch $@

.venv/docs-$(LISTING): .venv/installed-$(LISTING)
	$(PIP) install '$(WHEEL)[docs]'
	@rm -f .venv/docs-* && touch $@
