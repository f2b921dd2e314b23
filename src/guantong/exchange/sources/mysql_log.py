"""MariaDB's and MySQL's change log: the binary log, read as a replica would (``mysql-replication``, extra ``binlog``).

A position is ``file:offset``. Nothing is kept at the server: it drops its logs by its own settings, and a job that
comes too late is told to start over.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.event import QueryEvent
from pymysqlreplication.row_event import DeleteRowsEvent, UpdateRowsEvent, WriteRowsEvent

from guantong.exchange.errors import ChangeLogUnusable, ChangesLost
from guantong.exchange.sources.changing import KEYS_AT_ONCE, Key, Touched

_PURGED = 1236
_MAY_NOT = {1045, 1142, 1227}
_UNNAMED = "UNKNOWN_COL"
_PRIMARY = """
SELECT column_name FROM information_schema.statistics
WHERE table_schema = COALESCE(%s, DATABASE()) AND table_name = %s AND index_name = 'PRIMARY'
"""


class MySQLLog:
    """See :class:`guantong.exchange.sources.changing.ChangeLog`. ``columns`` are all of the table's, in order."""

    def __init__(
        self,
        name: str,
        connection: Any,
        address: str,
        table: str,
        columns: Sequence[str],
        key: Sequence[str],
        job: str,
    ) -> None:
        self._name = name
        self._connection = connection
        self._address = address
        schema, _, self._table = table.rpartition(".")
        self._schema = schema or urlsplit(address).path.lstrip("/")
        self._columns = list(columns)
        self._key = tuple(key)
        # A replica's number must be nobody else's.
        self._number = 0x4000_0000 | zlib.crc32(job.encode()) >> 2

    def begin(self) -> None:
        """See :class:`guantong.exchange.sources.changing.ChangeLog`."""
        told = dict(
            self._rows(
                "SHOW GLOBAL VARIABLES WHERE variable_name IN ('log_bin', 'binlog_format', 'binlog_row_image')"
            )
        )
        if str(told.get("log_bin")).upper() not in {"ON", "1"}:
            raise self._unusable(
                "没有开启二进制日志；请设 log_bin 并重启", "there is no binary log; set log_bin and restart"
            )
        if told.get("binlog_format") != "ROW":
            raise self._unusable(
                f"binlog_format 是 {told.get('binlog_format')}；请设为 ROW",
                f"binlog_format is {told.get('binlog_format')}; set it to ROW",
            )
        primary = {str(row[0]) for row in self._rows(_PRIMARY, (self._schema, self._table))}
        if told.get("binlog_row_image") != "FULL" and not set(self._key) <= primary:
            raise self._unusable(
                "binlog_row_image 不是 FULL，且作业主键不在表的主键中；请设为 FULL",
                "binlog_row_image is not FULL, and the job's key is not within the primary key; set it to FULL",
            )

    def position(self) -> str:
        """See :class:`guantong.exchange.sources.changing.ChangeLog`."""
        try:
            rows = self._rows("SHOW MASTER STATUS")
        except pymysql.MySQLError as fault:
            raise self._refused(fault) from fault
        return f"{rows[0][0]}:{rows[0][1]}"

    def touched(self, since: str, until: str) -> Iterator[Touched]:
        """See :class:`guantong.exchange.sources.changing.ChangeLog`."""
        if since == until:
            return
        file, _, offset = since.rpartition(":")
        keys: dict[Key, None] = {}
        stream = self._stream(file, int(offset))
        try:
            for event in stream:
                touched = self._touched(event)
                if touched is None:
                    yield Touched((), is_all=True)
                    return
                keys |= dict.fromkeys(touched)
                if len(keys) >= KEYS_AT_ONCE:
                    yield Touched(tuple(keys))
                    keys = {}
        except pymysql.MySQLError as fault:
            raise self._refused(fault) from fault
        finally:
            stream.close()
        if keys:
            yield Touched(tuple(keys))

    def is_far(self, since: str, until: str) -> bool:
        """See :class:`guantong.exchange.sources.changing.ChangeLog`. A server drops its log file by file."""
        return since.rpartition(":")[0] != until.rpartition(":")[0]

    def settle(self, position: str) -> None:
        """See :class:`guantong.exchange.sources.changing.ChangeLog`. The server does not keep its log for us."""

    def _stream(self, file: str, offset: int) -> Any:
        parts = urlsplit(self._address)
        return BinLogStreamReader(
            connection_settings={
                "host": parts.hostname or "127.0.0.1",
                "port": parts.port or 3306,
                "user": unquote(parts.username or ""),
                "password": unquote(parts.password or ""),
                "charset": "utf8mb4",
            },
            server_id=self._number,
            resume_stream=True,
            log_file=file,
            log_pos=offset,
            only_events=[WriteRowsEvent, UpdateRowsEvent, DeleteRowsEvent, QueryEvent],
            enable_logging=False,
            pymysql_wrapper=_connected,
        )

    def _touched(self, event: Any) -> list[Key] | None:
        """Keys that one event tells; None if it may be of any row: a statement that names the table."""
        if isinstance(event, QueryEvent):
            said = event.query if isinstance(event.query, str) else event.query.decode("utf-8", "replace")
            return None if re.search(rf"\b{re.escape(self._table)}\b", said, re.IGNORECASE) else []
        if (event.schema, event.table) != (self._schema, self._table):
            return []
        keys: list[Key] = []
        for row in event.rows:
            before = row.get("before_values", {})
            keys += [
                self._key_of(one, before)
                for one in (row.get("values"), before, row.get("after_values"))
                if one
            ]
        return keys

    def _key_of(self, values: dict[str, Any], before: dict[str, Any]) -> Key:
        # What a short image leaves out comes as None; a key is never null.
        told = {name: value for name, value in values.items() if value is not None}
        named = self._named(before) | self._named(told)
        if not set(self._key) <= set(named):
            raise ChangesLost(name=self._name)
        return tuple(str(named[column]) for column in self._key)

    def _named(self, values: dict[str, Any]) -> dict[str, Any]:
        """Servers log columns by their places, unless they are told otherwise."""
        return {
            self._columns[int(name.removeprefix(_UNNAMED))] if name.startswith(_UNNAMED) else name: value
            for name, value in values.items()
        }

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall())

    def _refused(self, fault: pymysql.MySQLError) -> Exception:
        number: Any = fault.args[0] if fault.args else 0
        if number == _PURGED:
            return ChangesLost(name=self._name)
        if number in _MAY_NOT:
            return self._unusable(
                "账号没有复制权限；请执行 GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO …",
                "the account may not replicate; GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO …",
            )
        told: Exception = fault
        return told

    def _unusable(self, why_zh: str, why_en: str) -> ChangeLogUnusable:
        return ChangeLogUnusable(name=self._name, why_zh=why_zh, why_en=why_en)


def _connected(**words: Any) -> Any:
    """The library still says ``db``, which PyMySQL warns of."""
    if "db" in words:
        words["database"] = words.pop("db")
    return pymysql.connect(**words)
