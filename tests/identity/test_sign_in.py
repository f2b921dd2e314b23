"""Signing in: every attempt leaves a trace, and guessing is slow."""

from datetime import timedelta

import pytest
from django.test import Client
from tests.cast import NOON, assemble

from guantong.identity.actions import suspend_person
from guantong.identity.models import SignInFailure
from guantong.identity.queries import FAILURES_OF_ADDRESS, FAILURES_OF_BOTH, LOCK_MINUTES, is_locked
from guantong.journal.models import Entry
from guantong.journal.types import SYSTEM
from guantong.kit import clock

pytestmark = pytest.mark.django_db


def attempt(client: Client, username: str = "xu", password: str = "") -> str:
    password = password or "wrong"
    answer = client.post("/sign-in/", {"username": username, "password": password})
    return "in" if answer.status_code == 302 else answer.content.decode()


def test_the_right_password_opens_the_door_and_is_written_down(client: Client) -> None:
    assemble()
    assert attempt(client, password="xu-password-1") == "in"
    assert Entry.objects.get(act="person.signed_in").actor_name == "许数"


def test_after_repeated_failures_even_the_right_password_waits(client: Client) -> None:
    assemble()
    with clock.frozen(NOON):
        for _ in range(FAILURES_OF_BOTH):
            assert "登录失败次数过多" not in attempt(client)
        assert "登录失败次数过多" in attempt(client, password="xu-password-1")
        assert attempt(client, "tian", "tian-password-1") == "in"
    with clock.frozen(NOON + timedelta(minutes=LOCK_MINUTES, seconds=1)):
        assert attempt(client, password="xu-password-1") == "in"


def test_the_lock_speaks_english_to_readers_of_english(client: Client) -> None:
    assemble()
    client.cookies["django_language"] = "en"
    for _ in range(FAILURES_OF_BOTH):
        attempt(client)
    assert "Too many failed attempts" in attempt(client)


def test_spelling_the_name_otherwise_does_not_help(client: Client) -> None:
    assemble()
    for name in ("xu", "XU", " xu", "Xu", "xU "):
        attempt(client, name)
    assert "登录失败次数过多" in attempt(client)


def test_an_account_is_locked_from_the_failing_address_first(client: Client) -> None:
    assemble()
    for _ in range(FAILURES_OF_BOTH):
        attempt(client)
    elsewhere = Client(REMOTE_ADDR="10.0.0.9")
    assert attempt(elsewhere, password="xu-password-1") == "in"


def test_an_address_that_tries_many_accounts_is_locked() -> None:
    SignInFailure.objects.bulk_create(
        SignInFailure(account=f"a{number}", address="10.0.0.1", at=NOON)
        for number in range(FAILURES_OF_ADDRESS)
    )
    assert is_locked("new", "10.0.0.1", at=NOON)
    assert not is_locked("new", "10.0.0.2", at=NOON)


def test_what_was_typed_as_a_name_is_not_written_down_unless_it_is_one(client: Client) -> None:
    assemble()
    attempt(client, "my-secret-password")
    entry = Entry.objects.get(act="sign_in.failed")
    assert (entry.subject_id, "my-secret" in str(entry.details)) == ("unknown", False)


def test_a_suspended_person_is_out_with_the_next_request(client: Client) -> None:
    cast = assemble()
    client.force_login(cast.xu)
    assert client.get("/share/").status_code == 200
    suspend_person(cast.xu, by=SYSTEM, at=NOON)
    assert client.get("/share/").status_code == 302
    assert attempt(client, password="xu-password-1") != "in"


def test_the_way_back_leads_nowhere_else(client: Client) -> None:
    assemble()
    answer = client.post(
        "/sign-in/?next=https://evil.example/", {"username": "xu", "password": "xu-password-1"}
    )
    assert answer["Location"] == "/"
