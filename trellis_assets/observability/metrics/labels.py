"""Short labels for keys and addresses: without secrets, and never the same for two."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import count

_LONGEST = 100
_HEAD = 8
_PASSWORD = re.compile(r"//[^/\s]*@")


def short_hotkeys(hotkeys: Iterable[str]) -> Mapping[str, str]:
    """Return a label for each hotkey: its first eight characters.

    Characters of a key can be chosen by who makes it. Keys that begin alike are therefore whole.

    Examples:
        >>> short_hotkeys(["5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty", ""])
        {'': '', '5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty': '5FHneW46'}
    """
    known = sorted(set(hotkeys))
    used = Counter(hotkey[:_HEAD] for hotkey in known)
    return {hotkey: hotkey[:_HEAD] if used[hotkey[:_HEAD]] == 1 else hotkey for hotkey in known}


def addresses(names: Iterable[str]) -> Mapping[str, str]:
    """Return a label for each address: without user name and password, numbered where two are alike then.

    Examples:
        >>> list(addresses(["http://me:secret@gpu:8093", "http://you:other@gpu:8093"]).values())
        ['http://gpu:8093', 'http://gpu:8093#2']
    """
    labels: dict[str, str] = {}
    for name in sorted(set(names)):
        shown = _PASSWORD.sub("//", name)[:_LONGEST]
        numbered = (shown if number == 1 else f"{shown}#{number}" for number in count(1))
        labels[name] = next(label for label in numbered if label not in labels.values())
    return labels
