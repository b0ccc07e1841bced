# Everything from here: `make help`. Nothing has to be installed first but Python 3.11 or newer, git and make.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PYTHONS := python3.11 python3.12 python3.13 python3
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help install dashboard demo motor demo-motor demo-plant demo-stream demo-drift schedule test test-long check lint browser servers bench bench-stream champion chaos ui serve services services-stop lock clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/:.*  ## /\t/' | while IFS=$$'\t' read -r name text; do printf '  make %-13s %s\n' "$$name" "$$text"; done

install: $(INSTALLED)  ## create .venv and install exactly what requirements.lock names

demo: $(INSTALLED)  ## data to served champion on FD001, with a prediction over HTTP
	smart-sentry demo

demo-motor: $(INSTALLED)  ## a simulated motor over HTTP: calibrate, verify, inject a fault
	smart-sentry demo-motor

motor: demo-motor

demo-plant: $(INSTALLED)  ## a simulated plant with service, faults, repairs and the operators' dashboard
	smart-sentry demo-plant

demo-stream: $(INSTALLED) servers  ## NASA's test engines through Kafka, a worker, PostgreSQL and Redis, against the batch figures
	smart-sentry demo-stream

demo-drift: $(INSTALLED)  ## a motor fleet drifts: findings, automation, safe recalibrations, on a Prefect server of its own
	smart-sentry demo-drift

schedule: $(INSTALLED)  ## Prefect's server, and every flow of prefect.yaml on its schedule
	smart-sentry schedule

test: $(INSTALLED) browser servers  ## run the tests, but for those of minutes each
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 10

test-long: $(INSTALLED) browser servers  ## run the tests that take minutes each: whole demos, the dashboard under load
	python -m pytest -m long --durations 15

chaos: $(INSTALLED) servers  ## kill, restart and stop everything that the stream worker needs, for many minutes
	SMART_SENTRY_CHAOS=long python -m pytest -m '' tests/chaos

check: lint test  ## what CI runs: lint, types, import contracts, tests

# Plain `mypy` checks pipelines, service and dashboard, too, and takes longer than CI has.
lint: $(INSTALLED)
	ruff check .
	ruff format --check .
	mypy src/smart_sentry benchmarks
	lint-imports

bench: $(INSTALLED) champion  ## measure the project against its peers
	python -m benchmarks

bench-stream: $(INSTALLED) servers champion  ## measure the stream worker against other consumers of the same topic
	python -m benchmarks.stream

# What is measured is the packaged champion; where there is none yet, it is trained first.
champion: $(INSTALLED)
	@compgen -G 'data/processed/*/package.json' >/dev/null || smart-sentry train FD001

dashboard: $(INSTALLED)  ## the operators' dashboard of a running service
	smart-sentry dashboard

ui: $(INSTALLED)  ## open MLflow and Prefect on this machine
	smart-sentry ui

serve: $(INSTALLED)  ## serve the champion over HTTP
	smart-sentry serve

services: $(INSTALLED) servers  ## start Kafka, PostgreSQL and Redis on this machine
	smart-sentry services start

services-stop: $(INSTALLED)  ## stop what `make services` started
	smart-sentry services stop

lock: $(BIN)/uv  ## resolve the dependencies anew, after a change of pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url pyproject.toml --output-file requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --extra serve --extra reports --constraints requirements.lock \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml --output-file requirements-serve.lock
	uv pip compile --quiet --universal --python-version 3.11 --extra serve --extra calibrate --extra stream --extra reports \
	  --constraints requirements.lock --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml --output-file docker/service.lock
	uv pip compile --quiet --universal --python-version 3.11 --extra stream --constraints requirements.lock \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml --output-file docker/worker.lock
	uv pip compile --quiet --universal --python-version 3.11 --extra dashboard --extra store --constraints requirements.lock \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml --output-file docker/dashboard.lock
	uv pip freeze | grep '^uv==' | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url - --output-file requirements-uv.lock

clean:  ## remove the environment and the tools' caches; data, models and runs stay
	rm -rf $(VENV) build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first Python that is new enough; 3.11 comes first because the locked versions were tried together on it.
$(BIN)/python:
	@for name in $(PYTHONS); do \
	  if "$$name" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    echo "Creating $(VENV) with $$("$$name" --version)"; \
	    "$$name" -m venv $(VENV) && exit 0; \
	    echo "$$name cannot make a virtual environment: on Debian or Ubuntu install the package python3-venv." >&2; exit 1; \
	  fi; \
	done; \
	echo "Smart Sentry needs Python 3.11 or newer; none of $(PYTHONS) is. Install one (https://www.python.org) and try again." >&2; exit 1

# uv itself comes by pip, checked against its pinned hashes; it then installs the rest.
$(BIN)/uv: requirements-uv.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-uv.lock
	@touch $@

$(INSTALLED): requirements.lock pyproject.toml | $(BIN)/uv
	$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode --python $(BIN)/python requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	$(BIN)/python -m compileall -q -j 2 src pipelines serving dashboard benchmarks
	@touch $@

# Installs the Debian packages in $$missing, where that can be done; else says what is missing. $(1): who needs them.
define install_missing
if [ -z "$$missing" ]; then exit 0; fi; \
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
  echo "Installing$$missing for $(1)"; \
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
else \
  echo "Missing for $(1):$$missing. On Debian or Ubuntu: sudo apt-get install --no-install-recommends$$missing" >&2; exit 1; \
fi
endef

# The browser test opens MLflow and Prefect in a real browser.
browser:
	@missing=""; \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing=" chromium"; \
	command -v chromedriver >/dev/null || missing="$$missing chromium-driver"; \
	$(call install_missing,the browser test)

# Kafka's program comes by Maven and runs on Java; the other two are Debian's.
servers:
	@missing=""; \
	command -v java >/dev/null || missing="$$missing default-jre-headless"; \
	command -v mvn >/dev/null || missing="$$missing maven"; \
	command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing="$$missing postgresql"; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	$(call install_missing,the services)
