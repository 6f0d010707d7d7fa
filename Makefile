# Satchel: every command a developer needs. Needs make and Python 3.11, 3.12 or 3.13, nothing else.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh
# Some machines ask Python to write no bytecode. Every process of a test run, and there are hundreds, would then compile the
# product anew, and every process of pytest-xdist all tests.
unexport PYTHONDONTWRITEBYTECODE

# The first Python that fits. `make PYTHON=/path/to/python …` chooses another one.
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for name in python3.12 python3.13 python3.11 python3 python; do \
	"$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 \
	&& "$$name" -c 'import sys; print(getattr(sys, "_base_executable", sys.executable))' && break; done)
endif

VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m
# Arguments for pytest: make test ARGS="-k quota". Part of the tests covers part of the code, so coverage is left out then.
ARGS ?=
COVERAGE_RESULTS = .cache/coverage
MEASURED = $(if $(ARGS),,COVERAGE_RESULTS=$(CURDIR)/$(COVERAGE_RESULTS))
REPORT = $(if $(ARGS),:,$(MEASURED) $(RUN) tests.measuring.report)
# Whether there is a Node that can build GraphiQL, and what builds it unless it is built already.
NODE = command -v node >/dev/null 2>&1 && node -e 'const [a, b] = process.versions.node.split("."); process.exit(+(a < 20 || (a == 20 && b < 19)))'
GRAPHIQL = app/web/graphiql/build.mjs
# Two cores, four processes, since tests often wait for servers; for a part of the tests one is quicker than servers for four.
WORKERS = $(if $(ARGS),0,4)

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: venv ## Serve on port 8000 with demo data: SQLite, local storage, everything under ./data
	@! $(NODE) || node $(GRAPHIQL) --quiet || echo "Its page will load GraphiQL from the internet instead."
	@exec $(RUN) app serve --demo

.PHONY: graphiql
graphiql: ## Build GraphiQL, which then works without the internet (needs Node 20.19 or newer)
	@$(NODE) || { echo "make graphiql needs Node 20.19 or newer on the path; without it the page comes from a CDN" >&2; exit 1; }
	@node $(GRAPHIQL)

# Beside each other, each with its output in one piece where make can do that: the one on macOS cannot.
.PHONY: checks
checks: venv
	@$(MAKE) -j 2 $(if $(filter output-sync,$(.FEATURES)),--output-sync) types bytecode clients imports lint

.PHONY: test
test: checks ## Run all checks and tests, in at most 15 minutes on 2 cores
	@rm -rf $(COVERAGE_RESULTS) && mkdir -p $(COVERAGE_RESULTS)
	@$(MEASURED) $(RUN) pytest -n $(WORKERS) --dist worksteal -m "not long" $(ARGS)
	@$(REPORT)

.PHONY: test-full
test-full: checks ## The same with the long forms of the tests
	@rm -rf $(COVERAGE_RESULTS) && mkdir -p $(COVERAGE_RESULTS)
	@$(MEASURED) $(RUN) pytest -n $(WORKERS) --dist worksteal --timeout=3600 --hypothesis-profile=long $(ARGS)
	@$(REPORT)

COMPOSE = docker compose --file docker-compose.test.yml
# In one process: the tests empty the Redis database that they are given.
.PHONY: test-compose
test-compose: venv ## Run the tests against PostgreSQL, Redis and MinIO in containers (needs Docker Compose)
	@trap '$(COMPOSE) down --volumes' EXIT; trap 'exit 130' INT TERM; \
	$(COMPOSE) up --detach --wait postgres redis minio && $(COMPOSE) run --rm bucket && \
	TEST_DATABASE_URL=postgres://satchel:satchel-tests@127.0.0.1:15432/satchel \
	TEST_REDIS_URL=redis://127.0.0.1:16379/1 \
	TEST_S3_ENDPOINT=http://127.0.0.1:19000 TEST_S3_ACCESS_KEY_ID=satchel TEST_S3_SECRET_ACCESS_KEY=satchel-tests \
	$(RUN) pytest -n 0 -m "not long" $(ARGS)

