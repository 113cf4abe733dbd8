"""Reads arrays of an archive with zarrita, a Zarr for JavaScript, under Node."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.readers import Answer, first_words

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ZARRITA_MISSING", "node_program", "read_with_zarrita"]

JAVASCRIPT = Path(__file__).parent.parent / "javascript"
ZARRITA_MISSING = (
    "No zarrita was found: the JavaScript column needs it, nothing else does. Install Node.js 20 or later "
    "(https://nodejs.org), then run `make javascript`."
)
PATIENCE_S = 60


def node_program() -> Path | None:
    """Return the Node that can run zarrita, None if there is none or zarrita is not installed.

    Examples
    --------
    >>> program = node_program()
    >>> program is None or program.stem == "node"
    True
    """
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
        command, capture_output=True, encoding="utf-8", timeout=PATIENCE_S, env=environment, check=False
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if len(lines) != len(paths):
        msg = f"zarrita answered for {len(lines)} of {len(paths)} paths, then Node ended: {first_words(done.stderr)}"
        raise RuntimeError(msg)
    return {line["path"]: _answer(line) for line in lines}


def _answer(line: dict[str, Any]) -> Answer:
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
