"""Worked examples on real input."""
