"""Read one chapter's exercises, predictions and quiz from Markdown: `content/en/03_maml.md` or a translation.

    # MAML                                               the chapter's title
    ## 03/inner-step: the inner step                     an exercise: its id and its title
    `inner_step` · difficulty 1 · 10 minutes             the name it defines; then comes the statement
    ### Stub                                             ```python …
    ### Solution                                         ```python …
    ### Hints                                            1. …  2. …
    ### Wrong: uphill                                    ```diff … against the solution, or a whole ```python;
                                                         then the message
    ### Passed                                           what to say when it is right (may be left out)
    ## 03/predictions                                    what cells ask before they show (may be left out)
    ### between: Where is θ′ …?                          a question: its id, and its text; the cell calls it
                                                         "03/between"
    ## 03/quiz
    ### whose-loss: Whose loss …?                        a question: its id and its text

A question is of one of three kinds:

    - [x] The query loss at θ′.                          choices, each with its explanation below, after a
    - [ ] The support loss at θ.                         blank line, indented by two spaces

    = 12, in %, within 5                                 a number: the right one, its unit (may be left out),
    = {share}, in %, within a factor of 2                how far off still counts as right (twice that as
                                                         near); {share}: the prediction's cell gives it

    1. `for x, y in tasks:`                              lines in their right order; code between backticks,
    2. `    loss = …`                                    with its indentation; below each, after a blank line,
                                                         indented, why it stands there (may be left out)

and after that it may say, in paragraphs,

    Answer: At once, because …                           what is said when it opens; in a quiz, when right
    Alt: Two curves …                                    in a prediction, one paragraph a picture
    Chapter: 03                                          in a final test, the chapter to read again; then
                                                         every question of the quiz names one

A quiz's choices have exactly one [x] and an explanation each, its numbers and orders an `Answer:`. In a
prediction no choice need be right, and explanations may be left out where there is an `Answer:`. What is said
after a prediction's guess (explanations, Answer, Alt) may have places for values that the cell gives:
`{loss:.2f}`.

Choices and lines are shown shuffled, the same for everybody. So none may refer to another by its place.

A translation has the same headings, ids and order, and no code: name, difficulty, minutes, solution, wrong
answers and the chapter of a question are the English file's (a stub or solution may be given where its
strings or comments are translated).

The parser is strict: whatever is not as above is refused with file, line and what is expected there.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from metalib.exercises.texts import (
    ChapterText,
    ChoiceText,
    ExerciseText,
    NumberText,
    Program,
    QuestionText,
    WrongText,
    refuse,
)  # fmt: skip

ID = r"[a-z0-9]+(?:-[a-z0-9]+)*"
PARTS = ("Stub", "Solution", "Hints", "Wrong", "Passed")  # of an exercise, in this order

Numbered = tuple[int, str]  # a line's number in the file, and the line
Item = tuple[int, re.Match, list[Numbered]]  # of a list: its line, its mark, its lines without indentation


@dataclass
class Section:
    """A heading, the lines below it without outer blank ones, and the sections one level deeper."""

    heading: str
    line: int
    body: list[Numbered] = field(default_factory=list)
    below: list["Section"] = field(default_factory=list)


def read(path: Path, translation: bool = False) -> ChapterText:
    """The content of a file. Raises ContentError at the first thing that is not as it must be."""
    return Reader(path, path.stem[:2], translation).chapter(path.read_text(encoding="utf-8"))


class Reader:
    """Reads one file; every method refuses what it does not expect."""

    def __init__(self, path: Path, number: str, translation: bool):
        self.path, self.number, self.translation = path, number, translation

    def refuse(self, line: int, reason: str) -> NoReturn:
        refuse(self.path, line, reason)

    # From lines to sections

    def chapter(self, text: str) -> ChapterText:
        top = self.sections(text)
        for number, line in top.body:
            if not re.fullmatch(r"<!--.*-->|\s*", line):
                self.refuse(
                    number, "between the title and the first '## ' only comments <!-- … --> may stand"
                )
        exercises: list[ExerciseText] = []
        asked: dict[str, Section] = {}  # the predictions, then the quiz
        for section in top.below:
            name = section.heading.removeprefix(f"{self.number}/")
            if "quiz" in asked:
                self.refuse(section.line, "nothing may follow the quiz")
            if name in ("predictions", "quiz") and name not in asked:
                asked[name] = section
            elif asked:
                self.refuse(section.line, "after the predictions only the quiz may follow")
            else:
                exercises.append(self.exercise(section))
        predictions, quiz = (
            self.questions(asked[name]) if name in asked else () for name in ("predictions", "quiz")
        )
        self.different([*exercises, *predictions])
        lines = {name: section.line for name, section in asked.items()}
        return ChapterText(
            self.path, top.heading, tuple(exercises), quiz, lines.get("quiz", 0),
            predictions, lines.get("predictions", 0),
        )  # fmt: skip

    def sections(self, text: str) -> Section:
        """The tree of headings, outside of code fences."""
        open_sections: list[Section] = []
        top, fence, fence_line = None, "", 0
        for number, line in enumerate(text.split("\n"), 1):
            line = line.rstrip()
            if fence:
                fence = "" if line == fence else fence
            elif mark := re.match(r"`{3,}", line):
                fence, fence_line = mark[0], number
            elif heading := re.match(r"(#{1,3})(?: +(.+)|$)", line):
                level = len(heading[1])
                if not heading[2]:
                    self.refuse(number, "this heading is empty")
                if level > len(open_sections) + 1 or (level == 1 and top):
                    self.refuse(number, "expected one '# title', then '## id: title', and '### ' below those")
                section = Section(heading[2], number)
                top = top or section
                if level > 1:
                    open_sections[level - 2].below.append(section)
                open_sections[level - 1 :] = [section]
                continue
            if open_sections:
                open_sections[-1].body.append((number, line))
            elif line:
                self.refuse(number, "a file begins with '# ' and the chapter's title")
        if fence:
            self.refuse(fence_line, f"this code fence is never closed by {fence}")
        if top is None:
            self.refuse(1, "a file begins with '# ' and the chapter's title")
        return top

    # Exercises

    def exercise(self, section: Section) -> ExerciseText:
        parts = re.fullmatch(rf"({self.number}/{ID}): +(\S.*)", section.heading)
        if not parts:
            self.refuse(
                section.line, f"expected '## {self.number}/some-id: title' or '## {self.number}/quiz'"
            )
        name, difficulty, minutes, body = self.facts(section)
        found: dict[str, list[Section]] = {part: [] for part in PARTS}
        order = 0
        for below in section.below:
            part = below.heading.partition(":")[0]
            if part not in PARTS or (part != "Wrong" and below.heading != part):
                self.refuse(below.line, f"expected one of {', '.join(f'### {name}' for name in PARTS)}")
            if PARTS.index(part) < order or (part != "Wrong" and found[part]):
                self.refuse(below.line, f"the parts come once and in the order {', '.join(PARTS)}")
            order = PARTS.index(part)
            found[part].append(below)
        needed = ("Hints", "Wrong") if self.translation else PARTS[:4]
        for part in needed:
            if not found[part]:
                self.refuse(section.line, f"the exercise {parts[1]} has no '### {part}'")
        stub, solution = (self.program(section, found[part]) for part in ("Stub", "Solution"))
        wrong = tuple(self.wrong(below, solution) for below in found["Wrong"])
        self.different(wrong)
        return ExerciseText(
            parts[1], parts[2], section.line, self.statement(section, body), name, difficulty, minutes,
            stub, solution, self.hints(found["Hints"][0]), wrong,
            self.prose(found["Passed"][0].body, found["Passed"][0].line) if found["Passed"] else "",
        )  # fmt: skip

    def facts(self, section: Section) -> tuple[str, int, int, list[Numbered]]:
        """Name, difficulty and minutes from the first line below the heading, and the lines after it."""
        body = without_blank_ends(section.body)
        line, text = body[0] if body else (section.line, "")
        facts = re.fullmatch(r"`(\w+)` · difficulty (\d+) · (\d+) minutes", text)
        if self.translation:
            if facts:
                self.refuse(line, "name, difficulty and minutes stand in the English file only")
            return "", 0, 0, body
        if not facts:
            self.refuse(line, "expected a line '`name` · difficulty 1 · 10 minutes' below the heading")
        return facts[1], int(facts[2]), int(facts[3]), body[1:]

    def statement(self, section: Section, body: list[Numbered]) -> str:
        text = joined_script("\n".join(line for _number, line in without_blank_ends(body)))
        return text or self.refuse(section.line, "the exercise has no statement")

    def program(self, section: Section, found: list[Section]) -> Program:
        """The one ```python fence of a stub or a solution."""
        if not found:
            return Program("", section.line)
        kind, code, rest = self.fence(found[0])
        if kind != "python" or rest:
            self.refuse(found[0].line, f"'### {found[0].heading}' holds one ```python fence and nothing else")
        return Program(code, found[0].line)

    def hints(self, section: Section) -> tuple[str, ...]:
        hints = []
        for n, (line, mark, body) in enumerate(self.items(section, r"(\d+)\. ", "1. a hint"), 1):
            if mark[1] != str(n):
                self.refuse(line, f"this is hint {n}, not {mark[1]}")
            hints.append(self.prose(body, line))
        return tuple(hints)

    def wrong(self, section: Section, solution: Program) -> WrongText:
        id = re.fullmatch(rf"Wrong: +({ID})", section.heading)
        if not id:
            self.refuse(section.line, "expected '### Wrong: some-id' (small letters, digits, hyphens)")
        kind, code, rest = self.fence(section)
        if self.translation and kind is not None:
            self.refuse(section.line, "a wrong answer's code stands in the English file only")
        if not self.translation and kind not in ("diff", "python"):
            self.refuse(section.line, "a wrong answer begins with a ```diff or a ```python fence")
        if kind == "diff":
            code = self.patched(solution.text, code, section.line)
        return WrongText(id[1], self.prose(rest, section.line), code, section.line)

    def patched(self, solution: str, diff: str, line: int) -> str:
        """The solution with the lines of `diff` that begin with '-' replaced by those with '+'."""
        lines = diff.splitlines()
        if any(text and text[0] not in "-+ " for text in lines):
            self.refuse(line, "every line of a diff begins with '-', '+' or a space")
        old = [text[1:] for text in lines if text[:1] != "+"]
        new = [text[1:] for text in lines if text[:1] != "-"]
        whole = solution.splitlines()
        places = [n for n in range(len(whole)) if old and whole[n : n + len(old)] == old]
        if len(places) != 1:
            self.refuse(
                line,
                f"the diff's old lines must stand in the solution exactly once, one after the other, "
                f"not {len(places)} times: {old}",
            )
        whole[places[0] : places[0] + len(old)] = new
        return "\n".join(whole) + "\n"

    # The predictions and the quiz

    def questions(self, section: Section) -> tuple[QuestionText, ...]:
        for line, _text in without_blank_ends(section.body):
            self.refuse(line, f"below '## {section.heading}' expected '### some-id: question'")
        asked = section.heading == f"{self.number}/predictions"
        found = tuple(self.question(below, f"{self.number}/" if asked else "") for below in section.below)
        if not found:
            self.refuse(section.line, f"'## {section.heading}' has no questions")
        self.different(found)
        return found

    def question(self, section: Section, prefix: str) -> QuestionText:
        parts = re.fullmatch(rf"({ID}): +(\S.*)", section.heading)
        if not parts:
            self.refuse(section.line, "expected '### some-id: question'")
        id, text = prefix + parts[1], parts[2]
        body, answer, alt, chapter = self.said_after(section, prefix)
        line, first = body[0] if body else (section.line, "")
        if first.startswith("="):
            if len(body) > 1:
                self.refuse(body[1][0], "after the number expected 'Answer: …'")
            asked: dict = {"number": self.number_of(line, first)}
        elif first.startswith("1. "):
            asked = {"lines": self.explained(section, body, r"(\d+)\. ", "1. the first line")}
        else:
            choices = self.explained(section, body, r"- \[([ x])\] ", "- [ ] a choice", needed=not prefix)
            asked = {"choices": choices}
        return QuestionText(id, text, line=section.line, answer=answer, alt=alt, chapter=chapter, **asked)

    def said_after(self, section: Section, prefix: str) -> tuple[list[Numbered], str, tuple[str, ...], str]:
        """The lines before `Answer:`, `Alt:` and `Chapter:`, and what stands there."""
        parts: dict[str, list[Numbered]] = {"": []}
        names = ("", "Answer", "Alt", "Chapter")
        for line, text in without_blank_ends(section.body):
            if mark := re.match(r"(Answer|Alt|Chapter):(?: +|$)", text):
                if names.index(mark[1]) <= names.index(list(parts)[-1]):
                    self.refuse(line, "'Answer:', 'Alt:' and 'Chapter:' come once and in this order")
                parts[mark[1]] = []
                text = text[mark.end() :]
            list(parts.values())[-1].append((line, text))
        answer, alt, chapter = (
            self.prose(parts[name], parts[name][0][0]) if name in parts else "" for name in names[1:]
        )
        if chapter and (self.translation or prefix or not re.fullmatch(r"\d\d", chapter)):
            self.refuse(
                parts["Chapter"][0][0], "'Chapter: 03' stands in a quiz, in the English file, with two digits"
            )
        return without_blank_ends(parts[""]), answer, tuple(alt.split("\n\n") if alt else ()), chapter

    def number_of(self, line: int, text: str) -> NumberText:
        figure = r"[-−]?\d+(?:\.\d+)?(?:e-?\d+)?"
        parts = re.fullmatch(
            rf"= (?:\{{(\w+)\}}|({figure}))(?:, in ([^,]+))?(?:, within (a factor of )?({figure}))?", text
        )
        if not parts:
            self.refuse(
                line, "expected '= 12, in %, within 5', with {a_name} for a value that the cell gives"
            )
        value = parts[1] or float(parts[2].replace("−", "-"))
        return NumberText(value, parts[3] or "", float(parts[5] or 0), bool(parts[4]))

    def explained(
        self, section: Section, lines: list[Numbered], mark: str, example: str, needed: bool = False
    ) -> tuple[ChoiceText, ...]:
        """A list of choices or of lines to put in order, each with its explanation or, unless it is needed,
        without."""
        found: list[ChoiceText] = []
        for n, (line, match, body) in enumerate(self.items(section, mark, example, lines), 1):
            if match[1] not in (" ", "x", str(n)):
                self.refuse(line, f"this is line {n}, not {match[1]}")
            blank = next((n for n, (_line, text) in enumerate(body) if not text), len(body))
            why = without_blank_ends(body[blank:])
            if needed and not why:
                self.refuse(line, "expected an explanation below the choice, after a blank line, indented")
            text = self.prose(body[:blank], line)
            id = hashlib.sha256(text.encode()).hexdigest()[:6]
            same = sum(item.text == text for item in found)
            id += f"-{same + 1}" if same else ""
            found.append(ChoiceText(text, self.prose(why, line) if why else "", match[1] == "x", id))
        return tuple(found)

    # Pieces

    def items(
        self, section: Section, mark: str, example: str, lines: list[Numbered] | None = None
    ) -> Iterator[Item]:
        """The items of the list that is all there is in the section, or in these lines of it."""
        item: Item | None = None
        for line, text in without_blank_ends(section.body) if lines is None else lines:
            if match := re.match(mark, text):
                if item:
                    yield item
                item, indent = (
                    (line, match, [(line, text[match.end() :])]),
                    " " * (2 if text[0] == "-" else 3),
                )
            elif item and (not text or text.startswith(indent)):
                item[2].append((line, text[len(indent) :]))
            else:
                self.refuse(line, f"expected '{example}', or a line of it indented as its text is")
        if not item:
            self.refuse(section.line, f"expected '{example}'")
        yield item

    def fence(self, section: Section) -> tuple[str | None, str, list[Numbered]]:
        """The language and text of the fence that a section begins with (None: none), and what follows it."""
        body = without_blank_ends(section.body)
        mark = re.match(r"(`{3,})(.*)", body[0][1]) if body else None
        if not mark:
            return None, "", body
        end = next(n for n, (_line, text) in enumerate(body) if n and text == mark[1])
        code = "".join(text + "\n" for _line, text in body[1:end])
        return mark[2].strip(), code, without_blank_ends(body[end + 1 :])

    def prose(self, lines: list[Numbered], line: int) -> str:
        """Paragraphs, each on one line: a line break within one is a space, or nothing between Chinese."""
        paragraphs: list[list[str]] = [[]]
        for number, text in lines:
            if re.match(r"([-+*>|]|\d+[.)])(\s|$)|#+\s|```|\s", text):
                self.refuse(number, f"expected running text here, not {text[:20]!r}")
            if text:
                paragraphs[-1].append(text)
            elif paragraphs[-1]:
                paragraphs.append([])
        texts = [joined_script("\n".join(paragraph)).replace("\n", " ") for paragraph in paragraphs]
        whole = "\n\n".join(text for text in texts if text)
        return whole or self.refuse(line, "expected a text here")

    def different(self, items: Iterable) -> None:
        """Refuse two exercises, wrong answers or questions with one id."""
        seen = set()
        for item in items:
            if item.id in seen:
                self.refuse(item.line, f"the id {item.id!r} is taken already")
            seen.add(item.id)


def without_blank_ends(lines: list[Numbered]) -> list[Numbered]:
    """`lines` without the blank ones at both ends."""
    filled = [n for n, (_line, text) in enumerate(lines) if text]
    return lines[filled[0] : filled[-1] + 1] if filled else []


def joined_script(text: str) -> str:
    """`text` without the single line breaks between two Chinese characters, where a space would be a gap."""
    wide = r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]"
    return re.sub(rf"(?<={wide})\n(?={wide})", "", text)
