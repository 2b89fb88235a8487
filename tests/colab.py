"""A stand-in for what metalib meets on Google Colab, and whether widgets would be alive there."""

import sys
from types import ModuleType

from metalib.notebook import VIEW_MIME

MANAGER = "https://ssl.gstatic.com/a/widget/manager.min.js"


def module():
    """`google.colab.output` as far as widgets go: asked to, it names the manager of foreign widgets."""
    made = ModuleType("google.colab.output")
    made._widgets = ModuleType("google.colab.output._widgets")
    made._widgets._installed_url = None
    made.enable_custom_widget_manager = lambda: setattr(made._widgets, "_installed_url", MANAGER)
    return made


OUTPUT = module()  # one for all tests: anywidget asks it only once


def pretend(monkeypatch):
    """Be on Colab for one test."""
    for name, value in {"google": ModuleType("google"), "google.colab": ModuleType("google.colab")}.items():
        monkeypatch.setitem(sys.modules, name, value)
    monkeypatch.setitem(sys.modules, "google.colab.output", OUTPUT)


def is_alive(data, metadata):
    """Would Colab show the widget of an output: is there one, and do the metadata name its manager?"""
    manager = metadata.get(VIEW_MIME, {}).get("colab", {}).get("custom_widget_manager", {})
    return bool(data.get(VIEW_MIME, {}).get("model_id")) and manager == {"url": MANAGER}
