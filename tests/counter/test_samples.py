"""Sample families fill the form on development nodes only."""

import json
from dataclasses import replace
from pathlib import Path

from guantong.counter.samples import family
from guantong.site.node import node_settings


def test_a_family_by_number(tmp_path: Path) -> None:
    settings = replace(node_settings(), home=tmp_path)
    assert family(settings, "1") == {}
    (tmp_path / "sample-families.json").write_text(json.dumps([{"child_name": "钱多"}]))
    assert family(settings, "1") == {"child_name": "钱多"}
    assert family(replace(settings, development=False), "1") == {}
    for number in ("0", "2", "-1", "x", ""):
        assert family(settings, number) == {}
