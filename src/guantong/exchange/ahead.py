"""One thread ahead: read the next batch while this one is being worked on. Nothing is gathered beyond that."""

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

Thing = TypeVar("Thing")


class _End:
    def __init__(self, fault: BaseException | None = None) -> None:
        self.fault = fault


def ahead(things: Iterable[Thing], depth: int = 1) -> Generator[Thing]:
    """The same things, made by another thread, at most ``depth`` + 1 of them waiting.

    What goes wrong there is raised here. Closing this iterator ends the thread, and closes ``things`` in it.
    """
    waiting: queue.Queue[Thing | _End] = queue.Queue(depth)
    given_up = threading.Event()

    def work() -> None:
        fault: BaseException | None = None
        iterator = iter(things)
        try:
            for thing in iterator:
                if not _put(waiting, thing, given_up):
                    break
        except BaseException as raised:  # noqa: BLE001 - drivers panic; it is raised again in the other thread
            fault = raised
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
        _put(waiting, _End(fault), given_up)

    thread = threading.Thread(target=work, name="reading-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(thing := waiting.get(), _End):
            yield thing
        if thing.fault is not None:
            raise thing.fault
    finally:
        given_up.set()
        thread.join()


def _put(waiting: "queue.Queue[Thing | _End]", thing: "Thing | _End", given_up: threading.Event) -> bool:
    while not given_up.is_set():
        try:
            waiting.put(thing, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
