"""``python -m bench [name…]``: run the named measurements, or all of them."""

import sys

from bench import catalog, exchange, gateway, log, record, spine, todo

MEASUREMENTS = {
    "spine": spine.main,
    "gateway": gateway.main,
    "log": log.main,
    "exchange": exchange.main,
    "catalog": catalog.main,
    "search": catalog.search_only,
    "cascade": catalog.cascade_only,
    "todo": todo.main,
    "record": record.main,
}
# What a larger measurement has in it already.
PARTS = {"search", "cascade"}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there is {', '.join(MEASUREMENTS)}", file=sys.stderr)
        return 2
    for name in names or [name for name in MEASUREMENTS if name not in PARTS]:
        MEASUREMENTS[name]()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
