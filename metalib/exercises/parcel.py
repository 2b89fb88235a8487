"""Progress as a file to take along from a machine that does not last; `travel` takes it up on another."""

import base64
import html

from metalib import place
from metalib.exercises import progress
from metalib.i18n import _
from metalib.paths import write_atomically

STEM = "learning-to-learn-progress"
FILE = f"{STEM}.json"


class Parcel:
    """The learner's progress as a link that saves it, made without a server."""

    def __init__(self, content: bytes):
        self.content = content

    def __repr__(self) -> str:
        return _("Your progress is in {path}.").format(path=progress.path())

    def _repr_html_(self) -> str:
        return f"<p>{self.link()}</p>"

    def link(self) -> str:
        """The link, as HTML."""
        encoded = base64.b64encode(self.content).decode("ascii")
        address = f"data:application/json;base64,{encoded}"
        words = html.escape(_("Download your progress"))
        return f'<a download="{FILE}" href="{address}">{words}</a>'


def download() -> Parcel | None:
    """A file with the learner's progress, for `resume` on another machine: a link, and on Colab, where a link
    cannot save anything, what its own page does."""
    content = progress.export()
    if place.here() != place.COLAB:
        return Parcel(content)
    # In a folder that stays: the page fetches the file when this cell has ended.
    place.save_from_colab(write_atomically(progress.path().with_name(FILE), content))
    return None
