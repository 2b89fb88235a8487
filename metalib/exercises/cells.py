"""The notebook's cells: which one is running, and whether the newest that defines an answer has done so.

After a syntax error the name of an answer still means what an earlier cell made of it. A check of that would
praise or blame the wrong text, so it is not judged.
"""

import ast
import linecache
import re
from typing import Any

from metalib.i18n import _


def running() -> str | None:
    """What identifies the cell that is running: its id where the notebook tells, else its text; None outside
    of a notebook."""
    shell = _shell()
    if shell is None:
        return None
    try:
        known = shell.get_parent()["metadata"].get("cellId")
    except (AttributeError, KeyError, TypeError):  # plain IPython has no parent message
        known = None
    return known or "".join(_texts(shell)[-1:]) or None


def outdated(name: str, answer: Any) -> str | None:
    """A sentence where `answer`, the notebook's `name`, is older than the newest cell that defines it."""
    shell = _shell()
    if shell is None or answer is not shell.user_ns.get(name):
        return None
    texts = _texts(shell)
    for number in range(len(texts) - 1, 0, -1):  # from the newest; texts[0] is empty
        text = _as_python(shell, texts[number])
        try:
            tree = ast.parse(text)
        except SyntaxError as error:
            if defines(text, name):
                return _broken(name, error)
            continue
        if name in defined(tree):
            return _unfinished(name) if _stopped(shell, number, text, answer, texts) else None
    return None


def defines(text: str, name: str) -> bool:
    """Whether a text that may be no program looks as if it defined this name."""
    return bool(re.search(rf"^((async +)?def|class) +{name}\b|^{name} *(:.*)?=(?!=)", text, re.MULTILINE))


def defined(tree: ast.Module) -> set[str]:
    """The names that a program's own lines define."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {
                part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)
            }
    return names


def _shell() -> Any:
    from IPython import get_ipython

    return get_ipython()


def _texts(shell: Any) -> list[str]:
    """What was run so far, by number; the last is the cell that is running."""
    return list(getattr(shell.history_manager, "input_hist_raw", []))


def _as_python(shell: Any, text: str) -> str:
    try:
        return shell.transform_cell(text)  # magics and shell commands become calls
    except SyntaxError:
        return text


def _stopped(shell: Any, number: int, text: str, answer: Any, texts: list[str]) -> bool:
    """Whether the cell that defines the answer ended in an error before it came to that."""
    code = getattr(answer, "__code__", None)
    if code is not None:  # a function knows its own text
        its_own = "".join(linecache.getlines(code.co_filename)).strip()
        others = {_as_python(shell, other).strip() for other in texts[:number]}
        return its_own in others and its_own != text.strip()
    last = shell.last_execution_result  # a value does not: of the cell before this one the result is known
    return last is not None and last.execution_count == number and last.error_in_exec is not None


def _broken(name: str, error: SyntaxError) -> str:
    text = (error.text or "").strip()[:100]
    return _(
        "The newest cell that defines `{name}` does not run: `{reason}` in line {line}, `{text}`. Mend it "
        "and run it again; what stands under this name now is an earlier answer."
    ).format(name=name, reason=f"{type(error).__name__}: {error.msg}", line=error.lineno, text=text)


def _unfinished(name: str) -> str:
    return _(
        "The newest cell that defines `{name}` stopped with an error before it came to that. Mend it and run "
        "it again; what stands under this name now is an earlier answer."
    ).format(name=name)
