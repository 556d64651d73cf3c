# SPDX-License-Identifier: Apache-2.0
# make demo   sets up .venv and runs the main job on the simulated bench: no GPU, no robot
# make test   sets up .venv and runs lint, type checks and all tests
# PYTHON=/path/to/python3.11 chooses the interpreter (3.10 to 3.12)
BIN := .venv/bin
DEMO_OUTPUT ?= demo_output
DEMO_ARGS ?=
PYTEST_ARGS ?=

.PHONY: demo test setup setup-test lint types clean

setup:
	@tools/setup.sh

setup-test:
	@tools/setup.sh test

demo: setup
	@exec $(BIN)/eschernet-ros demo --output $(DEMO_OUTPUT) $(DEMO_ARGS)

test: lint types
	$(BIN)/pytest $(PYTEST_ARGS)

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-test
	$(BIN)/mypy

clean:
	rm -rf .venv build install log demo_output
