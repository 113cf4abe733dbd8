"""Tests of the codec that lesson 04 writes, taken from the cells of its notebook."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from zarr.registry import register_codec

from tools.lessons import NOTEBOOKS, read_lesson

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LESSON = NOTEBOOKS / "04_compress_chunks.ipynb"
NAME = "notebooks.axis_delta"
PIPELINES = {
    "default": "zarr.core.codec_pipeline.BatchedCodecPipeline",
    "fused": "zarr.core.codec_pipeline.FusedCodecPipeline",
}


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """Write the file that the lesson writes, from the same cells."""
    cells = [cell.source for cell in read_lesson(LESSON).cells("code")]
    parts = [re.sub(r"^%%writefile.*\n", "", cell) for cell in cells if cell.startswith("%%writefile")]
    assert len(parts) == 3
    file = tmp_path / "axis_delta.py"
    file.write_text("\n".join(f"{part}\n" for part in parts), encoding="utf-8")
    return file


@pytest.fixture
def codec(module: Path) -> Iterator[Any]:
    """Import the codec and register it."""
    spec = importlib.util.spec_from_file_location("axis_delta", module)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules["axis_delta"] = loaded
    spec.loader.exec_module(loaded)
    register_codec(NAME, loaded.AxisDelta, qualname="axis_delta.AxisDelta")
    yield loaded.AxisDelta
    del sys.modules["axis_delta"]


@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64"])
def test_every_integer_comes_back(codec: Any, dtype: str, axis: int, pipeline: str) -> None:
    """Also those whose steps overflow, along any axis, in whole and partial chunks, in both of zarr's pipelines."""
    limits = np.iinfo(dtype)
    data = np.random.default_rng(7).integers(limits.min, limits.max, (17, 11, 5), dtype=dtype, endpoint=True)
    with zarr.config.set({"codec_pipeline.path": pipeline}):
        array = zarr.create_array({}, data=data, chunks=(8, 4, 5), filters=codec(axis=axis))
        array[3:9, 2, 1:] = 1
        data[3:9, 2, 1:] = 1
        np.testing.assert_array_equal(array[:], data)
        sharded = zarr.create_array({}, data=data, chunks=(4, 4, 5), shards=(8, 8, 5), filters=codec(axis=axis))
        np.testing.assert_array_equal(sharded[:], data)


def test_floats_are_refused(codec: Any) -> None:
    """Their steps would not add up; nothing is written."""
    contents: dict[str, Any] = {}
    with pytest.raises(ValueError, match="exact for integers only, not for float32"):
        zarr.create_array(contents, data=np.ones(3, "float32"), filters=codec(axis=0))
    assert not contents


def test_a_program_without_the_codec_is_told_its_name(codec: Any, module: Path) -> None:
    """Another process reads the values once an entry point names the codec, and an error with its name before."""
    data = np.arange(20, dtype="int32").reshape(4, 5)
    zarr.create_array(module.parent / "data.zarr", data=data, filters=codec(axis=1))
    program = "import zarr; print(zarr.open_array('data.zarr', mode='r')[:].sum())"
    command = [sys.executable, "-c", program]
    without = subprocess.run(command, cwd=module.parent, capture_output=True, text=True, check=False, timeout=60)
    assert without.returncode
    assert f"An implementation for codec '{NAME}' is not available" in without.stderr
    info = module.parent / "axis_delta-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: axis-delta\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[zarr.codecs]\n{NAME} = axis_delta:AxisDelta\n")
    found = subprocess.run(command, cwd=module.parent, capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == str(data.sum())
