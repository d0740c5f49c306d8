# make demo                     the main job on a real checkpoint, set-up included
# make test [WITH="torch jax"]  every test; WITH adds frameworks
# make check                    formatting, lint, types, import directions
# make soak                     the long crash, fuzz and load runs
# make conformance              random programs against a live TensorFlow (installs it into a venv of its own)
# make docs                     the documentation, into site/
PYTHON ?= python3
WITH ?=
PROGRAMS ?= 20000
VENV := .venv
BIN := $(VENV)/bin

empty :=
space := $(empty) $(empty)
comma := ,
EXTRAS := $(subst $(space),$(comma),$(strip $(WITH)))
SUFFIX := $(subst $(space),-,$(strip $(WITH)))
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test check soak conformance docs clean

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tmplcore needs Python 3.11 or newer; name one with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade "pip>=25.1"

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -c constraints.txt -e .
	touch $@

$(VENV)/.dev$(SUFFIX): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -c constraints.txt -e ".[$(strip compression$(if $(EXTRAS),$(comma)$(EXTRAS)))]" --group dev $(foreach x,$(WITH),--group $(x))
	touch $@ $(VENV)/.demo

demo: $(VENV)/.demo
	$(BIN)/python -m examples.g2p.demo

test: $(VENV)/.dev$(SUFFIX)
	$(BIN)/python -m pytest -n 2

check: $(VENV)/.dev$(SUFFIX)
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

soak: $(VENV)/.dev$(SUFFIX)
	$(BIN)/python -m pytest -m soak --timeout 3600

conformance: $(VENV)/.dev$(SUFFIX)
	$(PYTHON) -m venv $(VENV)/tensorflow
	$(VENV)/tensorflow/bin/python -m pip install --quiet tensorflow==2.21.0 hypothesis
	$(VENV)/tensorflow/bin/python -m pip install --quiet -c constraints.txt -e .
	$(VENV)/tensorflow/bin/python -m tests.conformance.live --programs $(PROGRAMS)

docs: $(VENV)/.dev$(SUFFIX)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) site
