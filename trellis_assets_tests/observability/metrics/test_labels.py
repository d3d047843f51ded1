"""Labels of keys and addresses."""

from hypothesis import given
from hypothesis import strategies as st

from trellis_assets.observability.metrics.labels import addresses, short_hotkeys

KEYS = st.lists(st.text("5FHab", max_size=48), max_size=20)


@given(KEYS)
def test_no_two_hotkeys_have_one_label(hotkeys: list[str]) -> None:
    labels = short_hotkeys(hotkeys)
    assert len(set(labels.values())) == len(set(hotkeys))


def test_a_hotkey_that_was_made_to_look_like_another_is_shown_whole() -> None:
    ours, theirs, other = "5FHneW46" + "x" * 40, "5FHneW46" + "y" * 40, "5Grwva" + "z" * 42
    assert short_hotkeys([ours, theirs, other]) == {ours: ours, theirs: theirs, other: "5Grwvazz"}


@given(st.lists(st.text("a:@/#2", max_size=12).map(lambda rest: f"http://{rest}"), max_size=10))
def test_no_two_addresses_have_one_label(names: list[str]) -> None:
    assert len(set(addresses(names).values())) == len(set(names))
