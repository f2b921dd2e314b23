"""This process's node: its settings, read once from the environment."""

import os
from functools import cache
from pathlib import Path

from guantong.kit.settings import Settings


@cache
def node_settings() -> Settings:
    """The settings of the node this process serves (``GUANTONG_*``)."""
    return Settings.read(os.environ, lambda path: Path(path).read_text(encoding="utf-8"))
