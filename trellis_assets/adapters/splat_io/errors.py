class SplatFormatError(ValueError):
    """Bytes are not a model in the expected format, or a model cannot be stored in it."""
