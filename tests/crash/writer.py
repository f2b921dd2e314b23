"""A child that appends without end and says on its standard output what was acknowledged. It waits to be killed."""

import asyncio
import sys
from pathlib import Path

from guantong.evidence.spool import Spool


async def append_for_ever(spool: Spool, run: str, lane: int) -> None:
    number = 0
    while True:
        record = f"{run}-{lane}-{number}".encode()
        await spool.append(record + b"." * (number * 37 % 2000))
        sys.stdout.write(record.decode() + "\n")
        sys.stdout.flush()
        number += 1


async def main(folder: str, run: str) -> None:
    spool = Spool(Path(folder), "gateway-1", segment_bytes=200_000)
    await asyncio.gather(*(append_for_ever(spool, run, lane) for lane in range(16)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
