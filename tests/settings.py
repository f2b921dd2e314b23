"""Settings for tests: a node in a folder of its own; SQLite unless GUANTONG_TEST_DATABASE says postgresql."""

import os
import tempfile

os.environ.setdefault("GUANTONG_NODE", "511600")
os.environ.setdefault("GUANTONG_HOME", tempfile.mkdtemp(prefix="guantong-test-"))
os.environ.setdefault("GUANTONG_DEVELOPMENT", "true")
if os.environ.get("GUANTONG_TEST_DATABASE") == "postgresql":
    # The real address is filled in by tests/conftest.py once the server runs.
    os.environ["GUANTONG_DATABASE_URL"] = "postgresql://postgres@127.0.0.1:1/guantong"

from guantong.site.settings import *  # noqa: F403

if not os.environ.get("GUANTONG_DATABASE_URL"):
    # A file, because the threads of one test would lock each other out of a database in memory.
    DATABASES["default"]["TEST"] = {"NAME": str(NODE.home / "test.sqlite3")}  # noqa: F405

# Passwords in tests protect nothing; a slow hash would only slow the tests.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
