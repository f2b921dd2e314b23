"""What can be measured of a page in a browser: structure, labels, contrast, overflow. Each returns its faults."""

from pathlib import Path

from playwright.sync_api import Page

_SCRIPT = (Path(__file__).parent / "inspecting.js").read_text("utf-8")


def structure_faults(page: Page) -> list[str]:
    return _faults(page, "structure")


def contrast_faults(page: Page) -> list[str]:
    return _faults(page, "contrast")


def overflow_faults(page: Page) -> list[str]:
    return _faults(page, "overflow")


def _faults(page: Page, kind: str) -> list[str]:
    found: list[str] = page.evaluate(f"{_SCRIPT}.{kind}()")
    return found
