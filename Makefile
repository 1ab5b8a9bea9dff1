# `make run` starts the demo, `make test` runs all tests, and `make check` runs the other checks of continuous integration.
# PYTHON=/path/to/python3 selects the Python for a new .venv. ARGS="-k word" passes arguments to pytest; ARGS="-n 0" runs
# the tests in one process, each process having its own database.
.PHONY: run test clients check format schema docs screenshots requirements bench explorer

run:
	@.ci/setup
	@exec .venv/bin/session-graph demo

test:
	@.ci/setup dev
	@exec .venv/bin/pytest --numprocesses auto --dist loadfile $(ARGS)

# Install GraphQL clients from npm and PyPI, and test them against a server. `make test` tests those that are installed.
clients:
	@.ci/setup dev
	@tests/clients/install
	@exec .venv/bin/pytest tests/clients $(ARGS)

check:
	@.ci/setup dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/pytest -q tests/test_layers.py tests/test_packaging.py
	.venv/bin/session-graph schema > .venv/schema.graphql
	diff -u schema.graphql .venv/schema.graphql
	tools/javascript/check
	.venv/bin/python -m tools.audit

format:
	@.ci/setup dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	tools/javascript/check --write

schema:
	@.ci/setup
	.venv/bin/session-graph schema > .venv/schema.graphql
	cp .venv/schema.graphql schema.graphql

docs:
	@.ci/setup
	.venv/bin/python -m tools.reference docs
	.venv/bin/python -m tools.recipes

# Take the README's screenshots from a demo. Needs Chromium.
screenshots:
	@.ci/setup dev
	PYTHONPATH=tests .venv/bin/python -m support.screenshots docs/images

bench:
	@.ci/setup dev
	.venv/bin/python -m bench.run $(ARGS)

# Bundle GraphiQL from npm for /explore. The bundle then needs neither npm nor the internet.
explorer:
	@node -e 'process.exit(+(parseInt(process.versions.node) < 18))' 2>/dev/null && command -v npm >/dev/null || \
		{ echo "The explorer needs Node.js 18 or newer, with npm, to be bundled; everything else works without." >&2; exit 1; }
	@cd explorer && npm install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error
	@cd explorer && node build.mjs
	@echo "The explorer is ready: make run, then /explore"

# Packages keep their listed versions unless you pass ARGS=--upgrade.
lock = .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet
compile = $(lock) pyproject.toml --group build

requirements:
	@.ci/setup dev
	$(compile) $(ARGS) --extra embedded -o requirements.txt
	$(compile) $(ARGS) -c requirements.txt -o requirements-server.txt
	$(compile) $(ARGS) -c requirements.txt --extra dev -o requirements-dev.txt
	$(lock) $(ARGS) tests/clients/python/gql.in -o tests/clients/python/gql.txt
	$(lock) $(ARGS) tests/clients/python/ariadne-codegen.in -o tests/clients/python/ariadne-codegen.txt
