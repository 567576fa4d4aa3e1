# make demo   sets up what is missing and runs the whole chain on simulated patients
# make test   sets up what is missing, then checks and tests everything
# make setup  the set-up alone; the command is then .venv/bin/iustumorseg

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TORCH := torch==2.13.0
CPU_TORCH_INDEX := https://download.pytorch.org/whl/cpu
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := IUSTumorSeg IUSTumorSegTraining Testing

.PHONY: demo setup check test format clean
.NOTPARALLEL:

demo: setup
	$(BIN)/iustumorseg demo --out demo-output

setup: $(READY)

# The tests take a process a core, each with one thread; the tests of one file stay together and share what they set up.
# Slicer's views and Qt do not share a process.
TEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile
test: check
	$(TEST) Testing/unit
	$(TEST) Testing/scene
	$(TEST) Testing/widgets

check: setup
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/codespell $(SOURCES) README.md CHANGELOG.md
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

clean:
	rm -rf $(VENV) demo-output

$(READY): pyproject.toml constraints.txt Makefile
	@echo "Setting up $(VENV) (once, a few minutes)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(MAKE) --no-print-directory system-libraries
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(MAKE) --no-print-directory torch
	$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

# The plain package brings gigabytes of CUDA; without a GPU the CPU build is taken, from the configured indexes if they
# have it, else from PyTorch's own.
.PHONY: torch
torch:
	@$(BIN)/python -c 'import torch' 2>/dev/null || \
	if command -v nvidia-smi >/dev/null 2>&1; then $(PIP) install '$(TORCH)'; \
	else $(PIP) install '$(TORCH)+cpu' 2>/dev/null || $(PIP) install '$(TORCH)+cpu' --index-url $(CPU_TORCH_INDEX) \
	  --extra-index-url https://pypi.org/simple; fi

# Slicer's views draw off-screen through EGL; the widget tests need what Qt links to.
SYSTEM_LIBRARIES := libegl1:libEGL.so.1 libgl1:libGL.so.1 libxkbcommon0:libxkbcommon.so.0 libdbus-1-3:libdbus-1.so.3 \
  libfontconfig1:libfontconfig.so.1 libglib2.0-0:libglib-2.0.so.0
.PHONY: system-libraries
system-libraries:
	@missing=""; for pair in $(SYSTEM_LIBRARIES); do \
	  /sbin/ldconfig -p | grep -q "$${pair#*:}" || missing="$$missing $${pair%%:*}"; done; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "Installing$$missing"; apt-get update -qq && apt-get install -y -qq $$missing >/dev/null; \
	else echo "Slicer's views and Qt need system libraries: sudo apt-get install$$missing"; exit 1; fi
