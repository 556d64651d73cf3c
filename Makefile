# SPDX-License-Identifier: Apache-2.0
# make demo   sets up .venv and runs the main job on the simulated bench: no GPU, no robot
# make test   sets up .venv and runs lint, type checks and all tests
# PYTHON=/path/to/python3.11 chooses the interpreter (3.10 to 3.12)
BIN := .venv/bin
DEMO_OUTPUT ?= demo_output
DEMO_ARGS ?=
PYTEST_ARGS ?=
# Tests with processes that have to keep time: one after the other; all others in parallel.
TIMED := arms cameras graph launch processes
# A sourced ROS distribution's libraries, and the RMW it names, would be mixed with those of .venv.
ALONE := env -u PYTHONPATH -u LD_LIBRARY_PATH -u AMENT_PREFIX_PATH -u RMW_IMPLEMENTATION -u _ROS_WHEELS_BOOTSTRAP_COMPLETE

.PHONY: demo test setup setup-test lint types clean

setup:
	@tools/setup.sh

setup-test:
	@tools/setup.sh test

demo: setup
	@exec $(ALONE) $(BIN)/eschernet-ros demo --output $(DEMO_OUTPUT) $(DEMO_ARGS)

test: lint types
ifeq ($(strip $(PYTEST_ARGS)),)
	@failed=0; \
	$(ALONE) OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile $(TIMED:%=--ignore=test/%) || failed=1; \
	$(ALONE) $(BIN)/pytest $(TIMED:%=test/%) || failed=1; \
	exit $$failed
else
	$(ALONE) $(BIN)/pytest $(PYTEST_ARGS)
endif

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-test
	$(BIN)/mypy

clean:
	rm -rf .venv build install log demo_output
