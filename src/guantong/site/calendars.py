"""日历 (RFC 5545): a person's to-dos with deadlines, for their calendar program. No names of people stand in it."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from guantong.site import words
from guantong.site.todos import Todo

LONGEST_LINE = 75


def written(todos: Iterable[Todo], *, node: str, address: str, as_events: bool, at: datetime) -> bytes:
    """The calendar: VTODO for each to-do with a deadline, or VEVENT for programs that show no tasks."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Guantong//To do//ZH", "CALSCALE:GREGORIAN"]
    for todo in todos:
        if todo.due_on is not None:
            lines += _entry(todo, node, address, as_events=as_events, at=at)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line)).encode()


def _entry(todo: Todo, node: str, address: str, *, as_events: bool, at: datetime) -> Iterator[str]:
    name = "VEVENT" if as_events else "VTODO"
    due = todo.due_on
    assert due is not None  # noqa: S101 - the caller has left out what has none
    # Of a case only the item and the number: whom it is about stays on the page.
    title = f"{words.word('todo', todo.kind)}: {todo.title} {todo.number}".strip()
    yield f"BEGIN:{name}"
    yield f"UID:{todo.kind}-{todo.key}@{node}"
    yield f"DTSTAMP:{at:%Y%m%dT%H%M%SZ}"
    if as_events:
        yield f"DTSTART;VALUE=DATE:{due:%Y%m%d}"
        yield f"DTEND;VALUE=DATE:{due + timedelta(days=1):%Y%m%d}"
        yield "TRANSP:TRANSPARENT"
    else:
        yield f"DUE;VALUE=DATE:{due:%Y%m%d}"
        yield "STATUS:NEEDS-ACTION"
    yield f"SUMMARY:{_escaped(title)}"
    yield f"URL:{address}{todo.url}"
    yield f"END:{name}"


def _escaped(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return " ".join(plain.split())


def _folded(line: str) -> Iterator[str]:
    """A line in parts of 75 octets at most, cut between characters; each but the first begins with a space."""
    part, size = "", 0
    for character in line:
        length = len(character.encode())
        if size + length > LONGEST_LINE:
            yield part
            part, size = " ", 1
        part, size = part + character, size + length
    yield part
