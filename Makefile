# The two commands of the README: `make run` and `make test`. All else is for those who work on the project.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# An index that pip takes a CPU build of PyTorch from, where uv does not reach PyTorch's own.
TORCH_INDEX ?=
TORCH_PIP = $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
TORCH_PIN := $(shell grep '^torch==' constraints.txt)
# What `make test-oldest` runs: pytest's arguments, as in `make test-oldest OLDEST_TESTS="tests/mnist_data -x"`.
OLDEST_TESTS ?= -m "not slow"
OLDEST := .venv-oldest
# Processes that run the tests. Each has one thread for numbers, as the tests bring their own threads and processes; and
# PyTorch's threads sleep while they wait for each other, or two trainings at once take ten times as long as one.
JOBS ?= 2
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal
# What `make torture` attacks, and for how long: `make torture TORTURE="kills --seconds 60 --seed 7"`.
TORTURE ?= --seconds 600 --seed 1

# pip brings uv, which installs in seconds what takes pip a minute, and takes the CPU build of PyTorch from PyTorch's own
# index. Where it does not reach that, pip takes PyTorch from where pip is told to; where it reaches no index, pip takes all.
UV = VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet
REACHED = UV_HTTP_TIMEOUT=5 UV_HTTP_RETRIES=0 $(UV) --dry-run
PIP = $(BIN)/python -m pip install --quiet
WITH_PIP = $(PIP) "pip>=25.1" && $(PIP) --constraint constraints.txt $(TORCH_PIP)
COMMA := ,
install = $(UV) --constraint constraints.txt $(1) || { echo "uv could not; now with pip."; $(WITH_PIP) $(1); }

.PHONY: help run test test-slow test-oldest torture lint format bench docs messages clean

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

messages: $(VENV)/test  ## Enter the texts of pages into the catalogues of translations, and compile these
	$(BIN)/python -m tests.catalogues

bench: $(VENV)/test  ## Measure our claims; real MNIST is found by MNIST_DATA_REAL
	$(BIN)/python -m benchmarks

clean:  ## Remove what the other targets made
	rm -rf $(VENV) $(OLDEST) workspace build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/run: pyproject.toml constraints.txt
	@echo "Setting up $(VENV): about 150 MB of packages, and PyTorch, 0.2 GB as a CPU build."
	$(PYTHON) -m venv $(VENV)
	-$(PIP) --constraint constraints.txt uv
	@if $(REACHED) --torch-backend=cpu $(TORCH_PIN) 2>/dev/null; then $(UV) --no-deps --torch-backend=cpu $(TORCH_PIN); else \
		echo "uv does not reach PyTorch's index; pip takes PyTorch (Linux on x86-64: maybe a CUDA build, 3 GB; see README)."; \
		$(PIP) --no-deps $(TORCH_PIP) $(TORCH_PIN); fi
	@$(call install,--editable ".[train$(COMMA)fast]")
	@touch $@

$(VENV)/test: $(VENV)/run
	@$(call install,--editable ".[all]" --group test)
	@touch $@

$(VENV)/lint: $(VENV)/test
	@$(call install,--group lint)
	@touch $@

# uv is installed into the environment itself: pip cannot look for the lowest versions. PyTorch alone comes before, at its
# constraint, and stays there: its older releases on pip's default index are CUDA builds of 3 GB (Linux on x86-64), and
# where another index has CPU builds, it would have to be found for each release.
$(OLDEST)/test: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet uv
	$(OLDEST)/bin/python -m pip install --quiet --no-deps $(TORCH_PIP) $(TORCH_PIN)
	$(OLDEST)/bin/uv pip install --quiet --python $(OLDEST)/bin/python --resolution lowest-direct \
		--editable ".[all]" --group test $(TORCH_PIN)
	@touch $@
