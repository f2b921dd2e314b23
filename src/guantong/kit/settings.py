"""A node's settings: one frozen class, a sentence per field, unsafe values refused outside development."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from guantong.kit.errors import GuantongError

PREFIX = "GUANTONG_"

# A setting, whether it is good, and why it is not.
Rule = tuple[str, bool, str, str]

_NAME = re.compile(r"(?=.{1,60}\Z)[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_MAIL = re.compile(r"[^@\s]{1,64}@[A-Za-z0-9.-]{1,200}")
_LINE = re.compile(r"[^\x00-\x1f\x7f]{1,80}")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[!-~]*)?")


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
    # Processes that answer pages; each takes about 150 MB. One a core where many search at once.
    web_workers: int = 1
    # Pages that one process answers at the same time. With one, and several processes, waiting times are the most even.
    web_threads: int = 4
    # Port of the gateway.
    gateway_port: int = 8001
    # Port of the log.
    log_port: int = 8002
    # Port of the batch exchange, for children and edges.
    exchange_port: int = 8003
    # Address at which others reach this node's pages; empty means http://host:web_port.
    web_url: str = ""
    # Address at which others reach this node's gateway; empty means http://host:gateway_port.
    gateway_url: str = ""
    # Address at which others reach this node's log; empty means http://host:log_port.
    log_url: str = ""
    # Address at which children and edges reach this node's exchange; empty means http://host:exchange_port.
    exchange_url: str = ""
    # Processes that answer calls; each keeps its own chain of receipts.
    gateway_workers: int = 1
    # Seconds within which a gateway process that is told to stop finishes what is on its way; what takes longer is cut off.
    gateway_drain_s: float = 8.0
    # Megabytes of disk that each gateway process may take for bodies too large for memory, while they pass through.
    gateway_held_mb: int = 1024
    # Port at which Prometheus reads the gateway's metrics; 0 means nowhere. Never the public one.
    metrics_port: int = 0
    # Address on which that port listens.
    metrics_host: str = "127.0.0.1"
    # Address (https://host/v1/traces) where a collector of traces (OpenTelemetry, OTLP over HTTP) takes spans; empty means none.
    otlp_url: str = ""
    # Share of the calls (0 to 1) whose steps that collector gets, where the caller's traceparent does not decide it.
    trace_ratio: float = 1.0
    # Server (redis://host:port/db, Valkey or Redis) where gateways on several machines count calls together; empty means
    # that the processes of one machine share their counts in the node's folder.
    limits_url: str = ""
    # File (mode 0600) with that server's password as JSON.
    limits_credentials: str = ""
    # How the second secret of the national platform's convention is wrapped: sha1prng-aes (the usual Java clients) or direct-aes.
    national_wrapping: str = "sha1prng-aes"
    # Batch jobs that run at the same time; each may hold about 150 MB.
    jobs_at_once: int = 2
    # Batch jobs that the timetable has read or fill one source at the same time; 0 means no limit.
    jobs_per_source: int = 2
    # Seconds a call may take from the consumer's node to the answer.
    call_budget_s: float = 5.0
    # Rule for the codes of this node's catalogue entries: guide (the 2017 compilation guide) or loose.
    catalogue_code_rule: str = "guide"
    # Working days within which a department finishes a draft of a catalogue entry, or mends a returned one.
    catalogue_update_days: int = 10
    # Working days of the department's own review of a catalogue entry.
    catalogue_department_days: int = 2
    # Working days of the data bureau's review of a catalogue entry.
    catalogue_bureau_days: int = 2
    # Working days within which a department reviews its own request before it goes to the provider.
    request_consumer_days: int = 2
    # Working days within which a provider answers a request.
    request_provider_days: int = 10
    # Working days within which a data bureau answers a request.
    request_bureau_days: int = 5
    # Working days by which a decision may be put off, once, with a reason.
    request_extension_days: int = 10
    # Working days within which a department adds to a request that was sent back.
    request_supplement_days: int = 5
    # Days for which a grant goes on after its end while a renewal that was asked for in time waits; 0 means none.
    grant_grace_days: int = 7
    # Days before the end of a grant on which its consumer is warned, with commas between them.
    grant_warning_days: str = "30,7,1"
    # Days without use after which a grant is listed to be given back; 0 means never.
    grant_unused_days: int = 90
    # Working days within which a provider answers a correction.
    correction_days: int = 10
    # Working days that two parties of a dispute have to agree.
    dispute_talk_days: int = 10
    # Working days within which the data bureau of the provider's node decides a dispute.
    dispute_authority_days: int = 15
    # Working days within which the node above both parties decides a dispute.
    dispute_superior_days: int = 20
    # Working days within which a provider carries out a decision.
    dispute_carry_days: int = 10
    # Working days within which whoever is asked for data that nobody provides answers.
    catalogue_answer_days: int = 10
    # Search server (OpenSearch), https://host:9200/alias; empty means an index in the node's folder.
    search_url: str = ""
    # File (mode 0600) with the search server's user and password as JSON.
    search_credentials: str = ""
    # Object store for staged chunks, s3://bucket/prefix?endpoint=https://host; empty means a folder of the node.
    staging_url: str = ""
    # File (mode 0600) with the object store's access_key_id and secret_access_key as JSON.
    staging_credentials: str = ""
    # Bytes that staged chunks may take; a batch that needs more pauses until there is room. 0 means no limit.
    staging_quota: int = 50 << 30

    # Folder of the archive of old records; empty means one in the node's folder.
    archive_folder: str = ""
    # Days after which records that are witnessed leave the spool for the archive; 0 means never.
    archive_after_days: int = 90

    # Mail server that takes notices; empty means none are mailed.
    mail_host: str = ""
    # Port of the mail server.
    mail_port: int = 587
    # How the mail server is spoken to: starttls, tls from the first byte, or none (development only).
    mail_security: str = "starttls"
    # Account at the mail server; empty where it asks for none.
    mail_user: str = ""
    # Password of that account; give it as a file.
    mail_password: str = field(default="", repr=False)
    # Sender of the mails, an address.
    mail_from: str = ""
    # Addresses (https://host, apart by commas) to which people may have notices posted.
    notice_webhooks: str = ""

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
        for part in ("web", "gateway", "log", "exchange"):
            values[f"{part}_url"] = values[f"{part}_url"] or f"http://{self.host}:{values[f'{part}_port']}"
        return type(self)(**values)

    def checked(self) -> "Settings":
        """The same settings, or :class:`SettingUnsafe` for the first one that is refused."""
        for name, is_good, why_zh, why_en in [*self._rules(), *self._production_rules()]:
            if not is_good:
                raise SettingUnsafe(name=name, why_zh=why_zh, why_en=why_en)
        return self

    def _rules(self) -> Iterator[Rule]:
        """What holds everywhere."""
        is_code = len(self.node) == 6 and self.node.isascii() and self.node.isdigit()
        yield "node", is_code, "应为六位行政区划代码", "a six-digit division code is wanted"
        yield "name", bool(_NAME.fullmatch(self.name)), "应为域名，至多 60 个字符", "a DNS name is wanted"
        yield "title", bool(_LINE.fullmatch(self.title)), "应为一行，至多 80 个字符", "one line of 80 at most"
        is_suite = self.suite in {"international", "national"}
        yield (
            "suite",
            is_suite,
            "应为 international 或 national",
            "international or national is wanted",
        )
        for name in ("web_port", "gateway_port", "log_port", "exchange_port"):
            yield name, 1 <= getattr(self, name) <= 65535, "应为 1 至 65535", "a port goes from 1 to 65535"
        for name in ("web_url", "gateway_url", "log_url", "exchange_url"):
            is_address = bool(_ADDRESS.fullmatch(getattr(self, name)))
            yield (
                name,
                is_address,
                "应为 http 或 https 地址，不含口令",
                "an address without a password is wanted",
            )
        is_postgresql = urlsplit(self.database_url).scheme in {"", "postgresql", "postgres"}
        yield "database_url", is_postgresql, "应为 postgresql:// 地址", "a postgresql:// address is wanted"
        yield "web_workers", 1 <= self.web_workers <= 64, "应为 1 至 64", "1 to 64 are possible"
        yield "web_threads", 1 <= self.web_threads <= 64, "应为 1 至 64", "1 to 64 are possible"
        yield "gateway_workers", 1 <= self.gateway_workers <= 256, "应为 1 至 256", "1 to 256 are possible"
        yield (
            "gateway_drain_s",
            0.1 <= self.gateway_drain_s <= 300,
            "应为 0.1 至 300 秒",
            "0.1 to 300 seconds",
        )
        yield (
            "gateway_held_mb",
            1 <= self.gateway_held_mb <= 1 << 20,
            "应为 1 至 1048576",
            "1 to 1048576 are possible",
        )
        is_own = 0 <= self.metrics_port <= 65535 and self.metrics_port not in self._ports()
        yield "metrics_port", is_own, "应为 0 或一个独用的端口", "0 or a port of its own is wanted"
        is_collector = not self.otlp_url or bool(_ADDRESS.fullmatch(self.otlp_url))
        yield (
            "otlp_url",
            is_collector,
            "应为 http 或 https 地址，不含口令",
            "an address without a password is wanted",
        )
        yield "trace_ratio", 0 <= self.trace_ratio <= 1, "应为 0 至 1", "a share from 0 to 1 is wanted"
        is_counter = (
            urlsplit(self.limits_url).scheme in {"", "redis", "rediss"} and "@" not in self.limits_url
        )
        yield (
            "limits_url",
            is_counter,
            "应为 redis:// 或 rediss:// 地址，不含口令",
            "a redis:// or rediss:// address without a password is wanted",
        )
        is_wrapping = self.national_wrapping in {"sha1prng-aes", "direct-aes"}
        yield (
            "national_wrapping",
            is_wrapping,
            "应为 sha1prng-aes 或 direct-aes",
            "sha1prng-aes or direct-aes is wanted",
        )
        yield "jobs_at_once", 1 <= self.jobs_at_once <= 64, "应为 1 至 64", "1 to 64 are possible"
        yield "jobs_per_source", 0 <= self.jobs_per_source <= 64, "应为 0 至 64", "0 to 64 are possible"
        is_rule = self.catalogue_code_rule in {"guide", "loose"}
        yield "catalogue_code_rule", is_rule, "应为 guide 或 loose", "guide or loose is wanted"
        for name in (
            "catalogue_update_days",
            "catalogue_department_days",
            "catalogue_bureau_days",
            "catalogue_answer_days",
            "correction_days",
            "dispute_talk_days",
            "dispute_authority_days",
            "dispute_superior_days",
            "dispute_carry_days",
        ):
            yield name, 1 <= getattr(self, name) <= 250, "应为 1 至 250 个工作日", "1 to 250 working days"
        is_days = all(each.strip().isdecimal() for each in self.grant_warning_days.split(",") if each)
        yield "grant_warning_days", is_days, "应为以逗号分隔的天数", "numbers of days with commas are wanted"
        yield "grant_grace_days", 0 <= self.grant_grace_days <= 30, "应为 0 至 30 天", "0 to 30 days"
        yield "grant_unused_days", 0 <= self.grant_unused_days <= 3650, "应为 0 至 3650 天", "0 to 3650 days"
        is_store = urlsplit(self.staging_url).scheme in {"", "s3"} and "@" not in self.staging_url
        yield (
            "staging_url",
            is_store,
            "应为 s3:// 地址，不含口令",
            "an s3:// address without a password is wanted",
        )
        is_server = not self.search_url or bool(_ADDRESS.fullmatch(self.search_url))
        yield (
            "search_url",
            is_server,
            "应为 http 或 https 地址，不含口令",
            "an address without a password is wanted",
        )
        is_age = 0 <= self.archive_after_days <= 36500
        yield "archive_after_days", is_age, "应为 0 至 36500 天", "0 to 36500 days"
        yield "mail_port", 1 <= self.mail_port <= 65535, "应为 1 至 65535", "a port goes from 1 to 65535"
        is_known = self.mail_security in {"starttls", "tls", "none"}
        yield "mail_security", is_known, "应为 starttls、tls 或 none", "starttls, tls or none is wanted"
        is_sender = not self.mail_host or bool(_MAIL.fullmatch(self.mail_from))
        yield "mail_from", is_sender, "应为电子邮箱", "an e-mail address is wanted"
        are_addresses = all(_ADDRESS.fullmatch(each.strip()) for each in self._hooks())
        yield (
            "notice_webhooks",
            are_addresses,
            "应为 http 或 https 地址，以逗号分隔",
            "addresses apart by commas are wanted",
        )
        yield "staging_quota", self.staging_quota >= 0, "不得小于 0", "it cannot be less than 0"
        yield "call_budget_s", 0.1 <= self.call_budget_s <= 60, "应为 0.1 至 60 秒", "0.1 to 60 seconds"

    def _production_rules(self) -> Iterator[Rule]:
        """What holds outside development; a development node shows log-ins, so nobody else may reach it."""
        if self.development:
            is_alone = self.host in {"127.0.0.1", "::1", "localhost"}
            yield (
                "development",
                is_alone,
                "开发模式只能监听本机地址",
                "a development node listens on loopback only",
            )
            return
        is_open_mail = bool(self.mail_host) and self.mail_security == "none"
        yield "mail_security", not is_open_mail, "正式环境须加密", "encryption is required in production"
        is_secret_hook = all(urlsplit(each.strip()).scheme == "https" for each in self._hooks())
        yield "notice_webhooks", is_secret_hook, "正式环境须用 https", "https is required in production"
        is_plain = urlsplit(self.search_url).scheme == "http"
        yield "search_url", not is_plain, "正式环境须用 https", "https is required in production"
        is_bare = urlsplit(self.limits_url).scheme == "redis" and not self._is_local(self.limits_url)
        yield "limits_url", not is_bare, "正式环境须用 rediss", "rediss is required in production"
        is_near = urlsplit(self.otlp_url).scheme != "http" or self._is_local(self.otlp_url)
        yield "otlp_url", is_near, "正式环境须用 https", "https is required in production"
        is_open = "endpoint=http:" in self.staging_url.lower()
        yield "staging_url", not is_open, "正式环境须用 https", "https is required in production"
        yield "secret_key", len(self.secret_key) >= 50, "少于 50 个字符", "it has fewer than 50 characters"
        is_random = len(set(self.secret_key)) >= 10
        yield "secret_key", is_random, "过于简单", "it has too few different characters"
        for name in ("web_url", "gateway_url", "log_url", "exchange_url"):
            is_https = urlsplit(getattr(self, name)).scheme == "https"
            yield name, is_https, "正式环境须用 https", "https is required in production"

    def _ports(self) -> set[int]:
        return {self.web_port, self.gateway_port, self.log_port, self.exchange_port}

    @staticmethod
    def _is_local(address: str) -> bool:
        return urlsplit(address).hostname in {"127.0.0.1", "::1", "localhost"}

    def _hooks(self) -> list[str]:
        return [each for each in self.notice_webhooks.split(",") if each.strip()]

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
    def archive_place(self) -> Path:
        """Where old records rest."""
        return Path(self.archive_folder) if self.archive_folder else self.home / "archive"

    @property
    def log_folder(self) -> Path:
        """The log's index, tiles and checkpoint."""
        return self.home / "log"


def _value(name: str, kind: Any, environ: Mapping[str, str], read_file: Callable[[str], str]) -> Any:
    variable = PREFIX + name.upper()
    if f"{variable}_FILE" in environ:
        text = _text_of(f"{variable}_FILE", environ, read_file)
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


def _text_of(variable: str, environ: Mapping[str, str], read_file: Callable[[str], str]) -> str:
    try:
        return read_file(environ[variable]).strip()
    except (OSError, UnicodeDecodeError):
        raise SettingUnsafe(name=variable, why_zh="文件无法读取", why_en="its file cannot be read") from None
