# Fukan's everyday commands. Each makes sure first that what it needs is installed; see tools/setup.sh.
.DEFAULT_GOAL := help
.PHONY: help setup setup-office setup-dev run test check bench lock docs words pictures clean

help: ## show this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)$$/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: ## install what the service needs into .venv/ (as root: Debian packages too)
	@sh tools/setup.sh run

setup-office: ## the same, with LibreOffice: Word and Excel files become PDFs
	@sh tools/setup.sh office

setup-dev: ## the same, with everything the tests need
	@sh tools/setup.sh dev

run: setup ## play the whole way in a local mail world: http://127.0.0.1:8025
	@.venv/bin/fukan demo

test: setup-dev ## every check and every test; the last line counts them
	@.venv/bin/python -m tests

check: setup-dev ## the checks alone: style, types, import contracts
	@.venv/bin/python -m tests --checks-only

bench: setup-dev ## measure signing, verifying, mail and pages beside floor and peers; ONLY=sign measures a part
	@sh benchmarks/setup.sh
	@ONLY=$(ONLY) .venv/bin/python -m benchmarks

lock: setup-dev ## write requirements/*.txt anew from pyproject.toml
	@sh tools/lock.sh

docs: setup-dev ## write the generated documents anew (states, policy, map)
	@.venv/bin/python -m tools.docs

words: setup-dev ## bring the English catalogue up to date with templates and code, and say what is not translated
	@.venv/bin/python -m tools.words

pictures: setup-dev ## take the README's pictures of pages anew
	@.venv/bin/python -m tests.portal.pictures

clean: ## remove .venv/ and every cache; var/ with its contracts and keys stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
