# `make demo` and `make test` install everything they need; later calls start at once.
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
RUN := .venv/bin
# TensorFlow logs hardware details at start-up, which would hide the output of `make demo`.
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: help setup demo test test-fast check check-wheel check-image build image image-gpu docs docs-serve requirements protocol clean

help:  ## Show the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

setup: .venv/.ready  ## Create .venv with all pinned dependencies and the project itself.

.venv/.ready: requirements.txt pyproject.toml tools/requirements/uv.txt tools/backport_wheels.py \
		tools/hashed_requirements.py tools/shared_object.py
	@tools/check_machine.sh "$(PYTHON)"
	@test -x .venv/bin/python || "$(PYTHON)" -m venv .venv
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement tools/requirements/uv.txt
	@$(RUN)/python -m tools.backport_wheels --requirements requirements.txt --folder .wheels
	@echo "installing the packages that requirements.txt pins, about 3 GB"
	@$(RUN)/uv pip install --quiet --python $(RUN)/python --find-links .wheels --require-hashes \
		--requirement .wheels/requirements.txt
	@$(RUN)/uv pip install --quiet --compile-bytecode --python $(RUN)/python --no-deps --editable .
	@touch $@

demo: setup  ## Run the whole pipeline on a generated log, up to a pushed model.
	@$(RUN)/interestflow run configs/demo.yaml

test: setup  ## Run every test.
	@$(RUN)/python -m pytest -n 2 --dist loadfile

test-fast: setup  ## Run the tests that take seconds.
	@$(RUN)/python -m pytest -n 2 --dist loadfile -m "not end_to_end"

check: setup  ## Check formatting, lint, types, the tests' paths, and the built wheel in empty environments.
	@$(RUN)/ruff format --check .
	@$(RUN)/ruff check .
	@$(RUN)/mypy
	@$(RUN)/python tools/check_mirrored_tests.py
	@$(RUN)/python -m tools.check_wheel

check-wheel: setup  ## Check the built wheel alone.
	@$(RUN)/python -m tools.check_wheel

build: setup  ## Build the wheel and the sdist into dist/.
	@$(RUN)/uv build --quiet --out-dir dist .

image: setup  ## Build the container image interestflow:cpu with docker or podman.
	@$(RUN)/python -m tools.build_image cpu

image-gpu: setup  ## Build the container image interestflow:gpu, with CUDA.
	@$(RUN)/python -m tools.build_image gpu

check-image: setup  ## Build the image and run the demo in it, where a container engine answers.
	@$(RUN)/python -m tools.check_image

docs: setup  ## Build the documentation site into site/ and check its links.
	@NO_MKDOCS_2_WARNING=1 $(RUN)/python -m mkdocs build --quiet --strict

docs-serve: setup  ## Serve the documentation site locally and rebuild it on changes.
	@$(RUN)/python -m mkdocs serve

COMPILE := $(RUN)/uv pip compile --quiet --generate-hashes --no-header --no-annotate
# Debian 13, on which the image is based, has Python 3.13 and glibc 2.41. The image has no tools for development.
COMPILE_FOR_IMAGE := $(COMPILE) pyproject.toml --extra kubeflow --constraint requirements.txt \
	--no-python-downloads --python-version 3.13 --python-platform x86_64-manylinux_2_40

requirements: setup  ## Pin the dependencies of every extra and of the image, with hashes; existing pins stay.
	@$(COMPILE) pyproject.toml --all-extras --universal --python-version 3.11 --output-file requirements.txt
	@$(COMPILE) tools/requirements/uv.in --universal --python-version 3.11 --output-file tools/requirements/uv.txt
	@$(COMPILE_FOR_IMAGE) tools/requirements/image-cpu.in --override tools/requirements/without-tensorflow.txt \
		--output-file tools/requirements/image-cpu.txt
	@$(COMPILE_FOR_IMAGE) tools/requirements/image-gpu.in --output-file tools/requirements/image-gpu.txt

# An old compiler: its code runs with every protobuf that client applications may have. Newer compilers require the
# protobuf of their own release.
protocol: setup  ## Generate the client's protobuf modules from serving/client/protocol.proto.
	@$(RUN)/uv tool run --quiet --from grpcio-tools==1.62.3 --with "setuptools<81" --python 3.11 \
		python -m grpc_tools.protoc -Isrc --python_out=src --pyi_out=src interestflow/serving/client/protocol.proto

clean:  ## Remove the environment, runs and build outputs.
	rm -rf .venv .wheels runs build dist site src/*.egg-info
