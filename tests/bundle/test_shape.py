"""How a bundle is versioned: fields are added with defaults and never changed, and what is not used is not written."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.gateway import cast

from guantong.bundle import jobs, services, types
from guantong.bundle.errors import BundleTampered
from guantong.bundle.sealing import KIND, open_bundle, seal
from guantong.bundle.services import Service
from guantong.bundle.statement import Statement
from guantong.bundle.types import Bundle, FormerKey
from guantong.kit import envelope

SHAPE = Path(__file__).with_name("shape.json")
"""Fields of every part of a bundle with their defaults, ``null`` for none, as readers that are out there know them."""

KEYS = cast.Keys()
KEY = KEYS.nodes[cast.CITY]
RING = {KEY.public.ref: KEY.public}


def parts() -> dict[str, type[msgspec.Struct]]:
    found = {name: one for module in (jobs, services, types) for name, one in vars(module).items()}
    return {
        name: one
        for name, one in found.items()
        if isinstance(one, type) and issubclass(one, Statement) and one is not Statement
    }


def shape_of(part: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.encode_name: default_of(field) for field in msgspec.structs.fields(part)}


def default_of(field: Any) -> Any:
    if field.default is not msgspec.NODEFAULT:
        return [msgspec.to_builtins(field.default)]
    if field.default_factory is not msgspec.NODEFAULT:
        return [msgspec.to_builtins(field.default_factory())]
    return None


def faults(known: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]) -> list[str]:
    """What would keep a reader or a writer of before from understanding one of now."""
    found = []
    for part, fields in known.items():
        for name, default in fields.items():
            if name not in now.get(part, {}):
                found.append(f"{part}.{name} is gone")
            elif now[part][name] != default:
                found.append(f"{part}.{name} has another default")
        more = set(now.get(part, {})) - set(fields)
        found += [f"{part}.{name} is new and has no default" for name in more if now[part][name] is None]
    return found


def test_what_readers_know_stays_as_it_is() -> None:
    known = json.loads(SHAPE.read_text("utf-8"))
    now = {name: shape_of(part) for name, part in parts().items()}
    assert faults(known, now) == []
    assert set(known) <= set(now)


@pytest.mark.parametrize(
    ("now", "fault"),
    [
        ({"Grant": {"id": None}}, "Grant.limit is gone"),
        ({"Grant": {"id": None, "limit": [1]}}, "Grant.limit has another default"),
        ({"Grant": {"id": None, "limit": None}}, "Grant.limit has another default"),
        ({"Grant": {"id": None, "limit": [0], "new": None}}, "Grant.new is new and has no default"),
    ],
)
def test_a_change_that_readers_would_not_understand_is_noticed(now: dict[str, Any], fault: str) -> None:
    known = {"Grant": {"id": None, "limit": [0]}}
    assert faults(known, now) == [fault]
    assert faults(known, {"Grant": {"id": None, "limit": [0], "new": [""]}}) == []


def written(bundle: Bundle) -> dict[str, Any]:
    body: dict[str, Any] = envelope.read(seal(bundle, KEY)).body
    return body


def read_by_one_of_before(body: dict[str, Any], *unknown: str) -> None:
    """Read as a reader would that lacks the fields ``Part.field``; ValidationError if it would not understand."""
    known: dict[str, type[msgspec.Struct]] = {}
    for name, part in parts().items():
        lacks = {each.partition(".")[2] for each in unknown if each.partition(".")[0] == name}
        assert lacks <= set(shape_of(part)), "such a field there is"
        fields = [
            (field.name, Any, msgspec.field(default=None)) if not field.required else (field.name, Any)
            for field in msgspec.structs.fields(part)
            if field.name not in lacks
        ]
        known[name] = msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)  # type: ignore[arg-type]
    msgspec.convert(
        {name: value for name, value in body.items() if name in shape_of(Bundle)}, known["Bundle"]
    )
    for place, part in PLACES.items():
        for one in body.get(place, {}).values():
            msgspec.convert(one, known[part])


PLACES = {"nodes": "Node", "applications": "Application", "resources": "Resource", "grants": "Grant",
          "bindings": "Binding", "services": "Service", "organisations": "Organisation"}  # fmt: skip
LATER = ("Node.coming", "Node.former", "Application.secret", "Application.rid", "Grant.sids", "Service.body_limit",
         "Bundle.services", "Bundle.edge")  # fmt: skip


def plain() -> Bundle:
    """A bundle that makes no use of what came later."""
    usual = cast.bundle(KEYS)
    return msgspec.structs.replace(
        usual,
        applications={
            name: msgspec.structs.replace(one, secret="", rid="") for name, one in usual.applications.items()
        },
        grants={name: msgspec.structs.replace(one, sids=[]) for name, one in usual.grants.items()},
    )


def test_who_knows_less_reads_what_makes_no_use_of_it() -> None:
    read_by_one_of_before(written(plain()), *LATER)
    full = msgspec.to_builtins(plain()) | {"edge": ""}
    with pytest.raises(msgspec.ValidationError):  # as it was written before
        read_by_one_of_before(full, *LATER)


def test_who_knows_less_refuses_what_does() -> None:
    """It may be a restriction; the last good bundle stays in force, and an alert is raised."""
    bundle = plain()
    ours = bundle.nodes[cast.CITY]
    former = msgspec.structs.replace(ours, former=[FormerKey(key=ours.key, until="2026-12-01T00:00:00Z")])
    served = Service(resource=cast.RESIDENCE, source="x", body_limit=1)
    for changes in ({"nodes": {cast.CITY: former}}, {"services": {cast.RESIDENCE: served}}):
        with pytest.raises(msgspec.ValidationError):
            read_by_one_of_before(written(msgspec.structs.replace(bundle, **changes)), *LATER)
    with pytest.raises(BundleTampered):
        open_bundle(
            envelope.seal(KIND, {**written(bundle), "only_at_night": True}, KEY),
            RING,
            node=cast.CITY,
            floor=0,
        )


def test_a_bundle_of_before_is_read_with_all_that_it_writes() -> None:
    full = written(plain()) | {"jobs": {}, "targets": {}, "edges": {}, "services": {}, "edge": ""}
    assert open_bundle(envelope.seal(KIND, full, KEY), RING, node=cast.CITY, floor=0) == plain()
    assert open_bundle(seal(plain(), KEY), RING, node=cast.CITY, floor=0) == plain()
