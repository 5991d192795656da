.DEFAULT_GOAL := help
.PHONY: help report pictures test mutants lab bench long clean

PYTHON ?= python3
BIN := .venv/bin
# At this size a second BLAS thread brings nothing, and on a busy machine threads that wait for each other cost a lot
export OPENBLAS_NUM_THREADS ?= 1

# The shell takes them from its environment, and make as they are, whatever characters they hold
override BOOK := $(value BOOK)
override AUTHOR := $(value AUTHOR)
export BOOK AUTHOR

# Progress bars are for people who watch, not for stored outputs
QUIET := TQDM_DISABLE=1

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## /make \1@/p' $(MAKEFILE_LIST) | tr @ '\t'

report: .venv/ready  ## run the notebook and write build/lab4.pdf; for another book: make report BOOK=path/to/book.txt
	@mkdir -p build
	$(QUIET) $(BIN)/papermill lab4.ipynb build/lab4.ipynb --no-progress-bar --log-level WARNING $(if $(BOOK),--parameters_raw book "$$BOOK")
	$(BIN)/jupyter nbconvert --log-level WARN --to labreport $(if $(AUTHOR),--LabReportExporter.author="$$AUTHOR") build/lab4.ipynb
	$(BIN)/python -m report.pictures build/lab4.ipynb
	@echo "The report is build/lab4.pdf"

pictures: report  ## make the report, and of it the pictures that the README shows
	cp build/page1.png build/loss.svg report/

test: .venv/ready  ## check the style, the units and laws (pytest) and the notebook, cell by cell (nbval)
	$(BIN)/ruff check .
	$(BIN)/pytest
	$(QUIET) $(BIN)/pytest --nbval lab4.ipynb

mutants: .venv/ready  ## change rnn_core.py in two thousand ways, one at a time: does a test notice? (ten minutes)
	$(BIN)/pip install --quiet --editable '.[mutants]'
	rm -rf mutants
	$(BIN)/mutmut run
	$(BIN)/mutmut results | $(BIN)/python tests/survivors.py

lab: .venv/ready  ## open the notebook in JupyterLab
	$(BIN)/jupyter lab lab4.ipynb

bench: .venv/ready  ## measure the speed beside other libraries (those of the extra [bench] that are installed)
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/page.py

long: .venv/ready  ## train the full-length runs of the report from five seeds (half an hour)
	$(BIN)/python benchmarks/training.py

clean:  ## remove the environment and all that was built
	rm -rf .venv build mutants *.egg-info .pytest_cache .hypothesis .ruff_cache

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " \
	    + sys.version.split()[0] + ": name another one, make PYTHON=python3.12 for example.")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@
