# Everything lives in .venv; nothing outside the checkout is touched but pip's own cache.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
DEMO := build/demo-board
DEMO_MODELS := bm25,muse-small,me5-small-q4,rrf(bm25, me5-small-q4)

.PHONY: setup demo test slow check ci format clean help

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

test: setup  ## Run the tests, offline.
	@HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -m "not slow" -n auto

slow: setup  ## Run the tests that take minutes.
	@HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -m slow

check: setup  ## Lint, format, types.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

ci: check test slow  ## All of it.

format: setup  ## Format the code.
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:  ## Remove what was built, the environment too.
	rm -rf build dist .venv
