"""The pictures in a piece of HTML."""

from html.parser import HTMLParser


class _Pictures(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.found.append(dict(attrs))


def pictures(html):
    """The attributes of every picture, in order."""
    return _Pictures(html).found


def alts(html):
    """The text alternative of every picture, in order; None where it has none."""
    return [one.get("alt") for one in pictures(html)]
