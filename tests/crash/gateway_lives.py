"""A gateway that lives again and again on one port: each life is a fork of this process, which has everything loaded.

``python -m tests.crash.gateway_lives``; writes each life's process id as a line. Ends when its standard input does.
"""

import os
import select
import signal
import sys
from pathlib import Path

from guantong.gateway.supervising import BACKLOG, _listening, _work
from guantong.kit.settings import Settings


def main() -> None:
    settings = Settings.read(os.environ, lambda path: Path(path).read_text("utf-8"))
    listening = _listening(settings, shared=False)
    listening.listen(BACKLOG)
    while True:
        if not (child := os.fork()):
            _work(settings, 0, listening.dup(), lambda _: None)
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if select.select([sys.stdin], [], [], 0.005)[0] and not sys.stdin.read(1):
                os.kill(child, signal.SIGTERM)
                os.waitpid(child, 0)
                return


if __name__ == "__main__":
    main()
