"""Random bytes of the operating system, fetched a page at a time: a call needs three, and each fetch is a system call."""

import os

_PAGE = 4096


class _Drawer:
    """Hands out every byte once. For one thread, as the event loop is."""

    def __init__(self) -> None:
        self._page = b""
        self._at = _PAGE

    def drawn(self, count: int) -> bytes:
        """``count`` fresh bytes, at most a page."""
        if self._at + count > len(self._page):
            self._page, self._at = os.urandom(_PAGE), 0
        self._at += count
        return self._page[self._at - count : self._at]


drawn = _Drawer().drawn
