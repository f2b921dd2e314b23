"""Which regulations of the directory a text cites: by what stands between 《 and 》."""

import re

from guantong.catalog.models import Regulation

_TITLE = re.compile(r"《([^《》]{2,200})》")


def titles_in(text: str) -> list[str]:
    """The titles that a text cites, in order."""
    return list(dict.fromkeys(found.strip() for found in _TITLE.findall(text)))


def cited_in(text: str) -> list[Regulation]:
    """The regulations of the directory that a text cites, by title or short title."""
    titles = titles_in(text)
    if not titles:
        return []
    by_title = list(Regulation.objects.filter(title__in=[*titles, *(f"中华人民共和国{t}" for t in titles)]))
    known = {each.title for each in by_title} | {
        each.title.removeprefix("中华人民共和国") for each in by_title
    }
    rest = {title for title in titles if title not in known}
    short = (
        [each for each in Regulation.objects.exclude(short_titles=[]) if rest & set(each.short_titles)]
        if rest
        else []
    )
    return list({each.pk: each for each in [*by_title, *short]}.values())


def uncited(text: str) -> list[str]:
    """The titles that a text cites and the directory does not have."""
    known = {name for each in cited_in(text) for name in _names(each)}
    return [title for title in titles_in(text) if title not in known]


def _names(regulation: Regulation) -> set[str]:
    return {regulation.title, regulation.title.removeprefix("中华人民共和国"), *regulation.short_titles}
