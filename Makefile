# `make` alone lists the verbs. Each but help, clean and lock first sees to it that .venv is as requirements.lock says.
# Needs Python 3.11 or newer, git and make.

# The first of these that is new enough. Another one: make PYTHON=/path/to/python3 setup
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP := .venv/bin/python -m pip --disable-pip-version-check --quiet
READY := .venv/ready

# What run-local and serve work on; empty values mean that program's own defaults. ARGS goes to test, test-long,
# simulate, fuzz, bench, guard, docs and screenshots.
VIDEO ?=
PROCESSING ?= blur
OUT ?=
ARGS ?=
export VIDEO PROCESSING OUT
LOCAL := .venv/bin/python -P -m vidproc.cli.local \
	$${VIDEO:+--video "$$VIDEO"} $${PROCESSING:+--processing "$$PROCESSING"} $${OUT:+--out "$$OUT"}

.DEFAULT_GOAL := help
.PHONY: help setup run-local serve test test-long simulate fuzz style types bench guard docs screenshots clean lock

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(READY) ## make .venv and install what the lock names; does nothing when that is done

$(READY): requirements.lock pyproject.toml
	@test -x .venv/bin/pip || test -n "$(PYTHON)" || { echo "vidproc needs Python 3.11 or newer; none found (make PYTHON=... setup)" >&2; exit 2; }
	test -x .venv/bin/pip || $(PYTHON) -m venv .venv
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	.venv/bin/python -m compileall -q vidproc
	@touch $@

run-local: $(READY) ## process VIDEO with PROCESSING into OUT on this machine, and stop (default: a clip made on the spot, blur)
	@$(LOCAL)

serve: $(READY) ## the same, and stay: a coordinator and a worker until Ctrl-C
	@$(LOCAL) --serve

test: $(READY) ## run the tests, but for the long ones: minutes (ARGS="-k name")
	.venv/bin/python -m tests -m "not long" $(ARGS)

test-long: $(READY) ## run the long tests: faults that take their time, and floods
	.venv/bin/python -m pytest -m "long" $(ARGS)

simulate: $(READY) ## play clusters with faults, by seeds, against the scheduler (ARGS="--seeds 10000"; ARGS="--seed 7 --trace")
	.venv/bin/python -m tests.simulation $(ARGS)

fuzz: $(READY) ## look for bytes that the protocol does not stand (ARGS="--seconds 600 --seed 2")
	.venv/bin/python -m tests.fuzz $(ARGS)

style: $(READY) ## check the style of the code
	.venv/bin/ruff check .

types: $(READY) ## check the types
	.venv/bin/mypy --strict vidproc benchmarks

bench: $(READY) ## measure speed against the floor, ffmpeg, PyAV and OpenCV; keep the machine idle (ARGS="--help")
	.venv/bin/python -m benchmarks $(ARGS)

guard: $(READY) ## find what takes more than benchmarks/baseline.json says; on a busy machine too (ARGS=--update)
	.venv/bin/python -m benchmarks.guard $(ARGS)

docs: $(READY) ## write again the documents that are made from the code
	.venv/bin/python -m vidproc.cli.docs $(ARGS)

screenshots: $(READY) ## take the pictures in docs/screenshots anew; needs Chromium (ARGS="job workers")
	.venv/bin/python -m tests.web.screenshots $(ARGS)
	.venv/bin/python -m tests.end_to_end.top_picture

clean: ## remove caches and build products; keeps .venv and out/
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

# For whoever changes the dependencies; needs uv (https://docs.astral.sh/uv). One file holds everything, the other only
# what a host needs that runs vidproc. Both are for Python 3.11 and newer on any platform, with the fewest versions of
# a package: daemons with the same wheels make the same bytes.
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-emit-index-url --quiet --custom-compile-command "make lock"
lock: ## resolve the dependencies anew into the two lock files (UPGRADE=1: to the newest)
	$(LOCK) $(if $(UPGRADE),--upgrade) --extra dev --output-file requirements.lock
	$(LOCK) $(if $(UPGRADE),--upgrade) --constraint requirements.lock --no-annotate --output-file requirements-core.lock
