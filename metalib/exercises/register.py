"""A teacher's view of a class: how many exercises and quiz questions each progress file has solved.

It reads files that students have handed in, or that lie in their homes on a server, and changes none. Who may
not read a file does not see it; and what is told are numbers only: no attempts, no hints, no guesses.
"""

from dataclasses import dataclass
from pathlib import Path

from metalib.exercises import course, parcel, progress
from metalib.i18n import _, ngettext

NAMES = (progress.FILE, parcel.FILE)  # what every student's file is called: here, and as it is downloaded
AT_HOME = Path(".local", "share", "metalib", progress.FILE)  # under Linux: metalib.paths


@dataclass(frozen=True)
class Student:
    """One student: the exercises passed and the quiz questions answered right, by the chapter's number."""

    name: str
    exercises: dict[str, int]
    questions: dict[str, int]


@dataclass(frozen=True)
class Register:
    """The class, in the order of the names; as a text, a table. `unread`: what could not be read, and why."""

    entries: tuple[Student, ...]
    unread: tuple[str, ...] = ()

    def __str__(self) -> str:
        chapters = course.chapters()
        exercises = sum(len(chapter.exercises) for chapter in chapters.values())
        questions = sum(len(chapter.quiz.questions) for chapter in chapters.values() if chapter.quiz)
        rows = [(_("student"), _("exercises"), _("quiz"), *chapters)]
        for entry in self.entries:
            done, right = sum(entry.exercises.values()), sum(entry.questions.values())
            each = (str(entry.exercises[number] or "·") for number in chapters)
            rows.append((entry.name, f"{done}/{exercises}", f"{right}/{questions}", *each))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for name, *numbers in rows:
            cells = (cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True))
            lines.append("  ".join([name.ljust(widths[0]), *cells]))
        students = ngettext("{n} student", "{n} students", len(self.entries)).format(n=len(self.entries))
        note = _("{students}. A chapter's column counts its exercises that were passed.")
        return "\n".join([*lines, "", note.format(students=students), *self.unread])


def register(*places: str | Path) -> Register:
    """The register of progress files, and of folders that hold them.

    In a folder count `NAME.json`, `NAME/progress.json` (or as `download` names it), and the homes of a
    server's users. A file is called after itself, one of a name that all have after its folder.

    Raises:
        FileNotFoundError: a place does not exist.
        ValueError: there is no progress file.
    """
    found = [pair for place in places for pair in _files(Path(place))]
    entries, unread = [], []
    for name, path in sorted(found):
        try:
            entries.append(_entry(name, progress.entries_in(path.read_bytes())))
        except OSError as error:
            unread.append(_("{name}: not read ({reason}).").format(name=name, reason=error.strerror or error))
        except ValueError:
            unread.append(_("{name}: {path} is not a whole progress file.").format(name=name, path=path))
    if not entries and not unread:
        raise ValueError(
            _(
                "There is no progress file in {places}: expected are NAME.json, NAME/progress.json, or homes "
                "with {home}."
            ).format(places=", ".join(map(str, places)), home=AT_HOME.as_posix())
        )
    return Register(tuple(entries), tuple(unread))


def _files(place: Path) -> list[tuple[str, Path]]:
    if not place.exists():
        raise FileNotFoundError(_("There is no {path}.").format(path=place))
    if place.is_file():
        return [(_named(place), place)]
    found = []
    for one in sorted(place.iterdir()):
        if one.is_file() and one.suffix == ".json":
            found.append((_named(one), one))
        elif one.is_dir():
            # A home that is closed to us is looked at all the same, and told as one that was not read.
            paths = (*(one / name for name in NAMES), one / AT_HOME)
            found += [(one.name, path) for path in paths if _may_be(path)][:1]
    return found


def _may_be(path: Path) -> bool:
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _named(path: Path) -> str:
    return path.absolute().parent.name if path.name in NAMES else path.stem


def _entry(name: str, facts: dict[str, dict]) -> Student:
    exercises, questions = {}, {}
    for number, chapter in course.chapters().items():
        exercises[number] = sum(bool(facts.get(each.id, {}).get("passed")) for each in chapter.exercises)
        quiz = chapter.quiz
        questions[number] = len(quiz.answered_right(facts.get(quiz.id, {}))) if quiz else 0
    return Student(name, exercises, questions)
