"""What a visitor's words become."""

import pytest

from trellis_assets.domain.model_filter import FilterError, ModelFilter, filter_from


def test_empty_values_do_not_narrow() -> None:
    assert filter_from({"text": "  ", "score": ""}) == ModelFilter()


@pytest.mark.parametrize("name", ["text", "validator"])
def test_text_that_no_database_holds_is_no_filter(name: str) -> None:
    with pytest.raises(FilterError, match=f"{name}: no text has a NUL"):
        filter_from({name: "a\0b"})
