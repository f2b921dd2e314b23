"""What a catalogue entry says whose resource is a folder of files (文件资源): one row is one piece of a file."""

from guantong.bundle.types import Item

# Name, Chinese name, type letter of the 2017 guide. A delivery needs all of them; the key is the first two.
_ITEMS = (
    ("file", "文件名", "C"),
    ("offset", "起始位置", "I"),
    ("size", "文件大小", "I"),
    ("digest", "文件摘要", "C"),
    ("modified", "修改时间", "T"),
    ("content", "文件内容", "G"),
)
NAMES = tuple(name for name, _, _ in _ITEMS)


def file_items(level: int = 2) -> dict[str, Item]:
    """The items of a file resource by name, all of one ``level``; its binding maps each to itself."""
    return {name: Item(name=name, label=label, type=letter, level=level) for name, label, letter in _ITEMS}
