.DEFAULT_GOAL := help
.PHONY: help report test lab clean

PYTHON ?= python3
BIN := .venv/bin
BOOK ?= data/the_drowned_bell.txt

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " \
	    + sys.version.split()[0] + ": name another with make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

clean:  ## remove the environment and all that was built
	rm -rf .venv build *.egg-info .pytest_cache .hypothesis .ruff_cache
