"""沙箱: what a call under a grant would look like, on rows that are made up here. No data, no gateway, no receipt."""

import secrets
from typing import Any

import msgspec

from guantong.bundle.types import Condition
from guantong.catalog.types import ResourceContent
from guantong.gateway.masks import masked
from guantong.kit import clock
from guantong.sharing.types import GrantTerms, Mode

ROWS = 2
_NAMES = ("张示例", "李示例", "王示例")


def sandbox_answer(terms: dict[str, Any], *, mode: Mode) -> dict[str, Any]:
    """An answer in the gateway's form: the granted fields, masks and row condition, over synthetic rows.

    ``synthetic`` stands in it, and its receipt bears no signature: it can be taken for no real one.
    """
    typed = msgspec.convert(terms, GrantTerms)
    content = msgspec.convert(typed.resource_content, ResourceContent)
    items = {item.name: item for item in content.items}
    rows = []
    for n in range(min(ROWS, typed.max_rows)):
        row = {item.name: _made_up(item.name, item.label, item.type, n) for item in content.items}
        row |= {each.item: _meeting(each, row.get(each.item, "")) for each in typed.condition}
        masks = {
            name: typed.masks.get(name, items[name].mask if name in items else "none")
            for name in typed.fields
        }
        rows.append({name: masked(row.get(name, ""), masks[name], b"synthetic") for name in typed.fields})
    answer: dict[str, Any] = {"synthetic": True, "call": f"sandbox-{secrets.token_hex(8)}"}
    if mode == "verify":
        answer["answer"] = {"matched": dict.fromkeys(typed.fields, "match")}
    else:
        answer["answer"] = {"rows": rows}
    said = {
        "grant": typed.code,
        "resource": typed.resource,
        "purpose": typed.purpose,
        "mode": mode,
        "fields": typed.fields,
        "rows": len(rows),
        "at": clock.rfc3339(clock.now()),
    }
    answer["receipt"] = {"kind": "guantong/synthetic@v1", "body": said, "signatures": []}
    answer |= {"countersign": None, "hops": []}
    return answer


def _made_up(name: str, label: str, kind: str, n: int) -> str:
    """A value that looks like the item's and is nobody's."""
    if kind in {"D", "T"} or label.endswith(("日期", "有效期止")):
        return f"2026-0{n + 1}-15"
    if kind == "N":
        return str(100 + n)
    if "身份" in label or name == "id_number":
        return f"99999919900101000{n}"  # no division has this code
    if "姓名" in label:
        return _NAMES[n % len(_NAMES)]
    if "电话" in label or "手机" in label:
        return f"1000000000{n}"
    return f"示例{label}{n + 1}"


def _meeting(condition: Condition, value: str) -> str:
    """A value that meets the condition."""
    wanted = condition.value
    if isinstance(wanted, list):
        return str(wanted[0]) if wanted else value
    return f"{wanted}x" if condition.op == "ne" else str(wanted)
