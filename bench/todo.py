"""How fast the to-do page and the navigation's count answer with 10,000 open requests."""

import os
import statistics
import time


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django.test import Client
    from django.test.utils import get_runner, setup_test_environment

    setup_test_environment()
    from django.conf import settings

    runner = get_runner(settings)(verbosity=0, interactive=False)
    old = runner.setup_databases()
    try:
        from tests.cast import assemble, publish_permits
        from tests.site.test_todos import crowded

        from guantong.site.todos import count_for

        cast = assemble()
        publish_permits(cast)
        crowded(cast, 10_000)
        client = Client()
        client.force_login(cast.jiang)
        for name, work in {
            "to-do page": lambda: client.get("/todo/"),
            "last page": lambda: client.get("/todo/?page=330"),
            "count in the navigation": lambda: count_for(cast.jiang),
        }.items():
            work()
            took = []
            for _ in range(20):
                began = time.perf_counter()
                work()
                took.append((time.perf_counter() - began) * 1000)
            print(f"{name}: median {statistics.median(took):.0f} ms, slowest of 20 {max(took):.0f} ms")
    finally:
        runner.teardown_databases(old)


if __name__ == "__main__":
    main()
