"""The bench, for a laboratory's own tests: `sine = bench("sine")`; and the stage's files alone."""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bench import opened  # noqa: E402
from desk import website  # noqa: E402

from metalib.lab import live  # noqa: E402


@pytest.fixture(scope="module")
def bench(browser, tmp_path_factory):
    """Name -> `Bench`, kept open for the tests of a module."""
    with ExitStack() as stack:
        yield lambda name, live=None: stack.enter_context(
            opened(browser, tmp_path_factory.mktemp(name), name, live)
        )


@pytest.fixture(scope="module")
def stage(browser, tmp_path_factory):
    """A blank page among the stage's files, which it can import."""
    folder = tmp_path_factory.mktemp("stage")
    live.write(folder, ["en"], {})
    (folder / "blank.html").write_text("<!doctype html><title>blank</title>")
    with website(folder) as address:
        page = browser.new_page()
        page.goto(f"{address}/blank.html")
        yield page
        page.close()
