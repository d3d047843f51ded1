"""What `trellis-assets inspect` says of files."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from trellis_assets.adapters.inspection import InspectionError, inspect
from trellis_assets.adapters.splat_io.ply import write_ply
from trellis_assets.adapters.splat_io.spz import encode_spz
from trellis_assets.cli import app
from trellis_assets.testing.splats import a_ball, a_cloud


def test_a_sound_model_has_its_figures_and_a_picture(tmp_path: Path) -> None:
    (tmp_path / "ball.spz").write_bytes(encode_spz(a_ball()))
    found, picture = inspect(tmp_path / "ball.spz")
    assert (found.format, found.splats, found.sh_degree) == ("SPZ in a zstd frame", 8000, 0)
    assert found.extent == pytest.approx(1, abs=0.001)
    assert (found.failed_checks, found.malformed) == ((), 0)
    assert found.score > 0.5
    assert picture is not None
    assert Image.open(io.BytesIO(picture)).size == (512, 512)


def test_a_model_that_validators_refuse_scores_nothing_and_says_why(tmp_path: Path) -> None:
    cloud = a_cloud(100, degree=3)
    cloud.positions[0] = np.nan
    (tmp_path / "few.ply").write_bytes(write_ply(cloud))
    found, _ = inspect(tmp_path / "few.ply")
    assert (found.format, found.sh_degree, found.malformed, found.score) == ("PLY", 3, 1, 0)
    assert "at least 7000" in found.failed_checks[0]


def test_a_model_without_a_single_sound_splat_has_no_picture(tmp_path: Path) -> None:
    ball = a_ball()
    (tmp_path / "nan.ply").write_bytes(write_ply(replace(ball, positions=ball.positions * np.nan)))
    found, picture = inspect(tmp_path / "nan.ply")
    assert (found.malformed, found.bounds, picture) == (8000, None, None)


@pytest.mark.parametrize("content", [b"", b"hello", b"ply\nformat ascii 1.0\nelement vertex 9\nend_header\n"])
def test_what_is_no_model_is_refused_with_its_path(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.ply"
    path.write_bytes(content)
    with pytest.raises(InspectionError, match=r"file\.ply is no model"):
        inspect(path)


def test_the_command_prints_json_and_writes_the_picture(tmp_path: Path) -> None:
    path, picture = tmp_path / "ball.spz", tmp_path / "ball.png"
    path.write_bytes(encode_spz(a_ball()))
    done = CliRunner().invoke(app, ["inspect", str(path), "--json", "--preview", str(picture)])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["splats"] == 8000
    assert Image.open(picture).format == "PNG"


def test_the_command_says_what_is_wrong_without_a_traceback(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["inspect", str(tmp_path / "nothing.spz")])
    assert done.exit_code == 2
    assert "cannot be read: No such file" in done.stderr


def test_a_real_model_passes_the_checks(samples: Path) -> None:
    found, _ = inspect(samples / "robocop.spz")
    assert (found.splats, found.failed_checks) == (267_776, ())
