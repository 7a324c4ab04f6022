# Two commands do all the set-up: `make demo` and `make test`. PYTHON picks the interpreter (3.11 or later).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_EPOCHS ?= 5

.PHONY: help demo test test-slow nightly lint types wheel lesson notebook bench oldest clean

help:
	@echo "make demo       train, evaluate and draw the curves: CIFAR-10 where it is, else Fashion-MNIST (about 3 minutes)"
	@echo "make test       style, types and tests (under ten minutes on two cores)"
	@echo "make test-slow  the tests that take longer"
	@echo "make types      the page's JavaScript by TypeScript's checker, where npm is there to fetch that"
	@echo "make nightly    the property tests with 2,000 cases each"
	@echo "make wheel      build the package, install it into an environment of its own, and run the demo there"
	@echo "make oldest     the command line with the oldest versions of the dependencies that are allowed"
	@echo "make lesson     run the lesson's blocks again and write what they print below them"
	@echo "make notebook   run the notebook again and keep what its cells give"
	@echo "make bench      speed, side by side with other tools (installs them; about a quarter of an hour)"
	@echo "make clean      remove the environment and the demo's runs"

# The environment is made once and again when a dependency changes. Bytecode is compiled now, since some machines
# forbid writing it later and would then compile all of torch at every start.
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pellucid needs Python 3.11 or later; make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m compileall -q src
	touch $@

demo: $(VENV)/.ready
	$(BIN)/pellucid demo --epochs $(DEMO_EPOCHS)

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The checker is fetched once, into a cache; the JavaScript itself needs nothing built.
TYPESCRIPT := 7.0.2
CHECKER := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pellucid-typescript-$(TYPESCRIPT)
types:
	@if ! command -v npm > /dev/null; then echo "make types is left out: npm is not installed"; exit 0; fi; \
	test -x $(CHECKER)/node_modules/.bin/tsc || npm install --silent --no-audit --no-fund --prefix $(CHECKER) typescript@$(TYPESCRIPT) \
	  || { echo "make types is left out: npm cannot fetch typescript"; rm -rf $(CHECKER); exit 0; }; \
	$(CHECKER)/node_modules/.bin/tsc --project types/tsconfig.json

test: lint
	$(BIN)/python -m pytest

test-slow: $(VENV)/.ready
	$(BIN)/python -m pytest -m slow

nightly: $(VENV)/.ready
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest tests/convolution tests/arithmetic

# What pip builds from the sources is installed as a stranger would: stale files and missing templates show here.
wheel: $(VENV)/.ready
	rm -rf build
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir build/wheel .
	$(PYTHON) -m venv build/venv
	build/venv/bin/pip install --quiet --constraint constraints.txt build/wheel/pellucid-*.whl
	cd build && venv/bin/pellucid --version && venv/bin/pellucid demo --epochs 1

# The lower bounds of the dependencies, before those of the environment, which has the rest (torch, and what they need).
oldest: $(VENV)/.ready
	rm -rf build/oldest
	$(PYTHON) -m venv build/oldest
	$(BIN)/python .ci/oldest.py pins > build/oldest/pins.txt
	build/oldest/bin/pip install --quiet --no-deps --requirement build/oldest/pins.txt
	$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' > build/oldest/environment.pth
	mv build/oldest/environment.pth "$$(build/oldest/bin/python -c 'import site; print(site.getsitepackages()[0])')"
	PYTHONPATH=src build/oldest/bin/python .ci/oldest.py smoke

lesson: $(VENV)/.ready
	$(BIN)/python docs/make_lesson.py

notebook: $(VENV)/.ready
	$(BIN)/python docs/make_notebook.py

bench: $(VENV)/.ready
	$(BIN)/pip install --quiet --constraint constraints.txt ".[bench]" --editable .
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/convolution.py
	$(BIN)/python benchmarks/layers.py
	$(BIN)/python benchmarks/glass.py
	$(BIN)/python benchmarks/prediction.py
	$(BIN)/python benchmarks/studio.py

clean:
	rm -rf $(VENV) runs build src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
