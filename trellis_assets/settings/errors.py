"""What goes wrong with settings."""


class SettingsError(ValueError):
    """A setting cannot be used; the text names the variable, what is wrong and what to set."""
