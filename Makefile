# The two commands of the README: `make run` and `make test`. All else is for those who work on the project.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# An index that offers a CPU build of PyTorch, where the default one has only CUDA builds (Linux on x86-64).
TORCH_INDEX ?=
UV := $(shell command -v uv 2>/dev/null)
# What `make test-oldest` runs: pytest's arguments, as in `make test-oldest OLDEST_TESTS="tests/mnist_data -x"`.
OLDEST_TESTS ?= -m "not slow"
OLDEST := .venv-oldest
# Processes that run the tests. Each has one thread for numbers, as the tests bring their own threads and processes; and
# PyTorch's threads sleep while they wait for each other, or two trainings at once take ten times as long as one.
JOBS ?= 2
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal
# What `make torture` attacks, and for how long: `make torture TORTURE="kills --seconds 60 --seed 7"`.
TORTURE ?= --seconds 600 --seed 1

ifdef UV
MAKE_VENV = uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)
INSTALL = VIRTUAL_ENV=$(VENV) uv pip install --quiet --torch-backend=cpu --constraint constraints.txt
else
MAKE_VENV = $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet "pip>=25.1"
INSTALL = $(BIN)/python -m pip install --quiet --constraint constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
endif

.PHONY: help run test test-slow test-oldest torture lint format bench docs clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

run: $(VENV)/run  ## Run the whole pipeline on the embedded sample; ends with a dashboard in workspace/
	$(BIN)/mnist-data run

test: $(VENV)/test  ## Run the tests, without those that take minutes
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/test  ## Run the tests that take minutes
	$(PYTEST) -m slow --durations 15

test-oldest: $(OLDEST)/test  ## Run the tests with the oldest dependencies that pyproject.toml allows
	$(OLDEST)/bin/python -m pytest $(OLDEST_TESTS)

torture: $(VENV)/test  ## Attack what docs/reliability.md promises, ten minutes each
	$(BIN)/python -m tests.torture $(TORTURE)

lint: $(VENV)/lint  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/lint  ## Let ruff format the code and mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/test  ## Write docs/commands.md and docs/api.md anew
	$(BIN)/python docs/reference.py

bench: $(VENV)/test  ## Measure our claims; real MNIST is found by MNIST_DATA_REAL
	$(BIN)/python -m benchmarks

clean:  ## Remove what the other targets made
	rm -rf $(VENV) $(OLDEST) workspace build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/run: pyproject.toml constraints.txt
	@echo "Setting up $(VENV): about 150 MB of packages, and PyTorch, 0.2 GB as a CPU build."
	@echo "(Linux on x86-64: pip's default index has only CUDA builds, 3 GB; see the README for the CPU build.)"
	$(MAKE_VENV)
	$(INSTALL) --editable ".[train,fast]"
	@touch $@

$(VENV)/test: $(VENV)/run
	$(INSTALL) --editable ".[all]" --group test
	@touch $@

$(VENV)/lint: $(VENV)/test
	$(INSTALL) --group lint
	@touch $@

# uv is installed into the environment itself: pip cannot look for the lowest versions. PyTorch alone comes before, at its
# constraint, and stays there: its older releases on pip's default index are CUDA builds of 3 GB (Linux on x86-64), and
# where another index has CPU builds, it would have to be found for each release.
$(OLDEST)/test: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet uv
	$(OLDEST)/bin/python -m pip install --quiet --no-deps $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
		"$$(grep '^torch==' constraints.txt)"
	$(OLDEST)/bin/uv pip install --quiet --python $(OLDEST)/bin/python --resolution lowest-direct \
		--editable ".[all]" --group test "$$(grep '^torch==' constraints.txt)"
	@touch $@
