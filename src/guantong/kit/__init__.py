"""词汇: national codes, clock, errors, canonical JSON, crypto suites. No Django, no input or output."""
