"""Measurements. Each prints what it measured on which machine, beside a baseline taken in the same run."""
