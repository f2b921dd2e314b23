"""PostgreSQL's change log: a logical replication slot of the job's own, read by SQL with ``test_decoding``.

The plug-in comes with the server and needs no publication, so nothing is altered in the department's schema. The slot
is only peeked at; it is advanced when what it told has arrived. A slot that nobody reads makes the server keep its
log: retire the job with ``SELECT pg_drop_replication_slot('guantong_…')``.
"""

import re
from collections.abc import Iterator, Sequence

import psycopg

from guantong.exchange.errors import ChangeLogUnusable, ChangesLost, ExchangeStopped
from guantong.exchange.sources.changing import KEYS_AT_ONCE, Key, Touched
from guantong.exchange.sources.postgresql_wire import Connection

PLUGIN = "test_decoding"
_KEPT_BYTES = 16 << 20
_IDENT = r'(?:"(?:[^"]|"")*"|[^\s\["]+)'
_TOKEN = re.compile(
    rf" (?:(?P<tuple>old-key|new-tuple):|(?P<name>{_IDENT})\[(?:[^\[\]]|\[\])*\]:(?P<value>B?'(?:[^']|'')*'|[^\s']+))"
)
_TABLES = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind, c.relreplident,
       COALESCE((SELECT array_agg(a.attname::text) FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = c.oid AND (i.indisreplident OR c.relreplident = 'd' AND i.indisprimary)), '{}')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = %(table)s::regclass
   OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(%(table)s::regclass) WHERE isleaf)
