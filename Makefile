# Everything lives in .venv; nothing outside the checkout is touched but pip's own cache.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
PAGES := .venv/.pages
DEMO := build/demo-board
DEMO_MODELS := bm25,muse-small,me5-small-q4,rrf(bm25, me5-small-q4)
REGRESSION := build/regression

.PHONY: setup demo site everything test slow long check regression ci format clean help

help:  ## Say what there is to make.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP)  ## Install bench with every extra that tests and demo use into .venv.

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv (a few minutes the first time) ..."
	@# torch first and by its exact version: asked for by a range, pip may take a build with several GB of CUDA.
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt "$$(grep -i '^torch==' constraints.txt)"
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[offline,dev]'
	@touch $@

demo: setup  ## Measure four systems on the embedded collection and show the board.
	@mkdir -p build
	@$(BIN)/bench run --model "$(DEMO_MODELS)" --task mini,mini-x --offline --cache build/demo-cache --board $(DEMO)
	@echo "== The board =="
	@$(BIN)/bench board show --board $(DEMO) --measure nDCG@10
	@echo "The board lies in $(DEMO), the runs in build/demo-cache/results. Next: $(BIN)/bench run --help"

$(PAGES): $(STAMP)
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[site]'
	@touch $@

site: $(PAGES)  ## Write the site of this repository's leaderboard into build/site.
	@$(BIN)/bench site build --board leaderboards --out build/site --cache build/site-cache

everything: $(PAGES)  ## Install what the tests of Ray and of the site in a browser use, the browser itself where that is possible.
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[site,browser,ray]'
	@command -v chromium > /dev/null || { test "$$(id -u)" = 0 && command -v apt-get > /dev/null \
		&& apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } \
		|| echo "no chromium here: the tests in a browser will be skipped"

test: $(PAGES)  ## Run the tests, offline.
	@HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -m "not slow and not long" -n auto

slow: $(PAGES)  ## Run the tests that take up to a minute each.
	@HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -m slow -n auto --dist loadfile

long: $(PAGES)  ## Run the tests that take minutes each.
	@HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -m long -n auto --dist loadfile

check: $(PAGES)  ## Lint, format, types.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

regression: setup  ## Measure two systems on the embedded collection and compare them with the committed board.
	@rm -rf $(REGRESSION)
	@$(BIN)/bench run --model bm25,muse-small --task mini --offline --quiet --cache $(REGRESSION)/cache --output $(REGRESSION)/results --board $(REGRESSION)/board > /dev/null
	@$(BIN)/bench check --baseline leaderboards --candidate $(REGRESSION)/board --task mini --quiet --junit $(REGRESSION)/junit.xml --summary $(REGRESSION)/summary.md

ci: everything check test regression slow  ## All of it but the long tests.

format: setup  ## Format the code.
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:  ## Remove what was built, the environment too.
	rm -rf build dist .venv
