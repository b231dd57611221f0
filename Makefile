# One door for everything; `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup fmt format-check lint types imports test test-gpu test-systemd check demo serve bench dist install uninstall clean

# Of `make install`. The units name OPT, so it is the same everywhere; DESTDIR goes before all.
DESTDIR ?=
OPT := /opt/srstream
UNITS := /usr/local/lib/systemd/system
SYSUSERS := /usr/local/lib/sysusers.d/srstream.conf
CONFIG := /etc/srstream
# The drop-in: cuda where the driver's devices are, else cpu.
DROP_IN ?= $(if $(wildcard /dev/nvidiactl),cuda,cpu)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 18

setup: $(STAMP) ## make .venv and install srstream and its tools into it

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "srstream needs Python 3.11 or newer: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	touch $@

fmt: setup ## format, and fix what can be fixed safely
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

format-check: setup ## is everything formatted?
	$(BIN)/ruff format --check .

lint: setup ## ruff
	$(BIN)/ruff check .

types: setup ## mypy, strict
	$(BIN)/mypy

imports: setup ## who may import whom
	$(BIN)/lint-imports --no-logo

test: setup ## set up, then all tests
	$(BIN)/python -m pytest

test-gpu: setup ## the engine on a CUDA device; skipped where there is none
	$(BIN)/python -m pytest tests/gpu

test-systemd: setup ## the service under a real systemd in a container; skipped where that cannot be
	$(BIN)/python -m pytest tests/systemd

check: format-check lint types imports test ## all of it: before every commit

demo: setup ## set up, then the daemon at work on real photographs
	$(BIN)/srstream demo

serve: setup ## the daemon on config/srstream.toml: inbox/ to outbox/
	$(BIN)/srstream serve --config config/srstream.toml

bench: setup ## figures: bench/README.md
	$(BIN)/python -m bench --help

dist: setup ## build the wheel, install it in a fresh environment, run it
	rm -rf dist && mkdir dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	$(PYTHON) -m venv dist/venv
	dist/venv/bin/python -m pip install --quiet --disable-pip-version-check dist/*.whl
	cd dist && venv/bin/srstream version && venv/bin/srstream config check ../config/reference.toml

install: ## as root: the service of the system; DESTDIR=, DROP_IN=cpu|cuda; systemd/README.md
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "srstream needs Python 3.11 or newer: make install PYTHON=python3.12")'
	@case $$(realpath "$$(command -v $(PYTHON))") in /home/*|/root/*) echo 'the service sees nothing below /home and /root, where $(PYTHON) is: make install PYTHON=/usr/bin/python3' >&2; exit 1;; esac
	umask 022 && $(PYTHON) -m venv --clear $(DESTDIR)$(OPT)
	umask 022 && $(DESTDIR)$(OPT)/bin/python -m pip install --quiet --disable-pip-version-check .
	$(if $(DESTDIR),grep -rlI '$(DESTDIR)$(OPT)' $(DESTDIR)$(OPT)/bin $(DESTDIR)$(OPT)/pyvenv.cfg | xargs sed -i 's|$(DESTDIR)$(OPT)|$(OPT)|g')
	install -D -m 644 -t $(DESTDIR)$(OPT)/share/doc/srstream systemd/README.md config/reference.toml
	install -D -m 644 -t $(DESTDIR)$(UNITS) systemd/srstream.service systemd/srstream@.service
	install -D -m 644 -t $(DESTDIR)$(UNITS)/srstream.service.d systemd/drop-ins/$(DROP_IN).conf
	install -D -m 644 -t $(DESTDIR)$(UNITS)/srstream@.service.d systemd/drop-ins/$(DROP_IN).conf
	install -D -m 644 systemd/srstream.sysusers $(DESTDIR)$(SYSUSERS)
	test -e $(DESTDIR)$(CONFIG)/srstream.toml || install -D -m 644 systemd/srstream.toml $(DESTDIR)$(CONFIG)/srstream.toml
	$(if $(DESTDIR),,systemd-sysusers $(SYSUSERS))
	$(if $(DESTDIR),,if test -d /run/systemd/system; then systemctl daemon-reload; fi)

uninstall: ## as root: take it away again, but for configuration, state and user
	$(if $(DESTDIR),,if test -d /run/systemd/system; then systemctl disable --now srstream.service 'srstream@*.service'; fi)
	rm -rf $(DESTDIR)$(OPT) $(DESTDIR)$(UNITS)/srstream.service.d $(DESTDIR)$(UNITS)/srstream@.service.d
	rm -f $(DESTDIR)$(UNITS)/srstream.service $(DESTDIR)$(UNITS)/srstream@.service $(DESTDIR)$(SYSUSERS)
	$(if $(DESTDIR),,if test -d /run/systemd/system; then systemctl daemon-reload; fi)
	@echo 'left: $(DESTDIR)$(CONFIG), /var/lib/srstream, the user srstream; where nothing of it is wanted: rm -r $(DESTDIR)$(CONFIG) /var/lib/srstream && userdel srstream'

clean: ## remove what make made, but no pictures
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
