# Zarr Notebooks: `make` lists the targets. Needs Python >= 3.12, make and git; everything else is set up here.
.DEFAULT_GOAL := help
.PHONY: tests azurite javascript npm-if-possible help lab test render slides style lint types unit notebooks bench lock readme browser test-long newest newest-tests figures memory minutes workshop site clean setup check-python redis

# In an activated conda environment made from environment.yml that one is used, elsewhere .venv.
VENV ?= $(if $(filter zarr-notebooks,$(CONDA_DEFAULT_ENV)),$(CONDA_PREFIX),.venv)
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
ROOT_OPTION :=
else
BIN := $(VENV)/bin
ROOT_OPTION := $(if $(filter 0,$(shell id -u)),--allow-root)
endif
# The first Python on PATH that is new enough, or empty.
PYTHON ?= $(shell for p in python3 python3.13 python3.14 python3.12 python py; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1 && echo $$p && break; done)
PY := $(BIN)/python
# Stamps: what the lessons need is installed; what tests and tools need besides.
READY := $(VENV)/.zarr-notebooks-ready
DEV_READY := $(VENV)/.zarr-notebooks-dev-ready
# uv is much faster than pip, takes the same locks and is told pip's index, if another one than usual; where it fails, pip goes on.
INDEX = $(or $(PIP_INDEX_URL),$(shell $(PY) -m pip config get global.index-url 2>/dev/null))
UV = $(if $(INDEX),UV_DEFAULT_INDEX=$(INDEX)) $(PY) -m uv pip install --python $(PY)
install = $(UV) $(1) || $(PY) -m pip install $(1)
PYTEST := $(PY) -m pytest
JOBS ?= 3
COMPARE ?= --nbval
COMPARED = -p tools.strict_nbval $(COMPARE) --nbval-current-env --nbval-cell-timeout 90
# The files that take longest come first: at the end no worker waits for another.
LESSON = $(wildcard notebooks/$(NB)*.ipynb tests/test_lesson_$(NB).py) tests/test_notebooks.py tests/test_stored_outputs.py
LONGEST = $(wildcard notebooks/13_*.ipynb notebooks/12_*.ipynb notebooks/08_*.ipynb notebooks/07_*.ipynb) notebooks tests/test_strict_nbval.py
# The order of the lessons in one kernel: another one every day, and test-long says which.
LESSONS_SEED ?= $(shell date +%Y%m%d)
export PYTHONHASHSEED := 0

help:  ## list the targets
	@echo "Zarr Notebooks: make TARGET"
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

lab: $(READY) redis  ## open JupyterLab on notebooks/ (PORT=8888 ARGS=--no-browser)
	$(PY) -m jupyter lab --LabApp.default_url=/lab/tree/notebooks $(ROOT_OPTION) $(if $(PORT),--port=$(PORT)) $(ARGS)

test: $(DEV_READY) lint $(if $(NB),,types) style tests  ## run all checks and compare all outputs (NB=03 for one lesson, ARGS='-k redis')
	@echo "== all passed"

render: $(READY)  ## execute lessons and store their outputs (NB=03 for one, ARGS=--fresh to measure again)
	$(PY) -m tools.render $(NB) $(ARGS)

style: $(READY)  ## measure the lessons against the norms for notebooks
	@echo "== style of the lessons"
	@$(PY) -m tools.style $(NB)

bench: $(READY)  ## measure speed against peers and limits, as ratios in one run
	$(PY) -m benchmarks

newest:  ## run everything, comparing nothing, against the newest releases (in .venv-newest)
	$(PYTHON) -m venv .venv-newest
	$(MAKE) newest-tests VENV=.venv-newest

newest-tests:
	$(PY) -m pip install --upgrade --editable '.[dev]'
	@$(PY) -c "import pathlib; [pathlib.Path(stamp).touch() for stamp in ('$(READY)', '$(DEV_READY)')]"
	$(MAKE) unit notebooks VENV=$(VENV) COMPARE=--nbval-lax ARGS="--ignore=tests/test_project.py"

lint: $(DEV_READY)
	@echo "== ruff"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .

types: $(DEV_READY)
	@echo "== mypy"
	@$(PY) -m mypy

tests: $(DEV_READY) $(if $(NB),,npm-if-possible)
	@echo "== helper tests, and notebooks with their outputs compared"
	@$(PYTEST) -q -rs $(if $(NB),,-n $(JOBS) --dist loadfile --no-loadscope-reorder) --ignore=tests/browser $(COMPARED) \
		$(if $(NB),-k $(NB) $(LESSON),$(LONGEST) tests helpers) $(ARGS)

unit: $(DEV_READY) npm-if-possible
	@echo "== helper tests"
	@$(PYTEST) -q -rs -n $(JOBS) --dist worksteal --ignore=tests/browser $(ARGS)

notebooks: $(DEV_READY)
	@echo "== notebooks, outputs compared"
	@$(PYTEST) -q -n $(JOBS) --dist loadfile $(COMPARED) $(if $(NB),$(wildcard notebooks/$(NB)*.ipynb),notebooks)

