"""Colab's page loads third-party widgets only after `enable_custom_widget_manager`, and tells from where."""

from google.colab import asked

MANAGER = "https://colab.invalid/widget-manager.js"


class _widgets:
    _installed_url: str | None = None


def enable_custom_widget_manager() -> None:
    """Let widgets of other packages be shown."""
    asked.append(("widget manager", MANAGER))
    _widgets._installed_url = MANAGER
