"""The bench, for a laboratory's own tests: `sine = bench("sine")`."""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bench import opened  # noqa: E402


@pytest.fixture(scope="module")
def bench(browser, tmp_path_factory):
    """Name -> `Bench`, kept open for the tests of a module."""
    with ExitStack() as stack:
        yield lambda name, live=None: stack.enter_context(
            opened(browser, tmp_path_factory.mktemp(name), name, live)
        )
