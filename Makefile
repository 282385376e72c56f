# Each target does its own set-up (scripts/setup.sh); the second time that costs nothing.
.DEFAULT_GOAL := help
.PHONY: help demo test fast check format docs bench release-check clean setup-qt setup-test setup-dev

BIN := .venv/bin
ON_DISPLAY := scripts/xvfb.sh
# One thread each: processes that all use all cores wait for each other most of the time.
# No restart: after a crash xdist 3.8 waits for ever under loadgroup; so it ends, and says which test it was.
PYTEST := OMP_NUM_THREADS=1 $(ON_DISPLAY) $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup --max-worker-restart 0
VOLUME ?=
ARGS ?=

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1#\2/p' Makefile | column -t -s '#'

demo: setup-qt ## train on the built-in phantom, in napari or without a display headless; VOLUME=path takes your stack
	$(BIN)/em-autoclass demo $(if $(VOLUME),"$(VOLUME)") $(ARGS)

test: check ## all checks and all tests, as CI runs them; ARGS="-k word" is passed to pytest
	$(PYTEST) $(ARGS)

fast: setup-test ## the tests that take seconds
	$(PYTEST) -m "not slow" $(ARGS)

check: setup-test ## style, types, direction of imports, docstrings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	find src/napari_em_autoclass/core src/napari_em_autoclass/io -name '*.py' ! -name '__init__.py' -exec $(BIN)/numpydoc lint {} +

format: setup-test ## mend what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup-dev ## the documentation into docs/_build, warnings are errors
	$(BIN)/python docs/generate.py
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

bench: setup-test ## the figures the documentation quotes
	for script in benchmarks/[!_]*.py; do echo "== $$script"; $(ON_DISPLAY) $(BIN)/python $$script || exit; done

release-check: setup-test ## before a tag: what is in the packages, and whether they run with the newest and the oldest versions
	scripts/release_check.sh $(ARGS)

clean: ## remove the environment and everything generated
	rm -rf .venv demo-out docs/_build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

setup-qt setup-test setup-dev:
	@scripts/setup.sh $(@:setup-%=%)
