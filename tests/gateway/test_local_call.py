"""A call that this node answers itself."""

from tests.gateway import cast
from tests.gateway.town import PEOPLE, Town, believed, query


async def test_a_query_is_answered_with_a_receipt(town: Town) -> None:
    heard = await town.ask("/v1/query", query())
    assert heard.status == 200, heard.json
    assert heard.is_signed_by(town.city)
    said = heard.json
    assert said["answer"] == {"rows": [{"name": "张三", "phone": "*******5678"}]}
    assert said["countersign"] is None
    body = believed(said["receipt"], town.city)
    assert (body["role"], body["decision"], body["rows"], body["call"]) == (
        "provider",
        "allow",
        1,
        said["call"],
    )
    assert town.city.receipts() == [body]
    assert PEOPLE[0][0] not in heard.reply.body.decode()
    assert len(str(said["receipt"]).encode()) < 2048


async def test_verify_tells_only_whether(town: Town) -> None:
    claims = {"name": "张 三", "born_on": "19900101", "birthplace": "511603"}
    heard = await town.ask("/v1/verify", query(fields=None, claims=claims))
    assert heard.status == 200, heard.json
    assert heard.json["answer"] == {
        "matched": {"name": "match", "born_on": "match", "birthplace": "no_match"}
    }
    assert heard.json["receipt"]["body"]["mode"] == "verify"


async def test_nobody_found(town: Town) -> None:
    heard = await town.ask("/v1/query", query(keys={"id_number": "nobody"}))
    assert heard.json["answer"] == {"rows": []}
    heard = await town.ask("/v1/verify", query(keys={"id_number": "x"}, fields=None, claims={"name": "x"}))
    assert heard.json["answer"] == {"matched": {"name": "unknown"}}


async def test_a_refusal_leaves_a_receipt(town: Town) -> None:
    heard = await town.ask("/v1/query", query(fields=["name", "secret"]))
    assert (heard.status, heard.code) == (403, "fields_not_granted")
    body = believed(heard.json["receipt"], town.city)
    assert (body["decision"], body["reason"], body["rule"]) == ("refuse", "fields_not_granted", "fields")
    assert body["answer"] is None
    assert body["consumer"]["application"] == cast.ENROLMENT
