"""The settings of a node's pages and worker, with everything said that any library ever says."""

from guantong.site.settings import *  # noqa: F403 - the same settings

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "DEBUG"},
}
