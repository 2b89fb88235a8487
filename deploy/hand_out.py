"""The links to hand out: whoever follows one logs in, gets the chapters, and sees one of them open.

python3 deploy/hand_out.py https://hub.example.org      a Markdown table of all chapters for your hub
"""

import sys
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]
import address  # noqa: E402

# nbgitpuller merges what is new on a branch; on a tag only the first click works.
BRANCH = "main"


def link(hub: str, file: str, repository: str | None = None) -> str:
    """The link that opens one of the repository's files on a hub, for whoever follows it.

    nbgitpuller names the folder after the repository, and never writes over what a student has changed.
    """
    repository = repository or address.read(ROOT).repository
    folder = repository.rstrip("/").rpartition("/")[2]
    query = {"repo": repository, "branch": BRANCH, "urlpath": f"lab/tree/{folder}/{file}"}
    return f"{hub.rstrip('/')}/hub/user-redirect/git-pull?{urlencode(query)}"


def table(hub: str) -> str:
    """A row a chapter, in Markdown."""
    rows = ["| chapter | link |", "|---|---|"]
    for notebook in sorted((ROOT / "chapters").glob("[0-9][0-9]_*.ipynb")):
        rows.append(f"| {notebook.stem} | {link(hub, f'chapters/{notebook.name}')} |")
    return "\n".join(rows)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Give your hub's address: python3 deploy/hand_out.py https://hub.example.org")
    print(table(sys.argv[1]))
