"""Full replace in PostgreSQL: the new table takes the old one's place with its name, keys and indexes.

Where something hangs on the old table (views, foreign keys of others, triggers, rights, sequences), the rows are
exchanged instead of the tables, in the same transaction: slower, and nothing is lost.
"""

from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[tuple[object, ...]]

_HANGS_ON = """
SELECT c.relkind <> 'r' OR c.relispartition OR c.relrowsecurity OR c.relacl IS NOT NULL
    OR pg_catalog.pg_get_userbyid(c.relowner) <> current_user
    OR EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal)
    OR EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE confrelid = c.oid OR (conrelid = c.oid AND contype = 'f'))
    OR EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhparent = c.oid OR inhrelid = c.oid)
    OR EXISTS (SELECT FROM pg_catalog.pg_publication_rel WHERE prrelid = c.oid)
    OR EXISTS (SELECT FROM pg_catalog.pg_depend WHERE refobjid = c.oid AND refclassid = 'pg_class'::regclass
               AND classid IN ('pg_rewrite'::regclass, 'pg_class'::regclass)
               AND objid NOT IN (SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = c.oid)
               AND objid <> c.reltoastrelid)
FROM pg_catalog.pg_class c WHERE c.oid = %s
"""
_OPTIONS = """
SELECT o.option_name, o.option_value FROM pg_catalog.pg_class c, pg_catalog.pg_options_to_table(c.reloptions) o
WHERE c.oid = %s::regclass AND c.relkind = 'r'
"""
_CONSTRAINTS = """
SELECT conname, pg_catalog.pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint
WHERE conrelid = %s AND contype IN ('p', 'u', 'x') ORDER BY contype
"""
_INDEXES = """
SELECT c.relname, i.indisunique, pg_catalog.pg_get_indexdef(i.indexrelid),
       format('CREATE %%sINDEX %%I ON %%I.%%I ', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END,
              c.relname, n.nspname, t.relname)
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
WHERE i.indrelid = %s AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conindid = i.indexrelid
                                      AND conrelid = i.indrelid)
"""


Name = tuple[str, ...]
"""A table's name, after that of its schema if one was given."""


def create_aside(connection: Connection, aside: sql.Identifier, table: sql.Identifier) -> None:
    """An empty table like the other one, without its indexes; with its room for changes (fillfactor) and the like."""
    like = sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL EXCLUDING INDEXES)")
    connection.execute(like.format(aside, table))
    told = connection.execute(_OPTIONS, [table.as_string(connection)]).fetchall()
    options = [
        sql.SQL("{} = {}").format(sql.Identifier(str(name)), sql.Literal(str(value))) for name, value in told
    ]
    if options:
        connection.execute(sql.SQL("ALTER TABLE {} SET ({})").format(aside, sql.SQL(", ").join(options)))


def put_in_place(connection: Connection, aside_name: Name, table_name: Name) -> None:
    """Give the rows of one table to the other, within the caller's transaction; the first one is gone then."""
    aside, table = sql.Identifier(*aside_name), sql.Identifier(*table_name)
    connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(table))
    oid = _one(connection, "SELECT %s::regclass::oid", table.as_string(connection))
    if _one(connection, _HANGS_ON, oid):
        _exchange_rows(connection, aside, table)
    else:
        _exchange_tables(connection, aside, table_name, oid)


def _exchange_rows(connection: Connection, aside: sql.Identifier, table: sql.Identifier) -> None:
    connection.execute(sql.SQL("DELETE FROM {}").format(table))
    connection.execute(
        sql.SQL("INSERT INTO {} OVERRIDING SYSTEM VALUE SELECT * FROM {}").format(table, aside)
    )
    connection.execute(sql.SQL("DROP TABLE {}").format(aside))


def _exchange_tables(connection: Connection, aside: sql.Identifier, table_name: Name, oid: Any) -> None:
    """Keys and indexes are built once, over all rows; they take their old names when those are free."""
    table = sql.Identifier(*table_name)
    constraints = connection.execute(_CONSTRAINTS, [oid]).fetchall()
    indexes = connection.execute(_INDEXES, [oid]).fetchall()
    comment = _one(connection, "SELECT pg_catalog.obj_description(%s, 'pg_class')", oid)
    names: list[tuple[str, str]] = []
    for number, (name, definition) in enumerate(constraints):
        names.append((f"guantong_key_{number}", str(name)))
        add = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}")
        connection.execute(add.format(aside, sql.Identifier(names[-1][0]), _own_words(definition)))
    for number, (name, is_unique, definition, head) in enumerate(indexes):
        names.append((f"guantong_index_{number}", str(name)))
        rest = str(definition).removeprefix(str(head))
        create = sql.SQL("CREATE UNIQUE INDEX {} ON {} {}" if is_unique else "CREATE INDEX {} ON {} {}")
        connection.execute(create.format(sql.Identifier(names[-1][0]), aside, _own_words(rest)))
    if comment is not None:
        connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(aside, sql.Literal(comment)))
    connection.execute(sql.SQL("DROP TABLE {}").format(table))
    connection.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(aside, sql.Identifier(table_name[-1])))
    for made, wanted in names:
        index = sql.SQL("ALTER INDEX {} RENAME TO {}")
        connection.execute(index.format(sql.Identifier(*table_name[:-1], made), sql.Identifier(wanted)))


def _own_words(definition: object) -> sql.SQL:
    """What the server itself says about a key or index, for the server again."""
    return sql.SQL(str(definition))


def _one(connection: Connection, statement: str, *values: object) -> Any:
    row = connection.execute(statement, values).fetchone()
    return row[0] if row else None
