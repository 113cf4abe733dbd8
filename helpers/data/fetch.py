"""Downloads files that are not ours to keep, once, and checks their hash.

Is how pooch is used here: imported without a warning in notebooks, silent, and with a download that closes.

Fetches files that are too large or not ours to keep here: whole, once, and only if they are what they should be.
"""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from tqdm import TqdmWarning

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

__all__ = ["REGISTRY", "TIMEOUT_S", "cache_folder", "download", "fetch", "quiet_pooch", "read_registry"]


TIMEOUT_S = 30


def quiet_pooch() -> ModuleType:
    """Import pooch and silence its log.

    Returns
    -------
    module
        Pooch. It is imported when it is called for, since in a notebook without ipywidgets that import warns.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)
        import pooch  # type: ignore[import-untyped]
    pooch.get_logger().setLevel(logging.WARNING)
    module: ModuleType = pooch
    return module


def download(url: str, output_file: str | Path, _: object) -> None:
    """Write what a URL holds into a file: a downloader for pooch, which unlike its own closes what it opened.

    Parameters
    ----------
    url : str
        What to fetch.
    output_file : str or Path
        The file.
    _ : object
        Pooch itself, which is not needed.

    Raises
    ------
    requests.RequestException
        If nothing answers within 30 s, the answer is an error, or it ends early.
    """
    with requests.get(url, stream=True, timeout=TIMEOUT_S) as answer, Path(output_file).open("wb") as file:
        answer.raise_for_status()
        for part in answer.iter_content(2**16):
            file.write(part)


REGISTRY = Path(__file__).resolve().parent.parent / "data" / "registry.txt"
FOLDER_VARIABLE = "ZARR_NOTEBOOKS_DATA"


def cache_folder() -> Path:
    """Return the folder in which fetched files are kept.

    Returns
    -------
    pathlib.Path
        What the environment variable ``ZARR_NOTEBOOKS_DATA`` says; without it, a folder of this user for caches. It
        need not exist.

    Examples
    --------
    >>> cache_folder().is_absolute()
    True
    """
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser().resolve() if named else Path(quiet_pooch().os_cache("zarr-notebooks"))


def read_registry(path: str | Path = REGISTRY) -> dict[str, tuple[str, str]]:
    """Read which files can be fetched.

    Parameters
    ----------
    path : str or Path
        A registry as pooch reads it: lines of name, hash and address; lines that begin with ``#`` are remarks.

    Returns
    -------
    dict of str to (str, str)
        For each name the hash, as in ``"md5:…"``, and the address.

    Raises
    ------
    ValueError
        If a line is something else.

    Examples
    --------
    >>> read_registry()["air_temperature.nc"][0]
    'md5:de5b9d45db48cf6b7034de1a4a6d6c98'
    """
    lines = [line.split() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if line and not line[0].startswith("#")]
    if any(len(line) != 3 for line in lines):
        msg = f"{path} has a line that is not a name, a hash and an address, with blanks in between. Mend it."
        raise ValueError(msg)
    return {name: (known, url) for name, known, url in lines}


def fetch(
    name: str, *, folder: str | Path | None = None, registry: Mapping[str, tuple[str, str]] | None = None
) -> Path:
    """Return where a file lies, after fetching it if it is not there.

    A file that was fetched before is used without a network. Whenever it is asked for, its hash is computed anew.

    Parameters
    ----------
    name : str
        Its name in the registry.
    folder : str or Path, optional
        Where fetched files are kept; by default `cache_folder()`.
    registry : mapping of str to (str, str), optional
        Hash and address for each name, as `read_registry` returns them; by default those of ``data/registry.txt``.

    Returns
    -------
    pathlib.Path
        The file, with the hash that the registry gives.

    Raises
    ------
    ConnectionError
        If the file is not there and cannot be fetched.
    KeyError
        If the registry does not know the name.
    ValueError
        If what is there, or what came, is another file: its hash is wrong. What came is thrown away; what was there
        is left alone.

    Notes
    -----
    Downloads are pooch's: into a file of another name, which gets its own when its hash is right.
    """
    known = read_registry() if registry is None else registry
    if name not in known:
        msg = f"no file {name!r} is in the registry. There are {', '.join(sorted(known)) or 'none'}."
        raise KeyError(msg)
    wanted, url = known[name]
    path = Path(folder or cache_folder()) / name
    if path.exists():
        _require_hash(path, wanted)
        return path
    try:
        quiet_pooch().retrieve(url, wanted, fname=name, path=path.parent, downloader=download)
    except OSError as error:
        msg = (
            f"{name} is not in {path.parent} and could not be fetched from {url} ({type(error).__name__}): "
            f"try again with a network, or put the file there."
        )
        raise ConnectionError(msg) from error
    except ValueError as error:
        msg = f"what {url} holds is not the {name} of the registry: its hash is not {wanted}. Nothing was kept."
        raise ValueError(msg) from error
    return path


def _require_hash(path: Path, wanted: str) -> None:
    algorithm, _, digest = wanted.rpartition(":")
    algorithm = algorithm or "sha256"
    found = quiet_pooch().file_hash(str(path), alg=algorithm)
    if found.lower() != digest.lower():
        msg = (
            f"{path} is not the file of the registry: its hash is {algorithm}:{found}, not {algorithm}:{digest}. "
            f"Delete it, and it is fetched again."
        )
        raise ValueError(msg)
