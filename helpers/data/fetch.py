"""Downloads files that are not ours to keep here: whole, once, and only if they are what they should be."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from tqdm import TqdmWarning

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["REGISTRY", "TIMEOUT_S", "download", "fetch", "quiet_pooch"]

#: Name, hash and address of each file, as pooch reads it.
REGISTRY = Path(__file__).resolve().parents[2] / "data" / "registry.txt"
TIMEOUT_S = 30


def quiet_pooch() -> ModuleType:
    """Import pooch without the warning that this gives in a notebook without ipywidgets, and silence its log."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)
        import pooch  # type: ignore[import-untyped]
    pooch.get_logger().setLevel(logging.WARNING)
    module: ModuleType = pooch
    return module


def download(url: str, output_file: str | Path, _: object) -> None:
    """Write what a URL holds into a file: a downloader for pooch, which unlike its own closes what it opened.

    Raises
    ------
    requests.RequestException
        If nothing answers within 30 s, the answer is an error, or it ends early.
    """
    with requests.get(url, stream=True, timeout=TIMEOUT_S) as answer, Path(output_file).open("wb") as file:
        answer.raise_for_status()
        for part in answer.iter_content(2**16):
            file.write(part)


def fetch(name: str, *, folder: str | Path | None = None, registry: str | Path = REGISTRY) -> Path:
    """Return where a file lies, after fetching it if it is not there.

    A file that was fetched before is used without a network. Whenever it is asked for, its hash is computed anew.

    Parameters
    ----------
    name : str
        Its name in the registry.
    folder : str or Path, optional
        Where fetched files are kept; by default what the environment variable ``ZARR_NOTEBOOKS_DATA`` says, or else a
        folder of this user for caches.
    registry : str or Path
        A registry as pooch reads it: lines of name, hash and address.

    Returns
    -------
    pathlib.Path
        The file, with the hash that the registry gives.

    Raises
    ------
    ConnectionError
        If the file is not there, or another one is, and it cannot be fetched.
    ValueError
        If the registry does not know the name, or what came has another hash: it is thrown away.
    """
    pooch = quiet_pooch()
    cache = pooch.create(
        path=folder or pooch.os_cache("zarr-notebooks"), base_url="", env=None if folder else "ZARR_NOTEBOOKS_DATA"
    )
    cache.load_registry(registry)
    try:
        return Path(cache.fetch(name, downloader=download))
    except OSError as error:
        msg = (
            f"{name} of the registry is not in {cache.path} and could not be fetched from {cache.get_url(name)} "
            f"({type(error).__name__}): try again with a network, or put the file there."
        )
        raise ConnectionError(msg) from error
