"""Texts that a spreadsheet program would take for formulas, on their way out and back in."""

from guantong.pages.lists import FORMULA_SIGNS


def _is_risky(text: str) -> bool:
    return text.lstrip("'").lstrip(" \u3000")[:1] in FORMULA_SIGNS


def guarded(text: str) -> str:
    """With one apostrophe before what would be taken for a formula."""
    return f"'{text}" if text and _is_risky(text) else text


def bare(text: str) -> str:
    """The text that :func:`guarded` was given."""
    return text[1:] if text.startswith("'") and _is_risky(text) else text
