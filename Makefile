# `make run` and `make test` do all the set-up they need in .venv. PYTHON=… names another Python than the one
# that requirements/install finds, UV=… another uv (UV= for pip alone).
BIN := .venv/bin
export TRELLIS_SAMPLES PYTHON

.PHONY: run test test-neural test-distributed test-postgres test-faults-long quick chaos chaos-workers hostile fuzz test-interop bench bench-orchestration bench-capacity bench-earning bench-scaling soak lint types format audit coverage docs vendor clean product extras setup lock package docs-settings test-debian13 test-debian12

run: product ## mine on the local subnet with the Dagster UI at http://127.0.0.1:3000
	$(BIN)/trellis-assets mine --ui

test: setup lint types ## what must hold on one machine
	$(BIN)/pytest -n 3 --dist loadgroup -m "not slow and not distributed and not faults_long" $(COVERAGE)
	$(BIN)/pytest -n 3 --dist loadgroup -m "slow and not distributed and not faults_long"

# OpenCLIP needs torchvision. Its release for torch 2.13 exists on PyPI as a GPU build only, with 3 GB of
# libraries; 0.15.2 is the last whose Python part works without its compiled one, of which nothing is used
# here. So it is kept out of .venv, and this environment looks into .venv for everything else (41 MB). It has no
# wheel for Python 3.12 and later.
NEURAL := .venv-neural
test-neural: $(NEURAL)/installed ## our networks against OpenCLIP, torchmetrics and the subnet's recorded scores
	$(NEURAL)/bin/python -m pytest trellis_assets_tests/adapters/validation/neural

$(NEURAL)/installed: .venv/development
	rm -rf $(NEURAL)
	$(BIN)/python -m venv --without-pip $(NEURAL)
	cd $(NEURAL)/lib/python3.* && ls -d $(CURDIR)/.venv/lib/python3.*/site-packages > site-packages/base.pth
	$(BIN)/pip --python $(NEURAL)/bin/python install --quiet --no-deps torchvision==0.15.2 open_clip_torch==3.3.0 timm==1.0.31
	touch $@

test-distributed: setup ## what must hold of several miners and workers, over PostgreSQL and Redis
	$(BIN)/pytest -n 2 --dist loadfile -m distributed

# The release that the subnet's validators run on, with the libraries of its time.
.venv-bittensor-9/installed: .venv/product
	$(BIN)/python -m venv .venv-bittensor-9
	.venv-bittensor-9/bin/pip install --quiet --requirement trellis_assets_tests/interop/requirements.txt
	touch $@

test-interop: setup .venv-bittensor-9/installed ## real Axons of bittensor 9.9; TRELLIS_SUBNET_PROTOCOL: the subnet's own protocol.py
	TRELLIS_BITTENSOR_9=$(CURDIR)/.venv-bittensor-9/bin/python $(BIN)/pytest trellis_assets_tests/interop

# TESTS= leaves the tests out, TESTS=test runs them all; the log ends with seconds and megabytes.
TESTS ?= quick
test-debian13: ## the README's commands on a bare Debian 13, in a root made by debootstrap; minutes
	.ci/bare-machine trixie "$(TESTS)"

test-debian12: ## the same on Debian 12
	.ci/bare-machine bookworm "$(TESTS)"

FUZZ_SECONDS ?= 60
fuzz: setup ## random bytes against the parser of responses; FUZZ_SECONDS of it
	TRELLIS_FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m trellis_assets_tests.hostile.fuzz

test-postgres: setup ## the tests of one machine, with the store and Dagster on a real PostgreSQL
	$(BIN)/pytest -n 3 --dist loadgroup -m "not distributed and not faults_long" --database=postgresql

test-faults-long: setup ## faults of the whole product that take minutes: kills, stopped parts, clocks, hostile peers
	$(BIN)/pytest -n 1 -m "faults_long and not distributed"

quick: setup ## unit tests only
	$(BIN)/pytest -n 2 -m "not slow and not faults_long"

# 200 tasks, 20 kills; another SEED kills at other points.
SEED ?= 17
chaos: setup ## kill every part of the miner while it works, and audit what became of the tasks
	$(BIN)/python -m trellis_assets_tests.end_to_end.chaos --tasks 200 --kills 20 --seed $(SEED) --out benchmarks/results/chaos.json

chaos-workers: setup ## the same with three Celery workers, over PostgreSQL and Redis, which are killed too
	$(BIN)/python -m trellis_assets_tests.end_to_end.chaos --tasks 200 --kills 20 --seed $(SEED) --workers 3 --out benchmarks/results/chaos_workers.json

hostile: setup ## mine beside a hostile validator for every attack, and measure pace, memory and lag
	$(BIN)/python -m trellis_assets_tests.hostile --out benchmarks/results/hostile.json