test-long: $(DEV_READY)  ## the tests that count: 10,000 selections and reads, 200 kills, xarray's own, all lessons in one kernel
	PLAN_EXAMPLES=10000 STREAM_READS=10000 REDIS_KILLS=20 STATEFUL_EXAMPLES=200 RAIN_MUTATIONS=2000 APPEND_KILLS=200 \
		COMMITS=25 PARALLEL_RACES=50 XARRAY_SUITE=1 LESSONS_SEED=$(LESSONS_SEED) \
		$(PYTEST) -q -n $(JOBS) --timeout 3600 tests/test_one_kernel.py \
		$(addprefix tests/,append cost counting parallel rain redis stream) $(ARGS)

browser: $(DEV_READY)  ## run lessons in a real browser (needs chromium)
	$(call install,--quiet --require-hashes -r tests/browser/requirements.lock)
	$(PYTEST) -q $(or $(ARGS),tests/browser)

lock: $(DEV_READY)  ## renew the locks and what is made from it
	$(PY) -m tools.locks

slides: $(READY)  ## make slides of every lesson, build/slides/index.html (NB=03 for one; needs Node.js 20 or later, for npm)
	@command -v npm >/dev/null 2>&1 && $(MAKE) --no-print-directory javascript; $(PY) -m tools.slides $(NB)

readme: $(READY)  ## renew what is made from the lessons: tables and links of README.md, outlines, CITATION.cff
	$(PY) -m tools.readme
	$(PY) -m tools.outlines

minutes: $(READY)  ## print how long each lesson takes (ARGS=--write enters it)
	$(PY) -m tools.minutes $(NB) $(ARGS)

memory: $(READY)  ## measure the memory that each lesson takes, kernel and children
	$(PY) -m tools.memory $(NB)

figures: $(READY)  ## put all figures on one page, build/figures.html, and say what is wrong with them
	$(PY) -m tools.figures $(NB)

site: $(READY)  ## make the site of lessons, helpers and teaching pages, build/site/html
	$(call install,--quiet --require-hashes -r docs/requirements.lock)
	$(PY) -m tools.site

workshop: $(DEV_READY)  ## make copies for learner, live coding and instructor (ARGS=--offline: a zip for a room without network)
	$(PY) -m tools.workshop $(NB) $(ARGS)

clean:  ## remove the environment and all caches
	rm -rf .venv .venv-newest .venv-zarr2 servers/node_modules javascript/node_modules build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(DEV_READY) redis npm-if-possible  ## only set everything up

redis: $(READY)
	@$(PY) -m helpers.servers

AZURITE := servers/node_modules/.package-lock.json
JAVASCRIPT := javascript/node_modules/.package-lock.json

azurite: $(AZURITE)  ## install Azurite, which plays Azure Blob Storage (needs Node.js 20 or later)

javascript: $(JAVASCRIPT)  ## install zarrita (lesson 14) and reveal.js (slides) (needs Node.js 20 or later)

%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	npm ci --prefix $* --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# Where npm is there; without it, or without a network, the tests that need these are skipped and say so.
npm-if-possible:
	@if command -v npm >/dev/null 2>&1; then $(MAKE) --no-print-directory azurite javascript; else false; fi \
		|| echo "== no Azurite, no zarrita: what needs them is skipped (make azurite javascript)"

check-python:
	@test -n "$(PYTHON)" || { echo "Zarr Notebooks needs Python 3.12 or later, and none is on PATH. Install one" \
		"(https://www.python.org/downloads/), or name one: make lab PYTHON=/path/to/python3.13" >&2; exit 1; }

$(READY): requirements.lock pyproject.toml
	@$(MAKE) --no-print-directory check-python
	@echo "== setting up $(VENV), once (about a minute)"
	@test -x $(PY) || test -x $(PY).exe || $(PYTHON) -m venv $(VENV) || { echo "Python cannot make an environment here." \
		"On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@awk '/^[a-z]/ {uv = /^uv==/} uv' requirements-dev.lock >$(VENV)/uv.lock
	@$(PY) -m pip install --quiet --require-hashes -r $(VENV)/uv.lock || echo "== no uv here: pip takes a few minutes"
	$(call install,--require-hashes -r requirements.lock)
	$(call install,--no-deps --no-build-isolation --editable .)
	@$(PY) -m jupyter labextension disable "@jupyterlab/apputils-extension:announcements" >/dev/null 2>&1 || true
	@$(PY) -c "import matplotlib.font_manager" 2>/dev/null  # the first figure need not wait for the fonts, nor say so
	@$(PY) -c "import pathlib; pathlib.Path('$(READY)').touch()"

$(DEV_READY): $(READY) requirements-dev.lock
	$(call install,--require-hashes -r requirements.lock -r requirements-dev.lock)
	@$(PY) -c "import pathlib; pathlib.Path('$(DEV_READY)').touch()"
