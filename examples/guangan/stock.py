"""``python -m examples.guangan.stock FOLDER``: fill the node of this process with the town's real and synthetic input.

Run once a node, with the node's settings in the environment; it begins with ``guantong init``.
"""

import csv
import json
import os
import secrets
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from guantong.site.commands.init import main as init

HERE = Path(__file__).parent
ORGAN_ENDINGS = ("局", "部", "委", "委员会", "署", "院", "会", "办公室", "厅", "银行", "海关", "政府")
CYCLES = {
    "real-time": "real_time",
    "daily": "daily",
    "weekly": "weekly",
    "monthly": "monthly",
    "quarterly": "quarterly",
    "annual": "yearly",
    "irregular": "irregular",
}


def main(folder: Path) -> None:
    """Stock the node named by ``GUANTONG_NODE``; ``folder`` holds the synthetic tables and takes the log-ins."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guantong.site.settings")
    init([])
    Stock(folder).run()


class Stock:
    """The town's input for one node. Imports that need Django stand in the methods, after its setup."""

    def __init__(self, folder: Path) -> None:
        from guantong.journal.types import SYSTEM  # noqa: PLC0415
        from guantong.kit import clock  # noqa: PLC0415
        from guantong.site.node import node_settings  # noqa: PLC0415

        self.folder = folder
        self.settings = node_settings()
        self.node = self.settings.node
        self.by = SYSTEM
        self.at: datetime = clock.now()

    def run(self) -> None:
        """Everything, in the order in which one thing needs another."""
        self.divisions()
        self.departments()
        if self.node == "511600":
            self.district()
            self.sample_families()
        self.tables()
        if self.node == "000000":
            self.data_sources()
            self.national_base()
        self.log_ins()
        self.walk_file()
        self.secrets_file()

    def say(self, sentence: str) -> None:
        """One line for whoever watches the town being built."""
        sys.stdout.write(f"  {self.node}  {sentence}\n")
        sys.stdout.flush()

    def divisions(self) -> None:
        """行政区划: 44,707 real codes."""
        from guantong.identity.actions import import_divisions  # noqa: PLC0415

        report = import_divisions(_divisions(), by=self.by, at=self.at)
        self.say(f"行政区划 {report.accepted} 条")

    def departments(self) -> None:
        """The departments above the district, and this node's own."""
        from examples.guangan.places import DEPARTMENTS  # noqa: PLC0415
        from guantong.identity.actions import register_organisation  # noqa: PLC0415
        from guantong.identity.models import Organisation  # noqa: PLC0415

        for each in DEPARTMENTS.values():
            if each.node != self.node:
                continue
            division = each.node.ljust(12, "0")
            register_organisation(
                each.code,
                each.name,
                node=each.node,
                division=division,
                is_synthetic=True,
                by=self.by,
                at=self.at,
            )
            Organisation.objects.filter(code=each.code).update(is_bureau=each.is_bureau)

    def district(self) -> None:
        """Guang'an district's departments and service items, faults told row by row; the counter's application."""
        from examples.guangan import places  # noqa: PLC0415
        from guantong.counter.actions import import_items, open_item  # noqa: PLC0415
        from guantong.counter.models import ServiceItem  # noqa: PLC0415
        from guantong.identity.actions import import_organisations, register_application  # noqa: PLC0415
        from guantong.identity.models import Organisation  # noqa: PLC0415
        from guantong.kit.key_files import load_key, write_secret  # noqa: PLC0415
        from guantong.kit.suites import INTERNATIONAL  # noqa: PLC0415
        from guantong.workflow.actions import publish  # noqa: PLC0415

        rows = _rows("service-items/guangan.csv")
        report = import_organisations(rows, division=places.DISTRICT, node=self.node, by=self.by, at=self.at)
        self.say(f"部门 {report.accepted} 个，代码有误 {len(report.problems)} 处：")
        for problem in report.problems:
            self.say(f"    {problem.sentence()}")
        items = import_items(rows, by=self.by, at=self.at)
        self.say(f"服务事项 {items.accepted} 项，问题 {len(items.problems)} 处")
        flows = HERE / "flows"
        publish(
            "enrolment",
            (flows / "enrolment.bpmn").read_text(encoding="utf-8"),
            [(flows / "enrolment.dmn").read_text(encoding="utf-8")],
            by=self.by,
            at=self.at,
        )
        open_item(
            ServiceItem.objects.get(code=places.ITEM),
            flow="enrolment",
            certificate_name="义务教育入学资格证明",
            materials=places.MATERIALS,
            by=self.by,
            at=self.at,
        )
        owner = Organisation.objects.get(division=places.DISTRICT, name=places.EDUCATION)
        stranger = Organisation.objects.get(division=places.DISTRICT, name="区统计局")
        applications = [
            (places.COUNTER_APPLICATION, "counter", "一窗受理系统", owner, 3),
            (places.STRANGER_APPLICATION, "stranger", "统计分析系统", stranger, 2),
        ]
        for code, file, name, organisation, clearance in applications:
            path = self.settings.key_folder / f"{file}.key"
            write_secret(path, INTERNATIONAL.generate(code).to_text)
            register_application(
                code,
                name,
                organisation=organisation,
                public_key=load_key(path).public.to_text(),
                clearance=clearance,
                by=self.by,
                at=self.at,
            )

    def tables(self) -> None:
        """Draft entries of the departments' tables, linked to what serves them."""
        from examples.guangan.places import DEPARTMENTS, TABLES  # noqa: PLC0415
        from guantong.catalog import actions as catalog  # noqa: PLC0415

        for each in TABLES:
            if DEPARTMENTS[each.department].node != self.node:
                continue
            content = catalog.read_content(each.content)
            resource = catalog.draft(content, node=self.node, by=self.by, at=self.at)
            dialect, table = os.environ.get(f"TOWN_DIALECT_{each.source.upper()}", "sqlite"), each.table
            columns = {item.name: item.name for item in content.items}
            catalog.link(
                resource,
                source=each.source,
                dialect=dialect,
                table=table,
                columns=columns,
                by=self.by,
                at=self.at,
            )
            self.say(f"编目并挂接「{content.name}」（待送审发布）")

    def data_sources(self) -> None:
        """243 real public data sources, published as entries of the nation's bodies."""
        from examples.guangan.places import DEPARTMENTS  # noqa: PLC0415
        from guantong.catalog import actions as catalog  # noqa: PLC0415
        from guantong.identity.actions import register_organisation  # noqa: PLC0415
        from guantong.identity.models import Organisation  # noqa: PLC0415

        count = 0
        for number, source in enumerate(_sources(), start=1):
            provider = DEPARTMENTS["nda"].code
            name = source["name"]["zh"]
            if name.endswith(ORGAN_ENDINGS):
                known = Organisation.objects.filter(name=name, node=self.node).first()
                provider = known.code if known else f"000000-S{number:03d}"
                if known is None:
                    register_organisation(
                        provider, name, node=self.node, division="0" * 12, by=self.by, at=self.at
                    )
            content = catalog.read_content(
                {
                    "code": f"3030000001/{number:06d}",
                    "name": name,
                    "provider": provider,
                    "summary": source["description"]["zh"],
                    "format": "interface",
                    "sharing_type": "unconditional",
                    "is_open": True,
                    "update_cycle": CYCLES[source["update_frequency"]],
                    "keywords": source["tags"],
                    "source_url": source["data_url"] or source["website"],
                }
            )
            resource = catalog.draft(content, node=self.node, by=self.by, at=self.at)
            for step in (catalog.submit, catalog.approve, catalog.publish):
                resource = step(resource, by=self.by, at=self.at)
            count += 1
        self.say(f"政府数据源目录 {count} 条已发布")

    def log_ins(self) -> None:
        """People who can sign in; passwords are drawn anew and kept in the town's folder only."""
        from examples.guangan.places import DEPARTMENTS, DISTRICT, LOG_INS  # noqa: PLC0415
        from guantong.identity.actions import register_person  # noqa: PLC0415
        from guantong.identity.models import Organisation  # noqa: PLC0415

        made = {}
        for each in LOG_INS:
            if each.node != self.node:
                continue
            organisation = None
            if each.department in DEPARTMENTS:
                organisation = Organisation.objects.get(code=DEPARTMENTS[each.department].code)
            elif each.department:
                organisation = Organisation.objects.get(division=DISTRICT, name=each.department)
            resident_id, full_name = "", each.full_name
            if each.username == "citizen":
                resident_id, full_name = self._citizen()
            password = secrets.token_urlsafe(12)
            register_person(
                each.username,
                full_name,
                password=password,
                roles=list(each.roles),
                organisation=organisation,
                resident_id=resident_id,
                by=self.by,
                at=self.at,
            )
            made[each.username] = {"password": password, "name": full_name, "node": self.node}
        path = self.settings.home / "log-ins.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(made, ensure_ascii=False, indent=1), encoding="utf-8")

    def walk_file(self) -> None:
        """What the first page's guided walk needs to know."""
        from examples.guangan.walk import write  # noqa: PLC0415

        write(self.settings.home)

    def _citizen(self) -> tuple[str, str]:
        from examples.guangan.families import draw  # noqa: PLC0415

        family = draw(self.folder / "tables", 1).admitted
        return family.guardian_id_number, family.guardian_name

    def sample_families(self) -> None:
        """Families to try the form with, shown on the first page of this development node."""
        from examples.guangan.families import draw, with_wrong_check_digit  # noqa: PLC0415

        drawn = draw(self.folder / "tables", 2)
        mistyped = asdict(drawn.mistyped)
        mistyped["child_id_number"] = with_wrong_check_digit(mistyped["child_id_number"])
        samples = [
            {"label": "符合条件的家庭", **asdict(drawn.admitted)},
            {"label": "务工条件不足的家庭", **asdict(drawn.refused)},
            {"label": "学生身份证号末位录错的家庭", **mistyped},
        ]
        text = json.dumps(samples, ensure_ascii=False, indent=1)
        (self.settings.home / "sample-families.json").write_text(text, encoding="utf-8")

    def secrets_file(self) -> None:
        """The addresses of the departments' databases, for the gateway only."""
        from examples.guangan.places import DEPARTMENTS, FILES, TABLES  # noqa: PLC0415

        own = [t.source for t in TABLES if DEPARTMENTS[t.department].node == self.node]
        sources = {
            name: os.environ.get(
                f"TOWN_SOURCE_{name.upper()}", f"sqlite://{self.folder / 'tables' / FILES[name]}"
            )
            for name in own
        }
        if self.node == "511600":
            sources |= self._theme_tables()
        if self.node == "000000":
            sources |= self._base_table()
        path = self.settings.home / "sources.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(sources), encoding="utf-8")

    def _theme_tables(self) -> dict[str, str]:
        """The education bureau's empty theme tables, in a database of their own; its address."""
        from examples.guangan import places  # noqa: PLC0415

        path = self.settings.home / "theme.sqlite3"
        _empty_table(path, places.THEME_TABLE, places.THEME_COLUMNS.values())
        _empty_table(path, places.DOWN_TABLE, places.DOWN_COLUMNS.values())
        return {places.THEME_SOURCE: f"sqlite://{path}"}

    def _base_table(self) -> dict[str, str]:
        """The nation's empty base table; its database's address."""
        from examples.guangan import places  # noqa: PLC0415

        path = self.settings.home / "base.sqlite3"
        _empty_table(path, places.BASE_TABLE, places.THEME_COLUMNS.values())
        return {places.BASE_SOURCE: f"sqlite://{path}"}

    def national_base(self) -> None:
        """The program by which the ministry fills its base; its key."""
        from examples.guangan import places  # noqa: PLC0415
        from guantong.identity.actions import register_application  # noqa: PLC0415
        from guantong.identity.models import Organisation  # noqa: PLC0415
        from guantong.kit.key_files import load_key, write_secret  # noqa: PLC0415
        from guantong.kit.suites import INTERNATIONAL  # noqa: PLC0415

        path = self.settings.key_folder / "base.key"
        write_secret(path, INTERNATIONAL.generate(places.BASE_APPLICATION).to_text)
        register_application(
            places.BASE_APPLICATION,
            "国家法人基础库",
            organisation=Organisation.objects.get(code=places.DEPARTMENTS["mps"].code),
            public_key=load_key(path).public.to_text(),
            clearance=3,
            by=self.by,
            at=self.at,
        )


def _empty_table(path: Path, table: str, columns: Iterable[str]) -> None:
    said = ", ".join(f'"{column}" TEXT' for column in columns)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f'CREATE TABLE IF NOT EXISTS "{table}" ({said})')
        connection.commit()


def _rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _divisions() -> Iterator[tuple[str, str]]:
    yield "0", "中华人民共和国"
    for name in ("provinces", "cities", "areas", "streets"):
        for row in _rows(f"divisions/{name}.csv"):
            yield row["code"], row["name"]


def _sources() -> Iterator[dict[str, Any]]:
    with (HERE / "sources/cn-government-sources.jsonl").open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
