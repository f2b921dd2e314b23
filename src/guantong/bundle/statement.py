"""The root of everything that a bundle says."""

import msgspec


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What all parts of a bundle have in common: immutable, and exactly as declared.

    A reader refuses a field that it does not know, because it may be a restriction. What is as usual is not written, so
    that readers from before a field was there read every bundle that makes no use of it. Hence a field that is added has a
    default, which means what was so before it, and no default ever changes.
    """
