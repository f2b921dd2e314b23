"""Guantong (贯通): governments share data lawfully, quickly and provably."""

__version__ = "0.1.0"
