"""A node's settings: one frozen class, a sentence per field, unsafe values refused outside development."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from guantong.kit.errors import GuantongError

PREFIX = "GUANTONG_"


class SettingMissing(GuantongError):
    """A setting without a default was not given."""

    code: ClassVar[str] = "setting_missing"
    status: ClassVar[int] = 500
    zh: ClassVar[str] = "缺少设置 {name}。"
    en: ClassVar[str] = "The setting {name} is missing."


class SettingUnsafe(GuantongError):
    """A setting has a value that is refused: it cannot be read, or is unsafe outside development."""

    code: ClassVar[str] = "setting_unsafe"
    status: ClassVar[int] = 500
    zh: ClassVar[str] = "设置 {name} 的值不可用：{why_zh}。"
    en: ClassVar[str] = "The setting {name} cannot be used: {why_en}."


@dataclass(frozen=True)
class Settings:
    """One node's settings, read from ``GUANTONG_<FIELD>`` or the file named by ``GUANTONG_<FIELD>_FILE``.

    The comment above a field is its documentation; docs/settings.md repeats it and a test compares both.
    """

    # Six-digit division code of the government this node belongs to; 000000 is the nation.
    node: str
    # The folder that holds this node's keys, database, bundle, spool and log.
    home: Path
    # Name of the node on pages and in messages.
    title: str = "贯通节点"
    # DNS name of the node; its keys and its log are named after it.
    name: str = ""
    # True only on a developer's machine: prints log-ins, allows http addresses and the built-in secret.
    development: bool = False
    # Key that signs sessions and forms of the control plane; at least 50 characters outside development.
    secret_key: str = ""
    # Control database, postgresql://user:password@host:port/name; empty means SQLite in the node's folder.
    database_url: str = ""
    # Crypto suite of new signatures and digests: international or national.
    suite: str = "international"
    # Address the servers listen on.
    host: str = "127.0.0.1"
    # Port of the pages and the messages between nodes.
    web_port: int = 8000
    # Port of the gateway.
    gateway_port: int = 8001
    # Port of the log.
    log_port: int = 8002
    # Address at which others reach this node's pages; empty means http://host:web_port.
    web_url: str = ""
    # Address at which others reach this node's gateway; empty means http://host:gateway_port.
    gateway_url: str = ""
    # Address at which others reach this node's log; empty means http://host:log_port.
    log_url: str = ""
    # Processes that answer calls; each keeps its own chain of receipts.
    gateway_workers: int = 1
    # Seconds a call may take from the consumer's node to the answer.
    call_budget_s: float = 5.0

    @classmethod
    def read(cls, environ: Mapping[str, str], read_file: Callable[[str], str]) -> "Settings":
        """Settings from an environment; ``read_file`` gives the text of a ``*_FILE`` value."""
        given = {f.name: _value(f.name, f.type, environ, read_file) for f in fields(cls)}
        settings = cls(**{name: value for name, value in given.items() if value is not None})
        return settings.completed().checked()

    def completed(self) -> "Settings":
        """The same settings with the derived defaults filled in."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values["name"] = self.name or f"{self.node}.guantong.example"
        for part in ("web", "gateway", "log"):
            values[f"{part}_url"] = values[f"{part}_url"] or f"http://{self.host}:{values[f'{part}_port']}"
        return type(self)(**values)

    def checked(self) -> "Settings":
        """The same settings, or :class:`SettingUnsafe` for the first one that is refused."""
        if not (len(self.node) == 6 and self.node.isdigit()):
            raise SettingUnsafe(
                name="node", why_zh="应为六位行政区划代码", why_en="a six-digit division code is wanted"
            )
        if self.suite not in {"international", "national"}:
            raise SettingUnsafe(
                name="suite",
                why_zh="应为 international 或 national",
                why_en="international or national is wanted",
            )
        if self.development:
            return self
        if len(self.secret_key) < 50:
            raise SettingUnsafe(
                name="secret_key", why_zh="少于 50 个字符", why_en="it has fewer than 50 characters"
            )
        for name in ("web_url", "gateway_url", "log_url"):
            if urlsplit(getattr(self, name)).scheme != "https":
                raise SettingUnsafe(
                    name=name, why_zh="正式环境须用 https", why_en="https is required in production"
                )
        return self

    @property
    def key_folder(self) -> Path:
        """Where the private keys rest, one file a key, readable by the node alone."""
        return self.home / "keys"

    @property
    def bundle_folder(self) -> Path:
        """Where the control plane leaves bundles and the gateway finds them."""
        return self.home / "bundle"

    @property
    def spool_folder(self) -> Path:
        """Where writers leave records for the log, a folder a writer."""
        return self.home / "spool"

    @property
    def log_folder(self) -> Path:
        """The log's index, tiles and checkpoint."""
        return self.home / "log"


def _value(name: str, kind: Any, environ: Mapping[str, str], read_file: Callable[[str], str]) -> Any:
    variable = PREFIX + name.upper()
    if f"{variable}_FILE" in environ:
        text = read_file(environ[f"{variable}_FILE"]).strip()
    elif variable in environ:
        text = environ[variable]
    elif name in {"node", "home"}:
        raise SettingMissing(name=variable)
    else:
        return None
    try:
        if kind is bool:
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        return kind(text)
    except (KeyError, ValueError):
        raise SettingUnsafe(name=variable, why_zh="无法读取", why_en="it cannot be read") from None
