"""Elements of an SVG picture as text. Every text that is given is escaped.

Colours are CSS variables with a fallback: a page sets them for light and dark (`charts.css`), a picture that
stands alone has the fallbacks. There is no script, no style element and no style attribute, so that the
pictures are drawn under any content security policy.
"""

from html import escape
from unicodedata import east_asian_width

from trellis_assets.domain.tasks import printable

FONT_PX = 12
_WIDTH_OF_CHARACTER = 0.56 * FONT_PX
_LONGEST_TEXT = 200
INK, FAINT, GRID, BACK = (
    "var(--chart-ink, #222222)",
    "var(--chart-faint, #555555)",
    "var(--chart-grid, #e2e4e8)",
    "var(--chart-back, #ffffff)",
)
# Okabe and Ito's palette, which people with any colour vision tell apart.
SERIES = (
    "var(--chart-1, #0072b2)",
    "var(--chart-2, #d55e00)",
    "var(--chart-3, #009e73)",
    "var(--chart-4, #b07aa1)",
    "var(--chart-5, #9c755f)",
    "var(--chart-6, #56b4e9)",
    "var(--chart-7, #e69f00)",
    "var(--chart-8, #767676)",
)
STATES = {
    "accepted": "var(--chart-accepted, #009e73)",
    "rejected": "var(--chart-rejected, #c8442b)",
    "handed_back": "var(--chart-handed-back, #e69f00)",
    "failed": "var(--chart-failed, #4d4d55)",
    "answer_unknown": "var(--chart-answer-unknown, #b4b9c1)",
}


def element(name: str, content: str = "", **attributes: float | str) -> str:
    """Return an element; `_` in the names of attributes stands for `-`.

    Args:
        name: of the element.
        content: SVG that is in it; escape texts first.
        attributes: of the element; they are escaped.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value), quote=True)}"'
        for key, value in attributes.items()
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def words(
    text: str, x: float, y: float, *, anchor: str = "start", fill: str = INK, bold: bool = False
) -> str:
    """Return a text whose baseline begins (or ends, or has its middle) at a point."""
    weight = {"font_weight": "600"} if bold else {}
    safe = escape(printable(text, _LONGEST_TEXT))
    # Text of a peer may run from right to left: it must not turn its neighbours around.
    return element(
        "text", safe or " ", x=x, y=y, text_anchor=anchor, fill=fill, unicode_bidi="isolate", **weight
    )


def told(text: str) -> str:
    """Return what a browser shows when a pointer rests on the element that this is put in."""
    return element("title", escape(printable(text, _LONGEST_TEXT)))


def width_of(text: str) -> float:
    """Return about how many pixels a text is wide, in the charts' size of letters."""
    wide = sum(east_asian_width(letter) in "WF" for letter in text)
    return (len(text) + wide) * _WIDTH_OF_CHARACTER


def fitted(text: str, width: float) -> str:
    """Return a text that is cut, with three dots, where it is wider than `width` pixels."""
    line = printable(text, _LONGEST_TEXT)
    while width_of(line) > width and len(line) > 1:
        line = line.removesuffix("…")[:-1].rstrip() + "…"
        if line == "…":
            break
    return line


def _plain(value: float | str) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
