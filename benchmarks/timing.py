"""What every benchmark prints; how it is timed stands in `metalib.timing`."""

from __future__ import annotations

from collections.abc import Sequence

from metalib.timing import interleaved, machine, table, times, times_faster

__all__ = ["interleaved", "machine", "print_table", "times", "times_faster"]


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A Markdown table with aligned columns: the first to the left, the others to the right."""
    print(table(header, rows), flush=True)
