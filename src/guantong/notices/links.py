"""Where a notice leads: the page of what it is about."""

from django.urls import NoReverseMatch, reverse

from guantong.notices.models import Notice

_PAGES = {
    "request": "request",
    "grant": "grant",
    "correction": "correction",
    "dispute": "dispute",
    "resource": "resource",
    "finding": "finding",
}


def path_of(notice: Notice) -> str:
    """The path of the page that a notice leads to; the notices themselves where there is none."""
    try:
        return reverse(_PAGES[notice.subject_kind], args=[notice.subject_id])
    except (KeyError, NoReverseMatch):
        return reverse("notices")
