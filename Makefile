# Targets call `python -m akasa`; the logic is there. Needs GNU make, and Python 3.11+ or conda.
# PYTHON makes .venv. An option of akasa is a variable of the same name: AS_OF=2025-10-31 is --as-of 2025-10-31.
PYTHON ?= python3
ifeq ($(and $(CONDA_PREFIX),$(CONDA_DEFAULT_ENV)),akasa)
python := "$(CONDA_PREFIX)/bin/python"
else
python := .venv/bin/python
has = $(addprefix .venv/.has-,$(1) $(aws) report)
# Whoever names a bucket or an AWS secret, to make or in .env, needs the extra aws.
of_aws := INCOMING_URL WAREHOUSE_URL PUBLISH_URL AWS_SECRET_NAME
in_env_file := $(shell grep -sE '^(export )?($(subst $() ,|,$(of_aws)))=.' '$(or $(AKASA_ENV_FILE),.env)')
aws := $(if $(strip $(foreach name,$(of_aws),$($(name))) $(in_env_file)),aws)
endif
quoted = '$(subst ','\'',$(strip $($(1))))'
option = $(if $(strip $($(1))),--$(shell echo $(1) | tr A-Z_ a-z-) $(call quoted,$(1)))
akasa = $(strip $(python) -m akasa$(3) $(1) $(foreach name,$(2),$(call option,$(name))))
pytest = $(python) -m pytest -n auto
fast = akasa $(addprefix tests/,test_main.py workspace ingest validate kpis report run road/test_docs.py)
# A variable on the command line that the help of no target names is an error, before anything runs.
given := $(sort $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name))))
ifneq ($(filter-out PYTHON,$(given)),)
known := $(shell $(firstword $(wildcard .venv/bin/python) $(PYTHON)) .ci/given '$(MAKECMDGOALS)' '$(given)')
$(if $(filter no,$(known)),$(error nothing was run))
endif
# A failure prints the command to go on with: that of make, where make called.
again = report backfill withdraw migrate notebooks
$(again): export AKASA_MAKE = $@ $(given)
$(again): export AKASA_MAKE_FROM = $(PWD)

.NOTPARALLEL:
.PHONY: help report explain backfill withdraw flow diff rejects migrate notebooks lab lab-reset up seed down test test-long test-containers fuzz check coverage lint bench env lock clean
help: ## list the targets; `make` alone does the same
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-15s %s\n", $$1, $$2} /^## /{printf "%20s %s\n", "", substr($$0, 4)}' Makefile

report: $(has) ## ingest, validate, compute, reconcile: outputs/index.html
## [ENGINE=pandas|dask|both] [AS_OF=YYYY-MM-DD] [WINDOW_DAYS=30] [TOP_N=10]
## [ON_REFUSED=stop|skip] [MAX_REJECT_RATIO=0.10] [MAX_REPLACED_RATIO=1] [TODAY=YYYY-MM-DD]
## [KNOWN_BY=YYYY-MM-DD: of the deliveries first seen by then, in outputs/known_by/]
## [FORCE=1: all steps | FROM=03_kpis_sql: that one and those behind it | ONLY=05_report: that one alone]
	$(call akasa,report $(if $(FORCE),--force),FROM ONLY KNOWN_BY ENGINE AS_OF WINDOW_DAYS TOP_N ON_REFUSED MAX_REJECT_RATIO MAX_REPLACED_RATIO TODAY)
explain: $(has) ## the delivered lines that make a number: KPI=regional_revenue [WHERE='region=South'] [AS_OF=YYYY-MM-DD] [WINDOW_DAYS=30] [TOP_N=10] [FORMAT=table|json|csv]
## or the story of one thing: KPI=order WHERE=ORD-2025-0019, KPI=customer WHERE=CUST-011, KPI=number WHERE=9886743109
	$(call akasa,explain $(call quoted,KPI) $(if $(WHERE),$(call quoted,WHERE)),AS_OF WINDOW_DAYS TOP_N FORMAT)
backfill: $(has) ## derive all again under the rules of today, or some days: [START=YYYY-MM-DD END=YYYY-MM-DD] [DRY_RUN=1]
	$(call akasa,backfill $(if $(DRY_RUN),--dry-run),START END)
withdraw: $(has) ## take a delivery back as if it had never come: NAME=incoming/x.xml [DRY_RUN=1]
	$(call akasa,withdraw $(if $(DRY_RUN),--dry-run) $(call quoted,NAME))