docs-settings: product ## write docs/settings.md
	$(BIN)/trellis-assets settings --markdown > docs/settings.md

bench: setup ## measure, and write docs/figures.md
	$(BIN)/python benchmarks/figures.py

bench-orchestration: setup ## half an hour; ARGS=--quick for some minutes, written nowhere
	$(BIN)/python benchmarks/figures.py orchestration $(ARGS)

bench-capacity: setup ## a quarter of an hour; ARGS=--small for a quarter of the tasks; writes docs/capacity.md
	$(BIN)/python benchmarks/figures.py capacity $(ARGS)

bench-earning: setup ## what policies earn, simulated, on 2 cores in minutes; writes docs/earning.md; ARGS="--earning-seeds 3" to look
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/figures.py earning earning_decision $(ARGS)

bench-scaling: setup ## ten minutes, on a quiet machine; ARGS="--scaling-tasks 40" to look, written nowhere
	$(BIN)/python benchmarks/figures.py scaling $(ARGS)

soak: setup ## 5,000 tasks: does anything grow? ARGS="--soak-tasks 200 …" to look, written nowhere
	$(BIN)/python benchmarks/figures.py soak $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy
	MYPYPATH=benchmarks $(BIN)/mypy --explicit-package-bases benchmarks

# The unit tests alone, and what they start: the whole-product tests would take twice their time under it.
# The whole product is not measured: its processes would be slower, and some tests are about time.
COVERAGE :=
coverage: setup ## lines and branches that the unit tests reach; the figure is the last line
	rm -f .coverage .coverage.*
	$(BIN)/pytest -q -n 2 -m "not slow and not distributed and not faults_long" --durations=0 --durations-min=1e9 --cov --cov-report=term --cov-report=html:build/coverage

docs: setup ## the documentation as a site in build/site; a broken link or docstring fails it
	$(BIN)/mkdocs build --strict

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

audit: .venv/product ## known vulnerabilities of what is locked, where the advisories can be had
	$(BIN)/python .ci/audit

lock: ## write requirements/ again, by uv (pip install uv); ARGS=--upgrade for the newest versions that pyproject.toml allows
	requirements/lock $(ARGS)

product: .venv/product .venv/compiled ## what mining needs, in .venv

extras: product .venv/extras ## the optional dependencies too: networks with torch, PostgreSQL, Celery, S3

setup: extras .venv/development ## the tests' tools too

package: .venv/product ## the wheel, in dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

# Anew, so that nothing of an earlier version stays: a torchvision that fits no more breaks what finds it.
LOCKS := requirements/
.venv/product: pyproject.toml $(LOCKS)product.txt $(LOCKS)build.txt $(LOCKS)uv.txt $(LOCKS)install
	$(LOCKS)install product
	touch $@

.venv/extras: .venv/product $(LOCKS)extras.txt $(LOCKS)torch.txt
	$(LOCKS)install extras
	touch $@

.venv/development: .venv/extras $(LOCKS)development.txt
	$(LOCKS)install development
	touch $@

# The renderer's kernels are compiled once, here, and not while a task waits.
.venv/compiled: .venv/product trellis_assets/adapters/rendering/kernels.py
	$(BIN)/python -c "from trellis_assets.adapters.rendering.cpu import warm_up; warm_up()"
	touch $@

# The 3D viewer of the gallery, from npm.
VENDOR := trellis_assets/servers/gallery/vendor
vendor: ## fetch the gallery's JavaScript libraries again
	rm -rf build/npm && mkdir -p build/npm
	cd build/npm && npm pack --silent three@0.180.0 @sparkjsdev/spark@2.2.0
	cd build/npm && for name in three-0.180.0 sparkjsdev-spark-2.2.0; do mkdir $$name && tar xzf $$name.tgz -C $$name; done
	cp build/npm/three-0.180.0/package/build/three.module.min.js build/npm/three-0.180.0/package/build/three.core.min.js $(VENDOR)
	cp build/npm/three-0.180.0/package/examples/jsm/controls/OrbitControls.js $(VENDOR)
	cp build/npm/three-0.180.0/package/examples/jsm/postprocessing/Pass.js $(VENDOR)
	cp build/npm/sparkjsdev-spark-2.2.0/package/dist/spark.module.min.js $(VENDOR)
	cp build/npm/three-0.180.0/package/LICENSE $(VENDOR)/LICENSE.three
	cp build/npm/sparkjsdev-spark-2.2.0/package/LICENSE $(VENDOR)/LICENSE.spark
	sed -i '/^\/\/# sourceMappingURL=/d' $(VENDOR)/*.js

clean: ## the environment and caches; data/ is kept
	rm -rf .venv .venv-neural .venv-bittensor-9 .coverage* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
