"""The implementations of Zarr that read an archive: four that Python can call, and zarrita, for JavaScript."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import textwrap
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy.typing as npt

    type Read = Callable[[Path], Answer]

__all__ = ["READERS", "ZARRITA_MISSING", "Answer", "read_all", "read_with_zarrita"]


@dataclass(frozen=True)
class Answer:
    """Hold what a reader said of one array or group.

    Attributes
    ----------
    values : numpy.ndarray or None
        The values; None for a group, or if it refused.
    attributes : mapping or None
        The attributes; None if it does not tell them.
    dimension_names : sequence of str or None, or None
        The names of the dimensions; None if it does not tell them.
    refusal : str
        Why it refused, in its own first words; empty if it did not.
    """

    values: npt.NDArray[np.generic] | None = None
    attributes: Mapping[str, object] | None = None
    dimension_names: Sequence[str | None] | None = None
    refusal: str = ""


def read_all(read: Read, root: Path, paths: Iterable[str]) -> dict[str, Answer]:
    """Let one reader read each path of an archive, and note what it refuses.

    Parameters
    ----------
    read : callable
        One of `READERS`.
    root : pathlib.Path
        The folder of the archive.
    paths : iterable of str
        Arrays and groups below it.

    Returns
    -------
    dict of str to Answer
        What it said, for each path.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = pathlib.Path(folder)
    ...     _ = zarr.create_array(root / "steps", data=np.arange(3))
    ...     answers = read_all(READERS["TensorStore"], root, ["steps", "gone"])
    >>> answers["steps"].values
    array([0, 1, 2])
    >>> answers["gone"].refusal
    'NOT_FOUND: Error opening "zarr3" driver: Metadata at local file ... does not exist'
    """
    answers = {}
    for path in paths:
        try:
            answers[path] = read(root / path)
        except Exception as error:  # readers raise what they like
            answers[path] = Answer(refusal=first_words(str(error) or type(error).__name__))
    return answers


def first_words(message: str) -> str:
    """Return the first line of an error, from where it no longer speaks of places on this machine."""
    line = (message.strip() or "no words").splitlines()[0].split(" [")[0]
    line = re.sub(r'^.*(?:"|:)/[^"]*?"?: ', "", line)
    return textwrap.shorten(re.sub(r'"?/[^"\s]*/[^"]*"?', "...", line), 110, placeholder=" ...")


def _read_zarr(path: Path) -> Answer:
    node = zarr.open(path, mode="r")
    if isinstance(node, zarr.Group):
        return Answer(None, node.attrs.asdict())
    return Answer(np.asarray(node[...]), node.attrs.asdict(), getattr(node.metadata, "dimension_names", None))


def _read_zarrs(path: Path) -> Answer:
    # Strict: what zarrs cannot decode is an error, not handed back to Zarr-Python.
    with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline", "codec_pipeline.strict": True}):
        return _read_zarr(path)


def _read_tensorstore(path: Path) -> Answer:
    import tensorstore

    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": path.as_posix()}}
    array = tensorstore.open(spec, read=True).result()
    metadata = array.spec().to_json()["metadata"]
    names = [label or None for label in array.domain.labels]
    return Answer(np.asarray(array.read().result()), metadata.get("attributes", {}), names)


def _read_gdal(path: Path) -> Answer:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(f'ZARR:"{path.as_posix()}"') as raster:
            bands = raster.read()
            return Answer(bands[0] if len(bands) == 1 else bands, raster.tags() or None)


#: For each implementation a function that reads what is at a path. GDAL is asked through rasterio, which sees rasters.
READERS: dict[str, Read] = {
    "zarr-python": _read_zarr,
    "zarrs": _read_zarrs,
    "TensorStore": _read_tensorstore,
    "GDAL": _read_gdal,
}


JAVASCRIPT = Path(__file__).parents[2] / "javascript"
ZARRITA_MISSING = (
    "No zarrita was found: the JavaScript column needs it, nothing else does. Install Node.js 20 or later "
    "(https://nodejs.org), then run `make javascript`."
)
TIMEOUT_S = 60


def node_program() -> Path | None:
    """Return the Node that can run zarrita, None if there is none or zarrita is not installed."""
    node = shutil.which("node")
    return Path(node) if node and (JAVASCRIPT / "node_modules" / "zarrita").is_dir() else None


def read_with_zarrita(root: Path, paths: Iterable[str]) -> dict[str, Answer]:
    """Let zarrita read each path of an archive, and note what it refuses.

    Parameters
    ----------
    root : pathlib.Path
        The folder of the archive.
    paths : iterable of str
        Arrays and groups below it.

    Returns
    -------
    dict of str to Answer
        What it said, for each path; empty on a machine without Node or zarrita.

    Raises
    ------
    RuntimeError
        When Node ends before it has answered.

    Notes
    -----
    Values travel as the very bytes that zarrita holds in memory, not as numbers in JSON, which has no NaN, no infinity
    and no whole numbers beyond 2**53.

    Examples
    --------
    >>> read_with_zarrita(Path("nowhere"), [])
    {}
    """
    node, paths = node_program(), list(paths)
    if node is None or not paths:
        return {}
    command = [str(node), str(JAVASCRIPT / "read_zarr.mjs"), str(root), *paths]
    environment = {**os.environ, "NODE_NO_WARNINGS": "1"}
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=TIMEOUT_S, env=environment, check=False
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if len(lines) != len(paths):
        msg = f"zarrita answered for {len(lines)} of {len(paths)} paths, then Node ended: {first_words(done.stderr)}"
        raise RuntimeError(msg)
    return {line["path"]: _answer_of_line(line) for line in lines}


def _answer_of_line(line: dict[str, Any]) -> Answer:
    if "error" in line:
        return Answer(refusal=first_words(line["error"]))
    attributes, names = line["attributes"], line.get("names")
    if "strings" in line:
        return Answer(np.array(line["strings"], "T").reshape(line["shape"]), attributes, names)
    if "base64" not in line:
        return Answer(None, attributes)
    dtype = np.dtype(line["dtype"])
    strides = [step * dtype.itemsize for step in line["stride"]]
    values = np.ndarray(line["shape"], dtype, base64.b64decode(line["base64"]), strides=strides)
    return Answer(values.copy(order="C"), attributes, names)
