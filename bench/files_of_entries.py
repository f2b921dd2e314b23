"""How long a file of entries takes to come in, and again unchanged: python -m bench.files_of_entries [ENTRIES]."""

import os
import sys
import time

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"


def main(count: int) -> None:
    """Write that many entries of the tests' town to a workbook, and import it twice."""
    django.setup()
    from django.test.runner import DiscoverRunner
    from tests.cast import NOON, assemble, content

    from guantong.catalog import actions
    from guantong.catalog.sheets import writing
    from guantong.journal.types import SYSTEM

    runner = DiscoverRunner(verbosity=0, interactive=False)
    databases = runner.setup_databases()
    cast = assemble()
    codes = [f"3070511600001/{number:06d}" for number in range(1, count + 1)]
    entries = [
        (actions.read_content(content(code=code, name=f"目录 {code}")), "广安市公安局", "") for code in codes
    ]
    data = writing.workbook(entries, [])
    print(f"{count} entries, {len(data):,} bytes")
    for turn in ("first", "again"):
        batch = actions.hand_in(
            data,
            name="entries.xlsx",
            organisation=cast.police,
            takes_good_ones=False,
            by=cast.as_actor(cast.luo),
            at=NOON,
        )
        started = time.process_time()
        actions.run_import(batch, by=SYSTEM, at=NOON)
        took = time.process_time() - started
        print(f"{turn}: {took:.1f} s of one core, {batch.drafted} drafted, {batch.unchanged} unchanged")
    runner.teardown_databases(databases)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
