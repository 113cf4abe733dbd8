"""Says which outputs a stored notebook may hold, and brings any output into that form.

The same functions write the outputs (`tools.render`) and prepare both sides of the comparison
(`tools.strict_nbval`), so that a stored notebook is the same on every machine and compared whole.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nbformat import NotebookNode

# Plain text and pictures: what GitHub, JupyterLab and a static site all show without JavaScript.
KEPT_MIME_TYPES = ("text/plain", "image/png")

IGNORE_OUTPUT = "nbval-ignore-output"
# A cell that talks to Azurite. Where there is none, its output is one sentence that says so.
NEEDS_AZURITE = "needs-azurite"
SOURCES_KEY = "sources_sha256"

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PROGRESS = re.compile(r"\d+%\|.*\||\d+(it|files|chunks)? ?\[\d+:\d\d|\[[#\s]*\] \| \d+%")
_REPLACEMENTS = (
    (re.compile(r"memory://\d+"), "memory://ID"),
    (re.compile(r"\b0x[0-9a-fA-F]{6,}\b"), "0xADDRESS"),
    # tempfile's folders on Linux, macOS and Windows
    (re.compile(r"(?:/private)?/(?:tmp|var/folders/[\w+]+/[\w+]+/T)/tmp\w{8}"), "/TEMPORARY"),
    (re.compile(r"[A-Za-z]:[\\/][^\s'\"]*?[\\/]Temp[\\/]tmp\w{8}"), "/TEMPORARY"),
    (re.compile(r"/(?:tmp)/ipykernel_\d+/\d+\.py"), "CELL"),
)


def canonical_text(text: str) -> str:
    """Replace what differs from run to run (addresses, ids, temporary folders) and strip colours."""
    text = _ANSI.sub("", text)
    for pattern, replacement in _REPLACEMENTS:
        text = pattern.sub(replacement, text)
    return text


def canonical_outputs(outputs: Iterable[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return `outputs` as a stored notebook holds them.

    Streams of one name that follow each other become one, progress bars go, only `KEPT_MIME_TYPES` stay
    of a display, and an error keeps its name and message as its traceback (the rest names files of the
    machine). What is in this form already comes back unchanged.
    """
    kept: list[dict[str, object]] = []
    for output in outputs:
        form = _FORMS[str(output["output_type"])](output)
        if form is None:
            continue
        if form["output_type"] == "stream" and kept and kept[-1].get("name") == form["name"]:
            kept[-1]["text"] = f"{kept[-1]['text']}{form['text']}"
        else:
            kept.append(form)
    return kept


def sources_digest(notebook: NotebookNode) -> str:
    """Return a digest of all code of a notebook: outputs with another digest were made from other code."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()


def stored_faults(notebook: NotebookNode) -> list[str]:
    """Return what is wrong with the stored state of a notebook, one sentence each; none when it is rendered.

    nbval does not compare a cell without an execution count at all, so a stripped notebook would pass.
    """
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in code]
    faults = []
    if counts != list(range(1, len(code) + 1)):
        faults.append(f"its execution counts are {counts}, not 1 to {len(code)}")
    if notebook.metadata.get("zarr_notebooks", {}).get(SOURCES_KEY) != sources_digest(notebook):
        faults.append("its outputs were not made from the code that stands in it")
    for position, cell in enumerate(code, start=1):
        if list(cell.outputs) != canonical_outputs(cell.outputs):
            faults.append(f"the output of its code cell {position} is not canonical")
    return faults


def _stream(output: Mapping[str, object]) -> dict[str, object] | None:
    text = str(output["text"])
    if output["name"] == "stderr":
        lines = [line for line in re.split(r"[\r\n]+", text) if line.strip() and not _PROGRESS.search(line)]
        text = "".join(f"{line}\n" for line in lines)
    if not text:
        return None
    return {"output_type": "stream", "name": output["name"], "text": canonical_text(text)}


def _display(output: Mapping[str, object]) -> dict[str, object] | None:
    data = output["data"]
    assert isinstance(data, dict)
    kept = {mime: data[mime] for mime in KEPT_MIME_TYPES if mime in data}
    if not kept:
        return None
    if "text/plain" in kept:
        kept["text/plain"] = canonical_text(str(kept["text/plain"]))
    form = {"output_type": output["output_type"], "data": kept, "metadata": {}}
    if output["output_type"] == "execute_result":
        form["execution_count"] = output.get("execution_count")
    return form


def _error(output: Mapping[str, object]) -> dict[str, object]:
    message = canonical_text(str(output["evalue"]))
    return {
        "output_type": "error",
        "ename": output["ename"],
        "evalue": message,
        "traceback": [f"{output['ename']}: {message}"],
    }


_FORMS = {"stream": _stream, "display_data": _display, "execute_result": _display, "error": _error}