"""
_SLOT = (
    "SELECT plugin, confirmed_flush_lsn, wal_status FROM pg_catalog.pg_replication_slots WHERE slot_name = %s"
)
_PEEK = """
SELECT data FROM pg_catalog.pg_logical_slot_peek_changes(%s, %s::pg_lsn, NULL, 'include-xids', '0', 'skip-empty-xacts', '1')
WHERE split_part(data, ': ', 1) = ANY (%s)
"""


class PostgreSQLLog:
    """See :class:`guantong.exchange.sources.changing.ChangeLog`. ``table`` is quoted, ``key`` are its columns."""

    def __init__(self, name: str, connection: Connection, table: str, key: Sequence[str], job: str) -> None:
        self._name = name
        self._connection = connection
        self._table = table
        self._key = tuple(key)
        self._slot = f"guantong_{job}"
        self._heads: list[str] = []

    def begin(self) -> None:
        """See :class:`guantong.exchange.sources.changing.ChangeLog`."""
        self._look()
        if self._found() is None:
            with _told(self._name):
                self._connection.execute(
                    "SELECT pg_catalog.pg_create_logical_replication_slot(%s, %s)", [self._slot, PLUGIN]
                )

    def position(self) -> str:
        """See :class:`guantong.exchange.sources.changing.ChangeLog`."""
        row = self._connection.execute("SELECT pg_catalog.pg_current_wal_flush_lsn()::text").fetchone()
        return str(row[0]) if row else ""

    def touched(self, since: str, until: str) -> Iterator[Touched]:
        """See :class:`guantong.exchange.sources.changing.ChangeLog`."""
        self._look()
        found = self._found()
        if found is None or found[2] == "lost" or _number(str(found[1])) > _number(since):
            raise ChangesLost(name=self._name)
        keys: dict[Key, None] = {}
        with self._connection.transaction(), self._connection.cursor(name="guantong_log") as cursor:
            cursor.itersize = KEYS_AT_ONCE
            # Whole transactions, in the order of their commits: the slot alone knows which were told already.
            cursor.execute(_PEEK, [self._slot, until, self._heads])
            for (data,) in cursor:
                touched = self._keys(str(data))
                if touched is None:
                    yield Touched((), is_all=True)
                    return
                keys |= dict.fromkeys(touched)
                if len(keys) >= KEYS_AT_ONCE:
                    yield Touched(tuple(keys))
                    keys = {}
        if keys:
            yield Touched(tuple(keys))

    def is_far(self, since: str, until: str) -> bool:
        """See :class:`guantong.exchange.sources.changing.ChangeLog`. The server keeps its log for us until then."""
        return _number(until) - _number(since) > _KEPT_BYTES

    def settle(self, position: str) -> None:
        """See :class:`guantong.exchange.sources.changing.ChangeLog`."""
        found = self._found()
        if found is not None and _number(str(found[1])) < _number(position):
            self._connection.execute(
                "SELECT pg_catalog.pg_replication_slot_advance(%s, %s::pg_lsn)", [self._slot, position]
            )

    def _look(self) -> None:
        """Whether the table and the server are such that the log tells enough."""
        row = self._connection.execute("SELECT current_setting('wal_level')").fetchone()
        if row is None or row[0] != "logical":
            raise ChangeLogUnusable(
                name=self._name,
                why_zh="wal_level 不是 logical；请在 postgresql.conf 中设为 logical 并重启",
                why_en="wal_level is not logical; set it so in postgresql.conf and restart",
            )
        found = self._connection.execute(_TABLES, {"table": self._table}).fetchall()
        for quoted, kind, identity, columns in found:
            if kind not in {"r", "p"}:
                raise ChangeLogUnusable(
                    name=self._name,
                    why_zh=f"{quoted} 不是表；变更日志只记录表，视图请用比对",
                    why_en=f"{quoted} is no table; only tables have changes in the log, compare a view instead",
                )
            if kind == "r" and identity != "f" and not set(self._key) <= set(columns):  # type: ignore[call-overload]
                raise ChangeLogUnusable(
                    name=self._name,
                    why_zh=f"{quoted} 的 REPLICA IDENTITY 不含作业主键；请执行 ALTER TABLE {quoted} REPLICA IDENTITY FULL，"
                    "或以主键为作业主键",
                    why_en=f"the REPLICA IDENTITY of {quoted} lacks the job's key; ALTER TABLE {quoted} REPLICA IDENTITY"
                    " FULL, or let the job's key be the primary key",
                )
        self._heads = [f"table {row[0]}" for row in found if row[1] == "r"]

    def _found(self) -> "tuple[object, ...] | None":
        return self._connection.execute(_SLOT, [self._slot]).fetchone()

    def _keys(self, data: str) -> list[Key] | None:
        """The old and the new key that one line of the log tells; None if it empties the table."""
        head, _, rest = data.partition(": ")
        action, _, columns = rest.partition(":")
        if action == "TRUNCATE":
            return None
        told: dict[str, dict[str, str]] = {"": {}}
        side = ""
        for token in _TOKEN.finditer(columns):
            if token["tuple"]:
                side = token["tuple"]
                told[side] = {}
            elif (name := _bare(token["name"])) in self._key:
                told[side][name] = _value(token["value"])
        found = [
            tuple(one[name] for name in self._key) for one in told.values() if len(one) == len(self._key)
        ]
        if not found:
            raise ChangesLost(name=self._name)
        del head
        return list(dict.fromkeys(found))


class _told:  # noqa: N801 - reads as a word
    """What the server says about slots, as what the administrator can do."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: object, fault: BaseException | None, trace: object) -> None:
        answer = _answer(self._name, fault)
        if answer is not None:
            raise answer from fault


def _answer(name: str, fault: BaseException | None) -> ExchangeStopped | None:
    if isinstance(fault, psycopg.errors.InsufficientPrivilege):
        return ChangeLogUnusable(
            name=name,
            why_zh="账号没有复制权限；请执行 ALTER ROLE … REPLICATION",
            why_en="the account may not replicate; ALTER ROLE … REPLICATION",
        )
    if isinstance(fault, psycopg.errors.ConfigurationLimitExceeded):
        return ChangeLogUnusable(
            name=name,
            why_zh="复制槽已用完；请提高 max_replication_slots 或删除不用的槽",
            why_en="there is no free slot; raise max_replication_slots or drop unused ones",
        )
    if isinstance(fault, psycopg.errors.UndefinedFile):
        return ChangeLogUnusable(
            name=name,
            why_zh="服务器缺少 test_decoding；请安装 postgresql-contrib",
            why_en="the server lacks test_decoding; install postgresql-contrib",
        )
    return None


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _value(text: str) -> str:
    return text[1:-1].replace("''", "'") if text.startswith("'") else text


def _number(position: str) -> int:
    high, _, low = position.partition("/")
    return (int(high, 16) << 32) + int(low, 16) if low else 0
