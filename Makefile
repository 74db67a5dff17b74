# Two commands: `make run` starts the dashboard, `make test` passes the checks and tests. Both
# install what they need into .venv. `make help` lists the rest.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# The first Python of 3.11 or newer that is there.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	&& echo $$p && break; done)

.PHONY: run test check unit soak audit bench simulator fleet screenshots clean help

run: $(VENV)/.run  ## start the dashboard on http://127.0.0.1:8501
	$(BIN)/streamlit run app.py

test: check unit  ## all checks and tests, the browser's included

check: $(VENV)/.test  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(VENV)/.test  ## the tests alone; ARGS are handed to pytest
	@sh scripts/need-chromium
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

soak: $(VENV)/.test  ## simulated days with whatever goes wrong; ARGS="--days 60 --seed 7 free"
	$(BIN)/python -m tests.soak $(ARGS)

audit: $(VENV)/.run $(VENV)/audit/.made  ## look for known vulnerabilities in what is installed
	$(BIN)/python scripts/audit.py $(VENV)/audit/bin/pip-audit

bench: $(VENV)/.test  ## measure beside rivals, ten minutes; ARGS="ticks options" for some topics alone
	$(BIN)/python -m benchmarks $(ARGS)

simulator: $(VENV)/.run  ## a stand-in for Alpha Vantage on port 8600; PLAN=premium-75 for another plan
	$(BIN)/python -m stocktracker.simulator --plan $(or $(PLAN),free) --port 8600

fleet: $(VENV)/.run  ## three servers that share a Redis, behind nginx, on http://127.0.0.1:8500
	$(BIN)/python scripts/fleet.py $(ARGS)

screenshots: $(VENV)/.test  ## make docs/screenshots anew, from the running demo
	@sh scripts/need-chromium
	$(BIN)/python scripts/screenshots.py

clean:  ## forget the virtual environment
	rm -rf $(VENV)

help:
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:[^#]*##/\t/'

$(VENV)/.run: requirements.txt
	@test -n "$(PYTHON)" || { echo "stocktracker needs Python 3.11 or newer"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.txt
	touch $@

# In an environment of its own, so that it is not part of what it looks at.
$(VENV)/audit/.made: Makefile $(VENV)/.run
	test -x $(VENV)/audit/bin/python || $(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	touch $@

$(VENV)/.test: requirements-dev.txt $(VENV)/.run
	$(PIP) -r requirements-dev.txt
	touch $@