flow: $(call has,flow) ## the report by Prefect: on the server that PREFECT_API_URL names, else on one of its own
## [PREFECT_API_URL=http://127.0.0.1:4200/api] [SERVE=1 CRON='30 5 * * *' TIMEZONE=Asia/Kolkata: every day, and
## whenever it is asked for] [ENGINE=] [AS_OF=] [WINDOW_DAYS=] [TOP_N=] [ON_REFUSED=] [MAX_REJECT_RATIO=] [MAX_REPLACED_RATIO=] [TODAY=]
## [FORCE=] [FROM=] [ONLY=] [KNOWN_BY=] as of make report
	$(call akasa,$(if $(FORCE),--force) $(if $(SERVE),--serve),CRON TIMEZONE FROM ONLY KNOWN_BY ENGINE AS_OF WINDOW_DAYS TOP_N ON_REFUSED MAX_REJECT_RATIO MAX_REPLACED_RATIO TODAY,.flow)
diff: $(has) ## what differs between two runs that are kept: [RUN1=previous] [RUN2=latest] [FORMAT=table|json]
	$(call akasa,diff $(if $(RUN1),$(call quoted,RUN1),previous) $(if $(RUN2),$(call quoted,RUN2),latest),FORMAT)
rejects: $(has) ## what was turned away, open or not: [OPEN=1] [REASON=] [DELIVERY=] [FORMAT=table|json|csv]
## [EXPORT=repair.xml|repair.csv: write open ones out, to be mended and delivered again [FORCE=1: over that file]]
	$(call akasa,rejects $(if $(OPEN),--open) $(if $(FORCE),--force),REASON DELIVERY FORMAT EXPORT)
migrate: $(has) ## bring the database to the tables that this version expects
	$(call akasa,migrate)
notebooks: $(has) ## re-execute the committed notebooks on the sample
	$(call akasa,notebooks)
lab: $(call has,lab) ## open the notebooks in JupyterLab, as copies in work/ [LAB='--port 8890 --no-browser']
	$(strip $(python) -m akasa lab $(LAB))
lab-reset: $(has) ## copy the notebooks into work/ anew; those that you changed are kept
	$(call akasa,lab --reset)

up: ## start MySQL, JupyterLab (http://127.0.0.1:8888), Prefect (:4200) and its flows in containers; .env has their secrets
	mkdir -p data/incoming
	docker compose up --build --detach
seed: ## one run of the workbook on data/ in its container: outputs/containers/index.html
	mkdir -p data/incoming
	docker compose run --build --rm workbook report
	docker compose cp lab:/srv/akasa/outputs/. outputs/containers
down: ## stop the containers and remove them [VOLUMES=1: and all that they have stored]
	docker compose down $(if $(VOLUMES),--volumes)

test: lint ## lint, then every test but the long proofs
	$(pytest)
test-long: $(call has,dev) ## the long proofs: kills at many writes, and so on [KILL_EVERY=15]
	$(pytest) -m long
test-containers: $(call has,dev) ## build the image and run it, on MySQL, too: as root, with buildah and podman
	$(python) -m pytest -m containers tests/containers
fuzz: $(call has,dev) ## the readers beside slower ones, on made and spoilt files [EXAMPLES=50000]
	FUZZ_EXAMPLES=$(or $(EXAMPLES),50000) $(pytest) -m long -k fuzz tests/ingest/readers
check: lint ## lint and the fast tests, within a minute
	$(pytest) -m "not long and not slow" $(fast)
coverage: $(call has,dev) ## which lines of akasa/ the tests run: outputs/coverage/index.html
	$(pytest) --cov --cov-report=html
lint: $(call has,dev) ## check style, types, and who imports whom
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy
	$(python) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' --no-cache --no-logo
bench: $(call has,bench) ## time every stage beside its peers [SIZE=1000000] [RUNS=5] [ONLY=reading,loads,…]
	PYTHONPATH=tests $(python) -m bench $(or $(SIZE),1000000) $(or $(RUNS),5) $(ONLY)

env: $(call has,$(EXTRA)) ## build .venv from requirements.lock, unless the conda environment `akasa` is active
## [EXTRA=aws|bench|dev|flow|lab: with what it adds; targets that need one bring it along; dev has all]
	@echo "Python: "$(python)
.venv/.has-%: requirements.lock pyproject.toml
	@.ci/venv "$(PYTHON)" $*
lock: ## pin all that pyproject.toml asks for in requirements.lock (UPGRADE=1: to the newest versions)
	@.ci/lock "$(PYTHON)" $(if $(UPGRADE),--upgrade)
clean: ## remove outputs and derived data; deliveries stay
	find outputs -mindepth 1 ! -path outputs/.gitkeep -delete
	rm -rf data/staging data/judged data/audits data/profiles data/rejects data/warehouse data/exact data/failed data/akasa.db* data/.database.json data/.run* data/.publish*
