"""Errors of a mining session whose text says what to do."""


class MiningError(RuntimeError):
    """Mining cannot start, or cannot go on; the text says what to do."""


class ChildError(RuntimeError):
    """A child process did not start; the text names its log."""
