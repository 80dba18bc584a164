# `make` lists the commands. The environment is made on first use and remade when a lock file changes.

# The first Python that is new enough and can make environments; `make PYTHON=/path/to/python` takes another.
# Trying beats looking: a name on the path may be a launcher of a version that is not there.
NEW_ENOUGH := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	"$$name" -c '$(NEW_ENOUGH)' >/dev/null 2>&1 && echo "$$name" && break; done)

VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

# Tests run on all cores; a core that has done its part takes over from another. With `PARALLEL=` one runs at a time.
PARALLEL ?= --numprocesses logical --dist worksteal

# Modules from elsewhere would make a run depend on the machine. Some machines forbid writing compiled modules; every
# command and every test that starts a process would then compile the package again.
unexport PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help reproduce test test-all lint format notebooks lab lock clean FORCE

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

reproduce: $(READY) ## rerun the notebooks and remake every figure and table that is out of date
	@$(VENV)/bin/crmo reproduce

test: lint ## check the style, then run the tests, but for the few that take long
	@$(RUN) -m pytest $(PARALLEL) -m 'not slow'

test-all: lint ## check the style, then run every test
	@$(RUN) -m pytest $(PARALLEL)

lint: $(READY) ## check the style of code and notebooks
	@$(RUN) -m ruff check --quiet .
	@$(RUN) -m ruff format --check . || { echo 'Run `make format`, which mends this.' >&2; exit 1; }

format: $(READY) ## format code and notebooks, and clear the notebooks' outputs
	@for book in notebooks/*.ipynb; do \
		if [ -e "$$book" ]; then $(RUN) -m nbconvert --log-level WARN --clear-output --inplace "$$book" || exit; fi; done
	@$(RUN) -m ruff check --quiet --fix .
	@$(RUN) -m ruff format --quiet .

notebooks: $(READY) ## check the form of the notebooks: headings, parameters, no outputs
	@$(RUN) -m pytest tests/test_notebooks.py

lab: $(READY) ## open the notebooks in JupyterLab
	@$(RUN) -m jupyter lab --notebook-dir=notebooks

lock: $(VENV)/.uv ## choose the newest versions that pyproject.toml allows, and write the lock files
	@$(VENV)/bin/uv $(COMPILE) --upgrade --extra dev --output-file requirements.lock pyproject.toml
	@echo uv | $(VENV)/bin/uv $(COMPILE) --upgrade --output-file requirements-bootstrap.lock -

clean: ## delete results and caches, so that the next run starts afresh (the environment stays)
	@rm -rf results .pytask .pytest_cache .ruff_cache .hypothesis
	@find . \( -path ./.git -o -path ./$(VENV) \) -prune -o \
		\( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

# Stamps are written last: an environment that broke halfway is made again. The stamp holds the folder's path,
# because an environment that was moved or copied along with its folder still points at the old one.
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
$(VENV)/.uv: FORCE
endif

$(VENV)/.uv: requirements-bootstrap.lock
	@[ -n "$(PYTHON)" ] || { echo 'No Python 3.11 or newer with venv was found: install one, or name it: make PYTHON=/path/to/python' >&2; exit 1; }
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' || { echo '$(PYTHON) is not a Python 3.11 or newer with venv.' >&2; exit 1; }
	@echo "Making the environment in $(VENV) with $(PYTHON) (once, a minute or two)"
	@"$(PYTHON)" -m venv --clear $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock \
		|| echo 'uv could not be installed: pip does its work, more slowly.' >&2
	@touch $@

$(READY): $(VENV)/.uv requirements.lock pyproject.toml tools/install.py
	@$(RUN) tools/install.py
	@pwd -P > $@
