"""A part of a node that says everything: ``python -m tests.journeys.loud web|work|gateway|log``."""

import logging
import sys

from guantong.site.cli import main

logging.basicConfig(level=logging.DEBUG)
logging.getLogger("guantong").debug("everything is said")

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
