"""From any style of code to the one form that the engine checks: a module a style, each with ``subject(...)``."""
