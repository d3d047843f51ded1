"""Strangers' texts as people may safely see them."""


def one_line(text: str, *, longest: int) -> str:
    """Without line breaks, marks that turn the direction of writing, or anything beyond `longest`."""
    visible = "".join(c if c.isprintable() else " " for c in text)
    return visible if len(visible) <= longest else visible[: longest - 1] + "…"
