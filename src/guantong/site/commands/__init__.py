"""One module a command of ``guantong``."""
