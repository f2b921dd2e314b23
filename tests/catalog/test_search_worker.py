"""A real worker: it builds the missing index in a process of its own, follows changes, and mends what is damaged."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.databases import free_port

from guantong.catalog.search.errors import SearchIndexMissing
from guantong.catalog.search.generations import EmbeddedIndex
from guantong.catalog.search.types import Asked

PREPARE = """
import django; django.setup()
from tests.cast import assemble, publish_permits
publish_permits(assemble())
"""
# Straight to the rows: what the acts leave is another test's matter; here the worker has to see it.
PUBLISH = """
import sys, django; django.setup()
from django.utils import timezone
from guantong.catalog.models import Resource, ResourceVersion
from tests.cast import content
name = sys.argv[1]
first = Resource.objects.get()
values = content(code="3070511600001/000777", name=name)
made = Resource.objects.create(code=values["code"], provider=first.provider, node=first.node, name=name, live_version=1,
                               is_live=True, state="published", published_at=timezone.now())
ResourceVersion.objects.create(resource=made, version=1, content=values, published_at=timezone.now(), published_by="x")
"""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A node's environment, its database made, its worker running."""
    environment = {
        **os.environ,
        "GUANTONG_NODE": "511600",
        "GUANTONG_HOME": str(tmp_path),
        "GUANTONG_DEVELOPMENT": "true",
        "GUANTONG_DATABASE_URL": "",
        "GUANTONG_WEB_PORT": str(free_port()),
        "DJANGO_SETTINGS_MODULE": "guantong.site.settings",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    _run(environment, "-m", "django", "migrate", "-v", "0")
    _run(environment, "-c", PREPARE)
    worker = subprocess.Popen([sys.executable, "-m", "guantong", "work"], env=environment)
    yield environment
    worker.terminate()
    assert worker.wait(timeout=30) == 0


def _run(environment: dict[str, str], *words: str) -> None:
    subprocess.run([sys.executable, *words], env=environment, check=True)


def _until(condition: Callable[[], bool]) -> float:
    """Wait for a condition; how many seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < 120, "it did not happen"
        time.sleep(0.02)
    return time.monotonic() - began


def test_the_worker_builds_follows_and_mends(node: dict[str, str], tmp_path: Path) -> None:
    index = EmbeddedIndex(tmp_path / "search")

    def finds(text: str) -> bool:
        try:
            return index.search(Asked(text)).total == 1
        except SearchIndexMissing:
            return False

    _until(lambda: finds("居住证信息"))
    generation = index.generation()
    _run(node, "-c", PUBLISH, "不动产登记信息")
    print(f"visible {_until(lambda: finds('不动产登记')):.2f} s after the publishing process ended")
    assert index.generation() == generation, "a change is no reason to build anew"
    for path in (tmp_path / "search" / generation).glob("*.term"):
        path.write_bytes(b"damaged")
    _until(lambda: not finds("没有的词") and _notices(tmp_path) and index.generation() != generation)
    _until(lambda: finds("不动产登记"))


def _notices(folder: Path) -> bool:
    """Ask as a web process that starts now would, which is what meets the damage."""
    with contextlib.suppress(SearchIndexMissing):
        EmbeddedIndex(folder / "search").search(Asked("居住证"))
    return True
