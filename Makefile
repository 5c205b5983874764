# Every target is one line; `make help` prints them.
PY ?= python3
V := .venv/bin
READY := .venv/ready
SDKS := node_modules/ready
PDA := pda/web/dist/index.html
NEW_NODE := node -e 'var v = process.versions.node.split("."); process.exit(v[0] * 100 + +v[1] >= 2019 ? 0 : 1)' 2>/dev/null
unexport PYTHONDONTWRITEBYTECODE # a suite starts some hundred processes: compiled once, not in each

.PHONY: help run web test contract check demo bench torture migration lock clean
help: ## print this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1|/' | column -t -s '|'

$(READY): requirements.lock pyproject.toml
	$(PY) -m venv .venv && $(V)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock && $(V)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . && touch $(READY)

$(SDKS): package-lock.json
	npm ci --no-audit --no-fund --loglevel=error && touch $(SDKS)

$(PDA): $(SDKS) $(shell find api/client pda/web -type f -not -path '*/dist/*' -not -path '*/node_modules/*' 2>/dev/null)
	npm run build --silent && touch $(PDA)

web: $(PDA) ## build the scanner's app (needs Node ≥ 20.19)

run: $(READY) ## start the server with the demo company on http://127.0.0.1:8600
	if $(NEW_NODE); then $(MAKE) -s web; else echo "没有 Node ≥ 20.19：扫码枪页面不构建，其余照常"; fi; exec $(V)/jieli serve --demo-data

test: $(READY) $(SDKS) $(PDA) ## the whole test suite, on SQLite and on PostgreSQL
	$(V)/python -m pytest -n 2 --dist worksteal && $(V)/python -m pytest -n 2 --dist worksteal --on postgres

contract: $(READY) $(SDKS) $(PDA) ## what goes through a door once more on both, with Redis between the processes
	for on in sqlite postgres; do $(V)/python -m pytest -n 2 --dist worksteal --on $$on --bus redis || exit 1; done

check: $(READY) $(SDKS) ## ruff, mypy --strict, import contracts, vue-tsc, vitest
	$(V)/ruff check . && $(V)/ruff format --check . && $(V)/mypy && $(V)/lint-imports && npm run typecheck --silent && npm test --silent

demo: $(READY) ## a seeded warehouse day through the real doors, then jieli prove
	$(V)/jieli demo

bench: $(READY) ## measure this machine on both databases (an hour); prints tables with gates, writes bench/results
	for on in sqlite postgres; do $(V)/python -m bench --on $$on || exit 1; done

torture: $(READY) ## kill, stop, cut off and starve it at full size (hours); keeps bench/results/torture.jsonl
	$(V)/python -m tests.torture everything

migration: $(READY) ## draft a migration: make migration m="add x"
	$(V)/python -c "import sys; from core.migrations.run import draft; draft(sys.argv[1])" "$(m)"

lock: ## renew requirements.lock (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements.lock

clean: ## remove the virtual environment and caches
	rm -rf .venv node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
