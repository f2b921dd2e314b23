"""``python -m guantong``: the same as the ``guantong`` command."""

from guantong.site.cli import main

raise SystemExit(main())
