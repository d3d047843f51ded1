"""Which attention library TRELLIS is told to use."""

from collections.abc import Callable

import pytest

from trellis_assets.adapters.generation.trellis.attention import choose_attention


def importing(*installed: str) -> Callable[[str], object]:
    def import_module(name: str) -> object:
        if name not in installed:
            raise ImportError(f"{name}: undefined symbol: made for another torch")
        return name

    return import_module


@pytest.mark.parametrize(
    ("environment", "installed", "expected"),
    [
        ({}, ("flash_attn", "xformers"), {"ATTN_BACKEND": "flash_attn"}),
        ({}, ("xformers",), {"ATTN_BACKEND": "xformers"}),
        ({}, (), {}),
        # TRELLIS's sparse attention has no sdpa: it would go on with flash_attn, which is not there.
        (
            {"ATTN_BACKEND": "sdpa"},
            ("xformers",),
            {"ATTN_BACKEND": "sdpa", "SPARSE_ATTN_BACKEND": "xformers"},
        ),
        ({"ATTN_BACKEND": "xformers"}, ("flash_attn",), {"ATTN_BACKEND": "xformers"}),
    ],
)
def test_the_first_library_that_can_be_imported_is_chosen_and_the_operators_choice_stays(
    environment: dict[str, str], installed: tuple[str, ...], expected: dict[str, str]
) -> None:
    choose_attention(environment, importing(*installed))
    assert environment == expected
