"""The root of everything that a bundle says."""

import msgspec


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all parts of a bundle have in common: immutable, and exactly as declared."""
