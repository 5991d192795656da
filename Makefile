.DEFAULT_GOAL := help
.PHONY: help report pictures test quick format mutants lab class bench long clean

PYTHON ?= python3
BIN := .venv/bin
# At this size a second BLAS thread brings nothing, and on a busy machine threads that wait for each other cost a lot
export OPENBLAS_NUM_THREADS ?= 1

# What the command line sets, but for the variables of this file. It reaches the shell through the environment,
# unexpanded, so any character is safe
OURS := PYTHON PARTS OPENBLAS_NUM_THREADS TQDM_DISABLE SHELL
GIVEN := $(filter-out $(OURS),$(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name))))
$(foreach name,$(GIVEN),$(eval override $(name) := $$(value $(name)))$(eval export $(name)))

# In a container one is root, and for root JupyterLab starts only if it is told to
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)
STYLE = $(BIN)/ruff check . && $(BIN)/ruff format --check .

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## /make \1@/p' $(MAKEFILE_LIST) | tr @ '\t'

report: .venv/ready  ## run the notebook and write build/lab4.pdf; for another book: make report BOOK=path/to/book.txt
	$(BIN)/python -m report $(foreach name,$(GIVEN),$(name)="$$$(name)")

pictures: .venv/ready  ## take from the notebook's stored outputs what the README shows: PDF, page 1, the loss, some text
	$(BIN)/python -m report.pictures

test: .venv/ready  ## check the style, the units and laws (pytest) and the notebook, cell by cell (nbval)
	$(STYLE)
	$(BIN)/pytest
	$(BIN)/pytest --nbval lab4.ipynb

quick: .venv/ready  ## check the style and the mathematics only (half a minute)
	$(STYLE)
	$(BIN)/pytest rnn_core.py tests/test_rnn_core.py tests/test_plain.py tests/gradcheck tests/test_gradients.py tests/test_recognise.py tests/test_bugs.py

format: .venv/ready  ## lay out all code but the notebook's, as ruff does
	$(BIN)/ruff format .

mutants: .venv/ready  ## change the code in thousands of ways, one at a time: does a test notice? (hours); a part: make mutants PARTS='report.figures*'
	$(BIN)/pip install --quiet --editable '.[mutants]'
	rm -rf mutants
	$(BIN)/mutmut run $(PARTS)
	$(BIN)/mutmut results | $(BIN)/python tests/survivors.py

lab: .venv/ready  ## open the notebook in JupyterLab
	$(BIN)/jupyter lab lab4.ipynb $(AS_ROOT)

class: .venv/ready  ## build the lab as an assignment in build/class: make class LEVEL=1 FORMAT=otter (five minutes, to run the key)
	$(BIN)/python -m classroom $(foreach name,$(GIVEN),$(name)="$$$(name)")

bench: .venv/ready  ## measure the speed beside other libraries (those of the extra [bench] that are installed)
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/minute.py
	$(BIN)/python benchmarks/readme.py

long: .venv/ready  ## make the experiments that are too long for the notebook (two hours); a part: make long PARTS=reset
	$(BIN)/python benchmarks/training.py $(PARTS)

clean:  ## remove the environment and all that was built
	rm -rf .venv build dist mutants *.egg-info .pytest_cache .hypothesis .ruff_cache
	find . -name .ipynb_checkpoints -prune -exec rm -rf {} +

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " \
	    + sys.version.split()[0] + ": name another one, make PYTHON=python3.12 for example.")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@
