"""Texts of messages: they quote untrusted peers, and must not mention users or show pictures."""

# Discord's bound is 2,000; others allow more.
LONGEST = 1_700
_NO_BREAK = "\u200b"
_HARMLESS = {"@": f"@{_NO_BREAK}", "](": f"]{_NO_BREAK}(", "<": "\u2039", ">": "\u203a", "`": "'"}


def shortened(text: str) -> str:
    """Return the text, or its beginning where it is too long."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def plain(text: str) -> str:
    """Return the text without what chats take for mentions, links with a name, pictures, tags or code."""
    text = shortened(text)
    for mark, harmless in _HARMLESS.items():
        text = text.replace(mark, harmless)
    return text
