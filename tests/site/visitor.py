"""A visitor of the site, whose browser reaches no other host, and who notices what goes wrong."""

from contextlib import contextmanager

PHONE = {"width": 390, "height": 844}
LAPTOP = {"width": 1280, "height": 800}


class Visitor:
    """A window on the site; `faults` is what went wrong in it."""

    def __init__(self, context, address):
        self.context, self.address, self.faults, self.loaded = context, address, [], {}
        context.route("**/*", self._ask)
        self.page = context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(f"an error of the page: {error}"))
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._answered)

    def open(self, name):
        self.page.goto(self.address + name, wait_until="load")
        return self.page

    def _ask(self, route):
        if route.request.url.startswith((self.address, "data:", "blob:")):
            route.continue_()
        else:
            self.faults.append(f"a request to another host: {route.request.url}")
            route.abort()

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.faults.append(f"the console: {message.text}")

    def _failed(self, request):
        # Leaving a page ends the loading of its pictures; without JavaScript no script is loaded.
        if request.failure not in ("net::ERR_ABORTED", "csp"):
            self.faults.append(f"a request failed: {request.url}: {request.failure}")

    def _answered(self, response):
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")
        self.loaded[response.url.removeprefix(self.address)] = response


@contextmanager
def visitor(browser, address, viewport=LAPTOP, theme="light", **options):
    """A visitor with a window of this size; a phone's answers to touch."""
    phone = viewport["width"] < 600
    context = browser.new_context(viewport=viewport, color_scheme=theme, has_touch=phone, **options)
    context.set_default_timeout(15_000)
    try:
        yield Visitor(context, address)
    finally:
        context.close()
