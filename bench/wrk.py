"""wrk, a load generator in C, driven by a small script of its own language; and nginx, the measure beside us.

Every answer that is not a 200 ends the measurement: a fast refusal is not throughput.
"""

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_DONE = """
done = function(summary, latency, requests)
  local wrong = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format('\\n@{"requests": %d, "seconds": %.6f, "p50_ms": %.4f, "p99_ms": %.4f, "wrong": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, wrong))
end
"""

# Each request looks another person up; the body's length never changes.
ASK = """
local thread_seed = 0
setup = function(thread) thread_seed = thread_seed + 1; thread:set("seed", thread_seed) end
init = function(args) math.randomseed(seed * 7919 + os.time()) end
request = function()
  local body = string.gsub(%(body)s, "@", string.format("%%012d", math.random(0, %(rows)d - 1)))
  return wrk.format("POST", "%(path)s", {["authorization"] = "Bearer %(token)s", ["content-type"] = "application/json"}, body)
end
"""

# The same, small request again and again.
FETCH = """
request = function() return wrk.format("GET", "%(path)s", {["authorization"] = "Bearer %(token)s"}) end
"""

_NGINX = """
daemon off; master_process on; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; keepalive_requests 1000000000;
  upstream trivial {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{upstream}; location / {{ default_type application/json; return 200 '{{"hello":"world"}}'; }} }}
  server {{
    listen 127.0.0.1:{proxy};
    location / {{ proxy_pass http://trivial; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


@dataclass(frozen=True)
class Round:
    """One timed run."""

    calls_per_s: float
    p50_ms: float
    p99_ms: float


def load(
    url: str, script: str, folder: Path, *, connections: int, seconds: int, pause_ms: float = 0
) -> Round:
    """Ask ``url`` for so many seconds. ``pause_ms``: how long each connection rests on average between two requests."""
    if pause_ms:
        script += f"\ndelay = function() return math.random(0, {2 * pause_ms:.0f}) end\n"
    path = folder / "ask.lua"
    path.write_text(script + _DONE)
    command = [
        _program("wrk"),
        f"-t{min(2, connections)}",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        "10s",
        "-s",
        str(path),
        url,
    ]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    told = json.loads(next(line for line in said.splitlines() if line.startswith("@"))[1:])
    if told["wrong"] or not told["requests"]:
        raise RuntimeError(said)
    return Round(told["requests"] / told["seconds"], told["p50_ms"], told["p99_ms"])


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[tuple[str, str]]:
    """nginx in front of a trivial upstream, itself: the addresses of proxy and upstream."""
    proxy, upstream = _free_port(), _free_port()
    conf = folder / "nginx.conf"
    conf.write_text(_NGINX.format(folder=folder, proxy=proxy, upstream=upstream))
    process = subprocess.Popen([_program("nginx"), "-p", str(folder), "-c", str(conf)])
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as trying:
                if trying.connect_ex(("127.0.0.1", proxy)) == 0:
                    break
            time.sleep(0.02)
        yield f"http://127.0.0.1:{proxy}", f"http://127.0.0.1:{upstream}"
    finally:
        process.terminate()
        process.wait()


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(f"/usr/sbin/{name}")
    if not found:
        raise RuntimeError(f"{name} is missing: sh deploy/servers.sh fetches it")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
