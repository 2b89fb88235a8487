# Thin on purpose: tools/install.py knows how to set up, pytest knows the tests. `make` alone prints the targets.
PYTHON ?= python3
LAB_ARGS ?=
TEST_ARGS ?=
ifeq ($(OS),Windows_NT)
VENV_BIN := .venv/Scripts
PEERS_PYTHON := .peers/Scripts/python.exe
LECTURE_PYTHON := .lecture/Scripts/python.exe
SITE_PYTHON := .site/Scripts/python.exe
GRADING_PYTHON := .grading/Scripts/python.exe
else
VENV_BIN := .venv/bin
PEERS_PYTHON := .peers/bin/python
LECTURE_PYTHON := .lecture/bin/python
SITE_PYTHON := .site/bin/python
GRADING_PYTHON := .grading/bin/python
endif
VENV_PYTHON := $(VENV_BIN)/python

.DEFAULT_GOAL := help
.PHONY: help install lab test check peers hub twins lecture handout rehearse grading release site visit chapters links linkcheck messages stale clean

help:      ## print this list
	@sed -n 's/^\([a-z]*\): .*## \(.*\)/make \1	\2/p' Makefile

install:   ## set up .venv with the exact versions (GPU=1: with CUDA); the targets below do it themselves
	@$(PYTHON) tools/install.py

lab:       install  ## open the course in JupyterLab (LAB_ARGS="--no-browser" and so on)
	$(VENV_PYTHON) -m jupyterlab chapters/00_start_here.ipynb $(LAB_ARGS)

test:      install  ## run everything that proves the course, a real browser included
	$(VENV_PYTHON) -m pytest -q -n 2 --dist loadfile --durations=10 $(TEST_ARGS)

check:     install  ## floors, types and the quick tests (no browser, no notebooks): under two minutes on two cores
	$(VENV_BIN)/lint-imports --no-cache
	$(VENV_BIN)/mypy
	$(VENV_PYTHON) -m pytest -q -n 2 --dist loadfile -m "not browser and not chapters and not slow" $(TEST_ARGS)

peers:     ## the same MAML step in TensorFlow, JAX, learn2learn, higher and TorchOpt, in .peers: tests, then the table
	@$(PYTHON) tools/install.py --environment peers
	$(PEERS_PYTHON) -m pytest -q -p no:cacheprovider tests/test_peers.py $(TEST_ARGS)
	$(PEERS_PYTHON) -m metalib.peers

hub:       install  ## ten students on a JupyterHub, in .hub: each in a chapter with a slider, nobody in another's way
	@$(PYTHON) tools/install.py --environment hub
	$(VENV_PYTHON) -m pytest -q -p no:cacheprovider tests/hub $(TEST_ARGS)

twins:     install  ## the chapters as on Colab and as on Binder, in .twin-colab and .twin-binder (Linux, macOS)
	@$(PYTHON) tools/install.py --environment colab
	@$(PYTHON) tools/install.py --environment binder
	$(VENV_PYTHON) -m pytest -q -n 2 --maxschedchunk 1 --durations=5 tests/twins/test_colab_chapters.py $(TEST_ARGS)
	$(VENV_PYTHON) -m pytest -q -s tests/twins/test_colab_notebook.py tests/twins/test_binder.py $(TEST_ARGS)

lecture:   ## show a chapter as slides with live laboratories, and a presenter's page: CHAPTER=03
	@$(PYTHON) tools/install.py --environment lecture
	@$(LECTURE_PYTHON) tools/lecture.py "$(CHAPTER)" $(LECTURE_ARGS)

handout:   ## PDF and HTML to hand out, in build/handout: CHAPTER=03, or all (HANDOUT_ARGS=--solutions)
	@$(PYTHON) tools/install.py --environment lecture
	@$(LECTURE_PYTHON) tools/handout.py $(CHAPTER) $(HANDOUT_ARGS)

rehearse:  ## try a lecture and a handout in a real browser
	@$(PYTHON) tools/install.py --environment lecture
	$(LECTURE_PYTHON) -m pytest -q -p no:cacheprovider tests/test_lecture.py tests/test_handout.py $(TEST_ARGS)

grading:   ## hand two chapters out to a class in nbgrader, in .grading: solutions, wrong answers, mischief
	@$(PYTHON) tools/install.py --environment grading
	$(GRADING_PYTHON) -m pytest -q -p no:cacheprovider tests/test_grading.py tests/test_grading_nbgrader.py $(TEST_ARGS)

release:   install  ## build wheel and source archive, and try the wheel in .release, where there is nothing else
	@$(PYTHON) tools/install.py --environment release
	$(VENV_PYTHON) -m pytest -q -p no:cacheprovider tests/test_release.py $(TEST_ARGS)

site:      ## the course as a web site, in build/site: laboratories that live without a kernel, no other host
	@$(PYTHON) tools/install.py --environment site
	$(SITE_PYTHON) tools/site/build.py $(SITE_ARGS)

visit:     install site  ## open every page of the web site in a real browser, with all other hosts blocked
	$(VENV_PYTHON) -m pytest -q -n 2 -p no:cacheprovider tests/site $(TEST_ARGS)

chapters:  install  ## build and execute chapters/*.ipynb from chapters/source/*.md
	$(VENV_PYTHON) tools/chapters.py

links:     install  ## stamp the address in pyproject.toml into every link to the course, the setup cells included
	$(VENV_PYTHON) tools/links.py

linkcheck: install  ## follow every link: within the course, and to other hosts (this one needs the network)
	$(VENV_PYTHON) tools/linkcheck.py
	$(VENV_PYTHON) tools/linkcheck.py --outside

messages:  install  ## extract metalib's sentences for the translators, into metalib/locale
	$(VENV_PYTHON) tools/messages.py

stale:     install  ## list what translations have not followed yet
	$(VENV_PYTHON) tools/chapters.py --stale

clean:     ## remove the environments and what the tools left behind (never a chapter, never your progress)
	rm -rf .venv .peers .grading .release .lecture .hub .twin-colab .twin-binder .site build dist .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis *.egg-info
