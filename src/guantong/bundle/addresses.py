"""What a bundle only names: addresses and passwords of sources and targets, in one file of the node's folder.

The file holds ``{name: address}``. It is readable by the node alone, and never in a bundle.
"""

import json
import stat
from pathlib import Path

from guantong.kit.errors import GuantongError


class SecretsExposed(GuantongError):
    """The secrets file can be read by others than the node."""

    code = "secrets_exposed"
    status = 500
    zh = "数据源口令文件的权限过宽，应为 0600。"
    en = "The file of data source secrets is readable by others; its mode must be 0600."


def read_secrets(path: Path) -> dict[str, str]:
    """Source name → address. A missing file is an empty one; one that others may read is refused."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return {}
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretsExposed
    return {str(name): str(address) for name, address in json.loads(path.read_text("utf-8")).items()}
