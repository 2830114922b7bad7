# Préau's tasks. `make help` lists them; README names the two that matter: `make run` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help run test interop proof ux bench lint lock docker-check clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

run: $(VENV)/.run ## install what is needed and open the demo town on http://127.0.0.1:8000
	@exec $(BIN)/preau demo

test: $(VENV)/.test ## everything, on real servers started for the occasion
	@.ci/system-packages test
	@$(BIN)/python -m coverage erase
	@base=$$(mktemp -d -p "$$(.ci/scratch)"); trap 'rm -rf "$$base"' EXIT; status=0; \
	 mkdir "$$base/tmp"; chmod 711 "$$base" "$$base/tmp"; export TMPDIR="$$base/tmp"; : servers run as other users; \
	 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --basetemp "$$base/tests" --cov --cov-report= \
	   -m "not interop and not proof" $(ARGS) || status=$$?; \
	 $(BIN)/python -m tests.coverage_floor || status=1; exit $$status

interop: $(VENV)/.test ## other people's software against ours
	@.ci/system-packages interop
	@cd tests/interop/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@$(BIN)/python -m pytest -m interop tests/interop $(ARGS)

proof: $(VENV)/.test ## the long counts, resumed where they were interrupted; evidence goes to docs/proof/
	@.ci/system-packages test
	@nice -n 10 $(BIN)/python -m pytest -m proof tests/proof $(ARGS)

ux: $(VENV)/.test ## the page checker on a running town, in three languages
	@.ci/system-packages ux
	@cd tests/ux && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@$(BIN)/python -m tests.ux.run $(ARGS)

bench: $(VENV)/.test ## measure; appends to bench/results.json
	@.ci/system-packages bench
	@$(BIN)/python -m bench.import_aaf $(ARGS)
	@$(BIN)/python -m bench.import_delta
	@$(BIN)/python -m bench.decisions
	@$(BIN)/python -m bench.search
	@$(BIN)/python -m bench.letters
	@$(BIN)/python -m bench.enumeration
	@$(BIN)/python -m bench.passwords
	@$(BIN)/python -m bench.saml_metadata
	@cd bench/oidc/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@$(BIN)/python -m bench.oidc
	@$(BIN)/python -m bench.sso
	@cd bench/sso/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@$(BIN)/python -m bench.sso.in_process

lint: $(VENV)/.test ## style, types, arrows between rooms
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lock: ## rewrite requirements/*.txt from pyproject.toml (needs uv)
	@uv pip compile requirements/build.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-emit-find-links --no-annotate --no-strip-extras --quiet --custom-compile-command "make lock" -o requirements/build.txt
	@for extra in run test dev; do \
	  flag=$$([ $$extra = run ] && echo "" || echo "--extra $$extra"); \
	  uv pip compile pyproject.toml $$flag $$([ $$extra = dev ] && echo "--extra test") --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-strip-extras --quiet \
	    --custom-compile-command "make lock" -o requirements/$$extra.txt; done

docker-check: ## the Dockerfile and the compose file, read by their linters
	@.ci/system-packages docker
	@$(BIN)/python -m pip install -q --no-build-isolation --require-hashes -r requirements/dev.txt
	@$(BIN)/hadolint docker/Dockerfile
	@cd docker && docker-compose -f compose.yaml config -q

clean: ## remove what make made
	@rm -rf $(VENV) var build dist tests/ux/node_modules tests/ux/out tests/interop/node/node_modules .coverage* .mypy_cache .ruff_cache .pytest_cache

$(VENV)/.base:
	@.ci/make-venv $(PYTHON) $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.base requirements/run.txt pyproject.toml
	@echo "Installing Préau (once) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/build.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run requirements/test.txt
	@echo "Installing what the tests need (once) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation --require-hashes -r requirements/test.txt
	@touch $@
