# Two commands do everything on a machine with Python 3.11 and a C++ compiler: `make demo` and `make test`.

PYTHON ?= python3
# the release of PyTorch that this project is tested with; another one, or another build: make setup TORCH=...
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

.DEFAULT_GOAL := help
.PHONY: help setup demo test coverage slow mutation compatibility check bench notebooks docs package clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.ready ## install everything into .venv

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make setup PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "Installing into $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(TORCH)" "setuptools>=77" wheel
	@printf '[build_ext]\nparallel = %s\n' "$(CORES)" > $(VENV)/build.cfg
	@$(BIN)/python -c 'import torch_cluster' 2>/dev/null || { \
		echo "Building torch-cluster on $(CORES) cores; this takes a few minutes once ..."; \
		DIST_EXTRA_CONFIG="$(CURDIR)/$(VENV)/build.cfg" \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation "torch-cluster>=1.6.3"; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[cluster,dev]"
	@touch $@
	@echo "Ready: $(BIN)/gschnet-pyg --help"

demo: setup ## train on the built-in molecules, generate 200 and judge them: about ten minutes
	@echo "== 1/3 Training on the built-in molecules"
	@$(BIN)/gschnet-pyg train demo run.id=demo
	@echo; echo "== 2/3 Generating 200 molecules"
	@rm -f runs/demo/molecules.db
	@$(BIN)/gschnet-pyg generate generate/demo output=runs/demo/molecules.db
	@echo; echo "== 3/3 Judging them"
	@$(BIN)/gschnet-pyg report runs/demo/molecules.db --reference runs/demo \
		--json runs/demo/report.json --html runs/demo/report.html
	@echo
	@echo "Everything lies in runs/demo:"
	@echo "  recipe.yaml        what was done         losses.json   how well it was learnt"
	@echo "  model.safetensors  the trained model     metrics.csv   losses during training"
	@echo "  molecules.db       the new molecules     report.html   what they are worth; report.json the same"
	@echo "Next:"
	@echo "  open runs/demo/report.html in a browser                               look at the molecules"
	@echo "  $(BIN)/gschnet-pyg data info YOUR_MOLECULES.sdf                     look at your own"
	@echo "  $(BIN)/gschnet-pyg train qm9_fast data.kind=file data.path=YOUR_MOLECULES.sdf"

test: setup ## run the tests
	@$(BIN)/python -m pytest -q

coverage: setup ## run the tests, and say which lines they miss; at least nine in ten must run
	@$(BIN)/python -m pytest -q --cov=gschnet_pyg --cov-report=term:skip-covered --cov-report=html:build/coverage --cov-fail-under=90
	@echo "Open build/coverage/index.html"

slow: setup ## run the tests that take minutes, all but the notebooks: under an hour
	@$(BIN)/python -m pytest -q -m slow --ignore=tests/notebooks

mutation: setup ## change the code of trajectories, neighbours and validity, and see which tests notice: half an hour
	@$(BIN)/python tests/mutation.py

compatibility: setup ## run the tests with the oldest and the newest dependencies that are allowed; SETS=oldest KEEP=folder
	@TORCH="$(TORCH)" $(BIN)/python tests/compatibility.py $(or $(SETS),both) $(if $(KEEP),--keep "$(KEEP)") $(TESTS)

check: setup ## ruff, mypy and the order of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup ## measure speed and memory beside a plain formulation; MODEL=runs/x DEVICE=cuda DATA=qm9.db CASES=growth
	@$(BIN)/python -m pytest -q -rf benchmarks --benchmark-quiet $(if $(MODEL),--model "$(MODEL)") \
		$(if $(DEVICE),--device "$(DEVICE)") $(if $(DATA),--data "$(DATA)") $(if $(CASES),-k "$(CASES)")

notebooks: setup ## run the notebooks from top to bottom, without a network: about half an hour
	@NOTEBOOKS=build/notebooks $(BIN)/python -m pytest -q -m slow tests/notebooks
	@echo "With their results, to be opened in a browser: build/notebooks/*.html"

docs: setup ## build the documentation into site/; warnings are errors
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html"

package: setup ## build sdist and wheel into dist/
	@rm -rf dist
	@$(BIN)/python -m build --outdir dist >/dev/null
	@ls dist

clean: ## remove the installation and everything that tools have left
	rm -rf $(VENV) build dist site mutants .coverage .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .benchmarks
