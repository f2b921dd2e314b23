"""A node of its own, as processes, whose catalogue is searched."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.databases import free_port
from tests.gateway import processes

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


@contextlib.contextmanager
def searching_node(folder: Path, *parts: str) -> Iterator[dict[str, str]]:
    """A node's environment, its database made, these parts of it (``work``, ``web``) running."""
    environment = {
        **os.environ,
        "GUANTONG_NODE": "511600",
        "GUANTONG_HOME": str(folder),
        "GUANTONG_DEVELOPMENT": "true",
        "GUANTONG_DATABASE_URL": "",
        "GUANTONG_WEB_PORT": str(free_port()),
        "DJANGO_SETTINGS_MODULE": "guantong.site.settings",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    run(environment, "-m", "django", "migrate", "-v", "0")
    run(environment, "-c", PREPARE)
    with contextlib.ExitStack() as stack:
        for part in parts:
            process = subprocess.Popen([sys.executable, "-m", "guantong", part], env=environment)
            stack.enter_context(processes.ended(process))
        yield environment


def run(environment: dict[str, str], *words: str) -> None:
    subprocess.run([sys.executable, *words], env=environment, check=True)
