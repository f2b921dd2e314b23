"""To-dos: one list by pressure, asked in a few statements over an index; the same for a calendar program."""

import base64
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.cast import NOON, Cast, assemble, need, publish_permits

from guantong.identity.models import Person
from guantong.kit import clock
from guantong.sharing import actions
from guantong.sharing import queries as sharing
from guantong.sharing.models import Request, Step
from guantong.site.todos import count_for

pytestmark = pytest.mark.django_db


def crowded(cast: Cast, many: int) -> None:
    """``many`` more requests that wait for the police, each due on another day."""
    first = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    step = first.steps.get()
    rows = []
    for n in range(many):
        copy = Request.objects.get(pk=first.pk)
        copy.pk, copy.uuid, copy.number = (
            None,
            Request._meta.get_field("uuid").get_default(),
            f"SQ51160099999999{n:06d}",
        )
        rows.append(copy)
    Request.objects.bulk_create(rows, batch_size=500)
    kept = Request.objects.exclude(pk=first.pk).values_list("pk", flat=True)
    Step.objects.bulk_create(
        [
            Step(
                request_id=pk, position=0, kind=step.kind, task=step.task, decider=step.decider,
                decider_name=step.decider_name, opened_at=NOON, due_on=date(2026, 12, 1) + timedelta(days=n % 90),
            )
            for n, pk in enumerate(kept)
        ],
        batch_size=500,
    )  # fmt: skip


def page(person: Person, path: str = "/todo/?format=json") -> Any:
    client = Client()
    client.force_login(person)
    return client.get(path).json()


def test_the_most_pressing_comes_first_and_late_ones_say_so() -> None:
    cast = assemble()
    publish_permits(cast)
    crowded(cast, 40)
    with clock.frozen(NOON + timedelta(days=30)):
        told = page(cast.jiang)
        due = [row["due_on"] for row in told["rows"]]
        assert (told["total"], len(due), due == sorted(due)) == (41, 30, True)
        assert told["rows"][0]["days_left"] < 0
        late = page(cast.jiang, "/todo/?format=json&late=1")["total"]
        assert 0 < late < 41
        assert page(cast.jiang, "/todo/?format=json&q=居住证&kind=steps")["total"] == 41
        assert page(cast.jiang, "/todo/?format=json&q=户口")["total"] == 0
        assert page(cast.jiang, "/todo/?format=json&kind=alerts")["total"] == 0
        assert count_for(cast.jiang) == 41


def test_the_number_of_statements_does_not_grow_with_what_waits() -> None:
    cast = assemble()
    publish_permits(cast)
    counts = []
    for many in (5, 300):
        Step.objects.all().delete()
        Request.objects.all().delete()
        crowded(cast, many)
        client = Client()
        client.force_login(cast.jiang)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert client.get("/todo/").status_code == 200
        counts.append(len(asked))
        with CaptureQueriesContext(connection) as asked:
            count_for(cast.jiang)
        assert len([each for each in asked if "sharing_step" in each["sql"]]) == 1
    assert counts[0] == counts[1] <= 30


def test_what_waits_is_found_by_an_index() -> None:
    cast = assemble()
    publish_permits(cast)
    crowded(cast, 2000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        if connection.vendor == "postgresql":
            # Of so few rows, all for one decider, a scan may be as good; whether the index fits is the question.
            cursor.execute("SET LOCAL enable_seqscan = off")
    plan = sharing.to_decide(cast.police.code).filter(due_on=date(2026, 12, 5)).explain()
    assert "step_waiting" in plan, plan


def test_a_calendar_program_reads_deadlines_by_a_token_and_nothing_else() -> None:
    cast = assemble()
    publish_permits(cast)
    crowded(cast, 1)
    client = Client()
    client.force_login(cast.jiang)
    shown = client.post("/todo/calendar").content.decode()
    token = shown[shown.index("仅显示一次") :].split("<code>", 1)[1].split("</code>")[0]
    assert token not in client.get("/todo/").content.decode()

    def ask(username: str, word: str, path: str = "/todo/calendar.ics") -> Any:
        told = base64.b64encode(f"{username}:{word}".encode()).decode()
        return Client().get(path, headers={"authorization": f"Basic {told}"})

    calendar = ask("jiang", token)
    text = calendar.content.decode()
    assert calendar["Content-Type"].startswith("text/calendar")
    assert text.count("BEGIN:VTODO") == 2
    assert "DUE;VALUE=DATE:20261204\r\n" in text
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert ask("jiang", token, "/todo/calendar.ics?as=event").content.decode().count("BEGIN:VEVENT") == 2
    for username, word in (("jiang", "x"), ("xu", token), ("jiang", "")):
        assert ask(username, word).status_code == 401
    assert Client().get("/todo/calendar.ics", headers={"authorization": "Basic %%%"}).status_code == 401
    assert ask("jiang", token, "/todo/").status_code == 302
    client.post("/todo/calendar", {"act": "end"})
    assert ask("jiang", token).status_code == 401
