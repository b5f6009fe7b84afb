# Callsheet. `make demo` and `make test` do all set-up themselves; both are quick the second time.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SOURCES := manifests model pipeline flows tests benchmarks examples infra

.DEFAULT_GOAL := help
FIXTURES ?= tests/model/dice/fixtures
CORPUS ?= .cache/listening
ONLY ?=
UPGRADE ?=
NUMERIC := $(BIN)/python -m pytest -m numeric
FFMPEG ?= /usr/bin/ffmpeg
FACES ?= .cache/corpus
.PHONY: help setup demo test check format lock sbom docs bench bench-listening bench-listening-long bench-farm bench-record test-environments test-faults test-ffmpeg test-nights test-processors numeric-here numeric-avx2 numeric-sse4 numeric-mixed judge-previs corpus corpus-probes parity proof proof-dice site pictures clean

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## a virtual environment with the pinned packages, and the default weights

$(READY): locks/cpu.txt locks/cuda.txt locks/torch-cpu.txt pyproject.toml infra/setup.sh infra/fix_torchaudio.py
	@PYTHON=$(PYTHON) VENV=$(VENV) bash infra/setup.sh
	@touch $(READY)

demo: $(READY) ## render examples/lighthouse from script to delivered episode
	@$(BIN)/callsheet render examples/lighthouse

test: $(READY) ## the default test suite
	@$(BIN)/python -m pytest

test-ffmpeg: $(READY) ## deliveries and checks with another ffmpeg: make test-ffmpeg FFMPEG=/usr/bin/ffmpeg
	@CALLSHEET_FFMPEG=$(FFMPEG) $(BIN)/python -m pytest tests/pipeline/deliver tests/pipeline/assemble tests/pipeline/checks

# torch, oneDNN and OpenBLAS (numpy, scipy) each read a variable of their own.
test-processors: $(READY) ## tests whose numbers depend on the instruction set, as on older processors too
	@$(MAKE) --jobs=2 --keep-going --output-sync=target numeric-here numeric-avx2 numeric-sse4 numeric-mixed

numeric-here: # everything that this processor has
	@$(NUMERIC) tests/model

numeric-avx2: # Intel from 2013, AMD from 2015
	@ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 OPENBLAS_CORETYPE=Haswell $(NUMERIC) tests/model

numeric-sse4: # any x86-64 since 2009
	@ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 OPENBLAS_CORETYPE=Nehalem $(NUMERIC) tests/model

numeric-mixed: # kernels of torch and oneDNN that disagree
	@ATEN_CPU_CAPABILITY=avx2 $(NUMERIC) tests/model/dice

check: $(READY) ## format, lint, types, layers, unused code, licences, the site and its links
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/vulture
	@$(BIN)/python -m infra.licences
	@$(MAKE) --no-print-directory site

format: $(READY) ## format the sources
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

bench: $(READY) ## speed: previs, DICE-Talk, finishing, each beside its reference in one run
	@$(BIN)/python -m benchmarks.previs examples/lighthouse/portraits/mara.png examples/lighthouse/portraits/nadia_plate.png
	@$(BIN)/python -m benchmarks.dice
	@$(BIN)/python -m benchmarks.finishing speed
	@$(BIN)/python -m benchmarks.finishing colour
	@$(BIN)/python -m benchmarks.finishing loudness

bench-listening: $(READY) ## listening on a corpus that it makes itself, in the folder CORPUS (a part of it: ONLY=t2a)
	@bash infra/voices.sh $(CORPUS) $(ONLY)
	@$(BIN)/python -m benchmarks.listening_corpus mix $(CORPUS) --only "$(ONLY)"
	@$(BIN)/python -m benchmarks.listening $(CORPUS) $(if $(ONLY),,--only report,zz)

bench-listening-long: $(READY) ## two hours of that corpus through listening: memory, time (about 40 minutes)
	@$(BIN)/python -m benchmarks.listening_long $(CORPUS)

test-environments: $(READY) ## renders with unusual settings, users, folders and proxies, and without a network
	@$(BIN)/python -m pytest -m environments tests/environments

test-faults: $(READY) ## kill what can be killed, at random moments, until nothing is lost (at most 45 minutes)
	@$(BIN)/python -m pytest -m faults tests/faults

bench-farm: $(READY) ## the farm's own cost beside bare Ray actors, and one worker beside two
	@$(BIN)/python -m benchmarks.farm

bench-record: $(READY) ## the record at size and age: plans of 5,000 and 50,000 shots, 2,000 commits, 400 nights
	@$(BIN)/python -m benchmarks.record plan 5000
	@$(BIN)/python -m benchmarks.record plan 50000
	@$(BIN)/python -m benchmarks.record writers 2000
	@$(BIN)/python -m benchmarks.record nights

test-nights: $(READY) ## nights at once, kills and SIGTERM among them; schedules on PostgreSQL
	@$(BIN)/python -m pytest -m proof tests/infra tests/flows/night/test_nights_at_once.py tests/flows/doctor/test_examine.py

judge-previs: $(READY) ## judge the previs talker with networks that had no part in making it (about ten minutes)
	@bash infra/judge.sh
	@.cache/judge/bin/python -m benchmarks.previs_judge $(PORTRAITS)

corpus: $(READY) ## the synthetic corpus for training, in the folder FACES (about an hour)
	@bash infra/corpus.sh $(FACES)

corpus-probes: $(READY) ## simple classifiers on that corpus: neither trivial nor hopeless
	@$(BIN)/python -m benchmarks.corpus_probes $(FACES)

parity: $(READY) ## compare the DICE-Talk networks with golden tensors: make parity FIXTURES=DIR
	@$(BIN)/python -m benchmarks.dice_parity $(FIXTURES)

proof: $(READY) ## the longer proofs (at most 45 minutes)
	@$(BIN)/python -m pytest -m proof

proof-dice: $(READY) ## the whole example through the farm with tiny random DICE-Talk weights
	@$(BIN)/python -m pytest -m proof tests/flows/farm/test_dice_on_the_farm.py

lock: $(READY) ## write locks/ again, with the digests of all published files: make lock [UPGRADE=PACKAGE]
	@$(BIN)/python -m infra.lock $(if $(UPGRADE),--upgrade $(UPGRADE))

sbom: $(READY) ## a CycloneDX list of packages, weights and programs, in dist/
	@$(BIN)/python -m infra.sbom dist/callsheet.cdx.json

docs: $(READY) ## write the generated pages
	@$(BIN)/python -m infra.generated_docs

site: $(READY) ## the documentation as web pages, in site/; a broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@$(BIN)/python -m infra.site_resources site

pictures: $(READY) ## the README's animated picture, from the example; the README as a picture, in .cache/
	@$(BIN)/callsheet render examples/lighthouse
	@$(BIN)/python -m infra.pictures film
	@$(BIN)/python -m infra.pictures readme

clean: ## remove what was rendered and cached inside the checkout (not the environment)
	rm -rf examples/*/build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
