"""Progress that was taken along from another machine, and is taken up on this one.

    exercises.download()        there: gives the file to the browser (`parcel`)
    exercises.resume()          here: takes up the files beside the notebook that have its name

Taking up only adds: what is further here stays as it is. Whatever is wrong with a file costs one line.
"""

from collections.abc import Iterator
from pathlib import Path

from metalib import place
from metalib.exercises import progress
from metalib.exercises.board import Board, board
from metalib.exercises.parcel import FILE, STEM
from metalib.i18n import _, ngettext

LARGEST = 5_000_000  # bytes; all of a course's progress takes some thousands


def resume(file: str | Path | None = None) -> Board:
    """Take up what `download` gave, and show the board.

    file: by default every file of that name (a browser adds numbers) beside the notebook or in one of the
    two folders above it; on Colab, where there is none, the page asks for it.
    """
    found = 0
    for name, content in _contents(file):
        found += 1
        try:
            if len(content) > LARGEST:
                raise ValueError(
                    _("it has {size} bytes, and progress at most {most}").format(
                        size=len(content), most=LARGEST
                    )
                )
            further = progress.add(progress.entries_in(content))
        except ValueError as error:
            print(_("{name} is not taken up: {reason}.").format(name=name, reason=error))
            continue
        print(
            ngettext(
                "{name}: taken up; {n} entry is new.", "{name}: taken up; {n} entries are new.", further
            ).format(name=name, n=further)
        )
    if not found:
        print(
            _(
                "There is no file {name} beside this notebook. Drag the one that you downloaded into the "
                "list of files on the left, and run this again."
            ).format(name=file or FILE)
        )
    return board()


def _contents(file: str | Path | None) -> Iterator[tuple[str, bytes]]:
    """The files to take up, with their names."""
    folders = (Path.cwd(), *Path.cwd().parents[:2])
    paths = [Path(file)] if file else [path for near in folders for path in near.glob(f"{STEM}*.json")]
    paths = [path for path in paths if path.is_file()]
    for path in paths:
        try:
            with open(path, "rb") as opened:
                yield path.name, opened.read(LARGEST + 1)
        except OSError as error:
            print(_("{name} is not taken up: {reason}.").format(name=path.name, reason=error.strerror))
    if not paths and place.here() == place.COLAB:
        yield from place.ask_on_colab().items()
