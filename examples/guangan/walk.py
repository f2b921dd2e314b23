"""What the first page's guided walk needs to know of the town: written once a node, read by pages in development only."""

import json
from pathlib import Path

from examples.guangan import places
from examples.guangan.story import LAW, NEEDS

CONSUMER = "511600"


def write(home: Path) -> None:
    """Write ``walk.json`` into a node's folder."""
    (home / "walk.json").write_text(json.dumps(guide(), ensure_ascii=False, indent=1), encoding="utf-8")


def guide() -> dict[str, object]:
    """The item, what it needs of whom, and the log-ins that play the parts."""
    return {
        "item": places.ITEM,
        "item_name": places.ITEM_NAME,
        "node": CONSUMER,
        "purpose_text": f"办理“{places.ITEM_NAME}”时核验申请家庭情况",
        "legal_basis": LAW,
        "application": places.COUNTER_APPLICATION,
        "requester": "education-officer",
        "clerk": "clerk",
        "auditor": "auditor",
        "citizen": "citizen",
        "people": {
            each.username: {"name": each.full_name, "node": each.node, "role": each.roles[0]}
            for each in places.LOG_INS
        },
        "needs": [_need(table) for table in places.TABLES],
    }


def _need(table: places.Table) -> dict[str, object]:
    code = table.content["code"]
    mode, fields = NEEDS[code]
    node = places.DEPARTMENTS[table.department].node
    return {
        "resource": code,
        "name": table.content["name"],
        "node": node,
        "mode": mode,
        "fields": fields,
        "officer": f"{table.department}-officer",
        "approver": f"{table.department}-approver",
        "bureau": "nda-approver" if node == "000000" else "data-approver",
    }
