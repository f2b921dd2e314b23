"""The staging store in an object store that speaks S3, for nodes whose chunks outgrow a disk, or that run on several.

Only the endpoint that the node's settings name is ever dialled. The keys are in a file of the node's own (mode 0600,
JSON: ``access_key_id``, ``secret_access_key``, optional ``session_token``), never in the address. What is kept is
sealed before it comes here, so that whoever runs the object store sees sizes and names, and nothing else.
"""

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from guantong.bundle.addresses import SecretsExposed
from guantong.exchange.errors import StagingFull, StagingMisconfigured, StagingUnreachable
from guantong.exchange.staging import MARK, checked_name
from guantong.kit import clock

TIMEOUT_S = 60
# What object stores say when their disks or quotas are full: MinIO, Ceph, and HTTP itself.
_FULL = ("XMinioStorageFull", "QuotaExceeded", "InsufficientStorage", "507 ", "StorageFull")
_DENIED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket")


@dataclass(frozen=True, slots=True)
class Address:
    """``s3://bucket/prefix?endpoint=https://host:port&region=…``."""

    bucket: str
    prefix: str
    endpoint: str
    region: str

    @classmethod
    def read(cls, url: str) -> "Address":
        """StagingMisconfigured."""
        parts = urlsplit(url)
        asked = parse_qs(parts.query, keep_blank_values=True)
        endpoint = asked.get("endpoint", [""])[0].rstrip("/")
        is_plain = parts.scheme == "s3" and bool(parts.hostname) and "@" not in parts.netloc
        if (
            not is_plain
            or set(asked) - {"endpoint", "region"}
            or urlsplit(endpoint).scheme not in {"http", "https"}
        ):
            raise StagingMisconfigured(
                why_zh="应为 s3://桶/前缀?endpoint=https://主机",
                why_en="it should be s3://bucket/prefix?endpoint=https://host",
            )
        if "@" in urlsplit(endpoint).netloc:
            raise StagingMisconfigured(why_zh="地址中不得有口令", why_en="an address holds no password")
        return cls(parts.netloc, parts.path.strip("/"), endpoint, asked.get("region", ["us-east-1"])[0])


class ObjectStore:
    """A :class:`guantong.exchange.staging.Store` in a bucket, with a quota in bytes (0: none)."""

    def __init__(self, url: str, credentials: Path, *, quota: int) -> None:
        """StagingMisconfigured, SecretsExposed, StagingUnreachable."""
        address = Address.read(url)
        try:
            # An extra: nodes that stage in a folder do not need it.
            import obstore  # noqa: PLC0415
            from obstore.store import S3Store  # noqa: PLC0415
        except ImportError:
            raise StagingMisconfigured(
                why_zh="未安装 guantong[s3]", why_en="guantong[s3] is not installed"
            ) from None
        self._obstore = obstore
        self._name = address.endpoint
        self._quota = quota
        config: Any = {
            "endpoint": address.endpoint,
            "region": address.region,
            "virtual_hosted_style_request": False,
            **_secrets(credentials),
        }
        self._store = S3Store(
            address.bucket,
            prefix=address.prefix or None,
            config=config,
            client_options={
                "allow_http": address.endpoint.startswith("http:"),
                "timeout": timedelta(seconds=TIMEOUT_S),
                "connect_timeout": timedelta(seconds=5),
                # No proxy, whatever the environment says: one that is named, and never used, takes its place.
                "proxy_url": "http://127.0.0.1:9",
                "proxy_excludes": "*,0.0.0.0/0,::/0",
            },
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=TIMEOUT_S)},
        )
        self._used = sum(size for _, size, _ in self._listed("")) if quota else 0

    def put(self, name: str, data: bytes) -> None:
        """See :class:`guantong.exchange.staging.Store`."""
        checked_name(name)
        if self._quota and self._used + len(data) > self._quota and not name.endswith(f"/{MARK}"):
            # Others may have taken things away since we counted.
            self._used = sum(size for _, size, _ in self._listed(""))
            if self._used + len(data) > self._quota:
                raise StagingFull
        with self._truthful():
            self._obstore.put(self._store, name, data)
        self._used += len(data)

    def get(self, name: str) -> bytes | None:
        """See :class:`guantong.exchange.staging.Store`."""
        checked_name(name)
        with self._truthful():
            try:
                return bytes(self._obstore.get(self._store, name).bytes())
            except (self._obstore.exceptions.NotFoundError, FileNotFoundError):
                return None

    def names(self, prefix: str) -> list[str]:
        """See :class:`guantong.exchange.staging.Store`."""
        checked_name(prefix)
        return sorted(name for name, _, _ in self._listed(prefix))

    def delete(self, name: str) -> None:
        """See :class:`guantong.exchange.staging.Store`."""
        checked_name(name)
        with self._truthful():
            try:
                size = int(self._obstore.head(self._store, name)["size"]) if self._quota else 0
                self._obstore.delete(self._store, name)
            except (self._obstore.exceptions.NotFoundError, FileNotFoundError):
                return
        self._used -= size

    def expire(self, older_than_s: float) -> int:
        """See :class:`guantong.exchange.staging.Store`."""
        limit = clock.now().timestamp() - older_than_s
        old = [name for name, _, at in self._listed("") if name.endswith(".chunk") and at < limit]
        for name in old:
            self.delete(name)
        return len(old)

    def _listed(self, prefix: str) -> list[tuple[str, int, float]]:
        """Name, size and time of each thing below ``prefix``."""
        with self._truthful():
            return [
                (found["path"], int(found["size"]), found["last_modified"].timestamp())
                for batch in self._obstore.list(self._store, prefix or None)
                for found in batch
            ]

    @contextmanager
    def _truthful(self) -> Iterator[None]:
        try:
            yield
        except (StagingFull, StagingUnreachable):
            raise
        except (self._obstore.exceptions.BaseError, OSError) as fault:
            said = str(fault)
            if any(word in said for word in _FULL):
                raise StagingFull from None
            denied = next((word for word in _DENIED if word in said), "")
            # What the client says may hold addresses and keys: it does not go further.
            raise StagingUnreachable(endpoint=self._name, why=denied or type(fault).__name__) from None


def _secrets(path: Path) -> dict[str, Any]:
    try:
        mode = path.stat().st_mode
        told = json.loads(path.read_text("utf-8"))
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SecretsExposed
        keys = {
            "access_key_id": str(told["access_key_id"]),
            "secret_access_key": str(told["secret_access_key"]),
        }
        return keys | ({"session_token": str(told["session_token"])} if told.get("session_token") else {})
    except (OSError, ValueError, KeyError, TypeError):
        raise StagingMisconfigured(
            why_zh="密钥文件应为含 access_key_id、secret_access_key 的 JSON",
            why_en="its key file should be JSON with access_key_id and secret_access_key",
        ) from None
