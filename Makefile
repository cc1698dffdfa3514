# `make demo` and `make test` each do all of the set-up they need; a second call starts at once.
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
RUN := .venv/bin
UV_VERSION := 0.9.30
# Beam looks for a compiler and TensorFlow is chatty: neither concerns the person who types `make demo`.
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: help setup demo test test-fast check requirements protocol clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

setup: .venv/.ready  ## the virtual environment, with everything pinned and the project itself

.venv/.ready: requirements.txt pyproject.toml tools/backport_wheels.py tools/shared_object.py
	@tools/check_machine.sh "$(PYTHON)"
	@test -x .venv/bin/python || "$(PYTHON)" -m venv .venv
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(RUN)/python -m tools.backport_wheels --requirements requirements.txt --folder .wheels
	@echo "installing what requirements.txt pins, about 3 GB"
	@$(RUN)/uv pip install --quiet --python $(RUN)/python --find-links .wheels --requirement requirements.txt
	@$(RUN)/uv pip install --quiet --python $(RUN)/python --no-deps --editable .
	@touch $@

demo: setup  ## a generated log through the whole pipeline to a pushed model
	@$(RUN)/interestflow run configs/demo.yaml

test: setup  ## every test
	@$(RUN)/python -m pytest -n 2 --dist loadfile

test-fast: setup  ## the tests that take seconds
	@$(RUN)/python -m pytest -n 2 --dist loadfile -m "not end_to_end"

check: setup  ## formatting, lint and types
	@$(RUN)/ruff format --check .
	@$(RUN)/ruff check .
	@$(RUN)/mypy

requirements: setup  ## pins requirements.txt anew from pyproject.toml
	@$(RUN)/uv pip compile pyproject.toml --extra pipeline --extra development --universal --python-version 3.11 \
		--no-header --no-annotate --quiet --output-file requirements.txt

# An old compiler: its code runs with every protobuf that applications of the client may have, newer ones demand their own.
protocol: setup  ## writes the client's messages anew from serving/client/protocol.proto
	@$(RUN)/uv tool run --quiet --from grpcio-tools==1.62.3 --with "setuptools<81" --python 3.11 \
		python -m grpc_tools.protoc -Isrc --python_out=src --pyi_out=src interestflow/serving/client/protocol.proto

clean:  ## removes what setup and runs made
	rm -rf .venv .wheels runs build *.egg-info