.PHONY: clients
clients: venv ## Install the JavaScript clients that the tests drive
	@echo "Installing the JavaScript clients of tests/clients, unless they are there ..."
	@$(RUN) tests.fixtures.node

# pip would do this on one core. A file that does not compile stops nothing: packages hold some that nobody imports.
.PHONY: bytecode
bytecode: venv
	@$(BIN)/python -W ignore -m compileall -qq $(VENV)/lib app schema workers || true

.PHONY: lint
lint: venv ## Check form and style of the code
	@$(BIN)/ruff format --check --output-format concise . || { echo "make format puts this right"; exit 1; }
	@$(BIN)/ruff check .

.PHONY: types
types: venv ## Check types
	@$(RUN) mypy

.PHONY: imports
imports: venv ## Check that imports stay within the rooms of the house
	@$(BIN)/lint-imports --no-logo --cache-dir .cache/imports

.PHONY: format
format: venv ## Put the form of the code right
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: bench
bench: venv ## Measure, in ratios to other ways of doing the same; table, JSON and charts go to test-artefacts/bench
	@$(RUN) tests.bench --results test-artefacts/bench $(ARGS)

.PHONY: faults
faults: venv ## Kill, cut off and slow down every part of a deployment, for some minutes; say whether every promise held
	@$(RUN) tests.faults.driver --plan short $(ARGS)

.PHONY: faults-full
faults-full: venv ## The same with hundreds of kills, in 30 to 45 minutes
	@$(RUN) tests.faults.driver --plan full $(ARGS)

.PHONY: lock
lock: venv ## Pin the newest versions that pyproject.toml allows, with hashes (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv on the path; nothing else does"; exit 1; }
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --extra test pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --constraint requirements.lock \
		--no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements-runtime.lock

.PHONY: clean
clean: ## Remove the virtual environment, caches and test results; ./data stays
	rm -rf $(VENV) .cache .hypothesis test-artefacts tests/clients/node_modules
	rm -rf app/web/graphiql/dist* app/web/graphiql/node_modules
	find app schema workers tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The virtual environment. Its stamp is written last and says what it was made from, so that an interrupted installation,
# another lock, another Python and a folder that was moved are all seen, and put right. One that is a link to elsewhere is let
# go and not emptied: others may use it. The lock names everything, so pip is to look for no dependencies: older ones take the
# newest `aiobotocore` for `aiobotocore[boto3]`, and give up on the day that it is not the pinned one. The pip that is pinned
# comes first: it takes half the time of an older one.
.PHONY: venv
venv:
	@test -n "$(PYTHON)" || { echo "Satchel needs Python 3.11, 3.12 or 3.13, and none was found on the path." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python ..." >&2; exit 1; }
	@version="$$("$(PYTHON)" -V)"; wanted="$$(cksum < requirements.lock) $$version $(CURDIR)"; \
	if [ "$$(cat $(VENV)/stamp 2>/dev/null)" = "$$wanted" ] && $(BIN)/python -c '' 2>/dev/null; then exit 0; fi; \
	rm -f $(VENV)/stamp; \
	case "$$($(BIN)/python -V 2>&1) $$($(BIN)/pip --version 2>&1)" in \
		"$$version pip "*" from $(CURDIR)/$(VENV)/"*) ;; \
		*) echo "Making $(VENV) with $$version ..."; \
			rm -rf $(VENV); "$(PYTHON)" -m venv $(VENV) || { \
				echo "$(PYTHON) cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2; \
				exit 1; };; \
	esac; \
	echo "Installing what requirements.lock pins ..."; \
	install="$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes --no-compile"; \
	awk '/^pip==/, !/\\$$/' requirements.lock > $(VENV)/pip.lock; \
	$$install -r $(VENV)/pip.lock && $$install -r requirements.lock || exit 1; \
	echo "$$wanted" > $(VENV)/stamp
