"""Files of the kinds that people meet, as the samples hold them: read, or refused with what to do."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trellis_assets.adapters.inspection import as_text, inspect
from trellis_assets.adapters.splat_io.errors import SplatFormatError
from trellis_assets.adapters.splat_io.ply import read_ply, write_ply
from trellis_assets.adapters.splat_io.sniff import decode_splats
from trellis_assets.adapters.splat_io.spz import decode_spz, encode_spz
from trellis_assets.domain.splats.preparation import prepare_for_submission
from trellis_assets.testing.splats import a_ball, with_first


@pytest.mark.parametrize("name", ["a02c_comment_endheader", "a03d_cr_only", "a04d_endheader_ws"])
def test_unusual_headers_that_the_format_allows_are_read(samples: Path, name: str) -> None:
    found = decode_splats((samples / "cases" / f"{name}.ply").read_bytes())
    assert len(found) == 16
    np.testing.assert_allclose(found.positions[0], [0.01182162, 0.45046368, -0.35584038], rtol=1e-6)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_a_header_ends_at_the_line_that_is_end_header(ending: bytes) -> None:
    plain = write_ply(a_ball(20))
    head, body = plain.split(b"end_header\n", 1)
    lines = head.replace(b"\n", ending)
    odd = lines + b"comment not the end_header yet" + ending + b"end_header  " + ending + body
    np.testing.assert_array_equal(read_ply(odd).positions, a_ball(20).positions)


def test_a_packed_ply_is_refused_by_its_name(samples: Path) -> None:
    with pytest.raises(SplatFormatError, match="PlayCanvas's compressed format"):
        decode_splats((samples / "cases" / "a15_pc_compressed.ply").read_bytes())


def test_flat_splats_of_a_sample_stay_in_the_submission(samples: Path) -> None:
    flat = decode_splats((samples / "cases" / "a12b_flat_neginf.ply").read_bytes())
    assert np.isneginf(flat.log_scales).any()
    submitted = decode_spz(encode_spz(prepare_for_submission(flat).splats))
    assert len(submitted) == 7200
    assert submitted.log_scales.min() == -10


def test_a_flat_model_keeps_all_its_splats_and_is_drawn_like_a_thin_one(tmp_path: Path) -> None:
    flat = a_ball(8000)
    flat.log_scales[:, 2] = -np.inf
    thin = replace(flat, log_scales=np.maximum(flat.log_scales, -10))
    for name, model in (("flat", flat), ("thin", thin)):
        (tmp_path / f"{name}.ply").write_bytes(write_ply(model))
    (found, picture), (expected, expected_picture) = (
        inspect(tmp_path / f"{name}.ply") for name in ("flat", "thin")
    )
    assert found.malformed == 0
    assert found.failed_checks == ()
    assert found.score == pytest.approx(expected.score, abs=0.01)
    assert picture is not None
    assert expected_picture is not None
    assert abs(len(picture) - len(expected_picture)) < 0.1 * len(expected_picture)


def test_inspect_says_what_becomes_of_splats_that_cannot_be_drawn(tmp_path: Path) -> None:
    (tmp_path / "one.ply").write_bytes(write_ply(with_first(a_ball(7000), positions=[np.nan, 0, 0])))
    found, _ = inspect(tmp_path / "one.ply")
    assert found.failed_checks == ("the model has 6999 splats, at least 7000 are needed",)
    assert "dropped before a submission" in as_text(found)
    (tmp_path / "two.ply").write_bytes(write_ply(with_first(a_ball(7001), positions=[np.nan, 0, 0])))
    assert "all data checks pass, once those are dropped" in as_text(inspect(tmp_path / "two.ply")[0])
