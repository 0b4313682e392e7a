# Targets call `python -m akasa`; the logic is there. Needs GNU make, and Python 3.11+ or conda.
PYTHON ?= python3
ifeq ($(and $(CONDA_PREFIX),$(CONDA_DEFAULT_ENV)),akasa)
python := "$(CONDA_PREFIX)/bin/python"
else
python := .venv/bin/python
installed := .venv/.installed
endif
option = $(if $(strip $($(2))),--$(1) '$(strip $($(2)))')

.PHONY: help report backfill migrate notebooks lab test lint bench env lock clean
help: ## list the targets; `make` alone does the same
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s %s\n", $$1, $$2} /^## /{printf "%15s %s\n", "", substr($$0, 4)}' Makefile

report: $(installed) ## ingest, validate, compute, reconcile: outputs/index.html
## [ENGINE=pandas|dask|both] [AS_OF=YYYY-MM-DD] [WINDOW_DAYS=30] [TOP_N=10]
## [ON_REFUSED=stop|skip] [MAX_REJECT_RATIO=0.10]
	$(strip $(python) -m akasa report $(call option,engine,ENGINE) $(call option,as-of,AS_OF) \
	  $(call option,window-days,WINDOW_DAYS) $(call option,top-n,TOP_N) \
	  $(call option,on-refused,ON_REFUSED) $(call option,max-reject-ratio,MAX_REJECT_RATIO))

backfill: $(installed) ## derive a range of days again, under the rules of today: START=YYYY-MM-DD END=YYYY-MM-DD [DRY_RUN=1]
	$(strip $(python) -m akasa backfill $(call option,start,START) $(call option,end,END) $(if $(DRY_RUN),--dry-run))

migrate: $(installed) ## bring the database to the tables that this version expects
	$(python) -m akasa migrate

notebooks: $(installed) ## re-execute the committed notebooks on the sample
	$(python) -m akasa notebooks

lab: $(installed) ## open the notebooks in JupyterLab
	$(python) -m jupyterlab notebooks/

test: lint ## lint, then run every test
	$(python) -m pytest

lint: $(installed) ## check style and types
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy

bench: $(installed) ## time every stage beside its peers [SIZE=1000000] [RUNS=5] [ONLY=reading,loads,…]
	PYTHONPATH=tests $(python) -m bench $(or $(SIZE),1000000) $(or $(RUNS),5) $(ONLY)

env: $(installed) ## build .venv from requirements.lock, unless the conda environment `akasa` is active
	@echo "Python: "$(python)

# A .venv that works, whoever made it, is updated in place; one that doesn't is made anew.
.venv/.installed: requirements.lock pyproject.toml
	@echo "Setting up .venv from requirements.lock; the first time takes about two minutes"
	@.venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo >&2 \
	    "akasa needs Python 3.11 or newer; $(PYTHON) is: $$($(PYTHON) --version 2>&1). Name another: make env PYTHON=python3.12"; exit 1; }; \
	  $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo >&2 \
	    "$(PYTHON) cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv; with uv: uv venv --seed .venv"; exit 1; }; \
	  $(PYTHON) -m venv --clear .venv; }
	@.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

lock: ## pin all that pyproject.toml asks for in requirements.lock (UPGRADE=1: to the newest versions)
	@uv=$$(mktemp -d) && trap 'rm -rf "$$uv"' EXIT && $(PYTHON) -m venv "$$uv" && "$$uv/bin/pip" install -q uv && \
	"$$uv/bin/uv" pip compile -q pyproject.toml --extra aws --extra bench --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate $(if $(UPGRADE),--upgrade) -o requirements.lock

clean: ## remove outputs and derived data; deliveries stay
	find outputs -mindepth 1 ! -path outputs/.gitkeep -delete
	rm -rf data/staging data/rejects data/warehouse data/failed data/akasa.db* data/.run*
