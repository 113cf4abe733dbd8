"""Is the program `python -m helpers.append`: checks archives, and follows providers."""

from __future__ import annotations

import argparse
import functools
import re
import signal
import sys
import threading
from typing import TYPE_CHECKING

import numpy as np

from helpers.append.append import verify
from helpers.append.follow import follow
from helpers.data import Feed

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "rain_time"]


_RAIN = re.compile(r"3B42RT\.(\d{4})(\d\d)(\d\d)(\d\d)\.\w+\.bin\.gz")


def main(arguments: Sequence[str]) -> int:
    """Run a command: ``verify URL``, or ``follow --feed URL --to URL``.

    Parameters
    ----------
    arguments : sequence of str
        What follows the name of the program.

    Returns
    -------
    int
        0 if all went well; 1 if an archive is not sound; 2 if the work could not be done, which one sentence on
        standard error explains.
    """
    options = _parser().parse_args(arguments)
    try:
        return _verify(options) if options.command == "verify" else _follow(options)
    except (OSError, TypeError, ValueError) as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 2


def rain_time(name: str) -> np.datetime64 | None:
    """Return the step that a file of 3B42RT is named for; None for other files.

    Parameters
    ----------
    name : str
        The name, without folders.

    Returns
    -------
    np.datetime64 or None
        The step.

    Examples
    --------
    >>> rain_time("3B42RT.2015031115.7.bin.gz")
    np.datetime64('2015-03-11T15','h')
    """
    match = _RAIN.fullmatch(name)
    if not match:
        return None
    try:
        return np.datetime64("{}-{}-{}T{}".format(*match.groups()))
    except ValueError:
        return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m helpers.append", description="Archives that grow.")
    commands = parser.add_subparsers(dest="command", required=True)
    verify_ = commands.add_parser("verify", help="check that every chunk is there and can be read")
    verify_.add_argument("url", help="a folder, or a URL such as s3://bucket/prefix")
    follow_ = commands.add_parser("follow", help="append what a provider of 3B42RT has, and will have")
    follow_.add_argument("--feed", required=True, help="the provider's address")
    follow_.add_argument("--to", required=True, help="the archive: a folder, or a URL such as s3://bucket/prefix")
    follow_.add_argument("--downloads", default="downloads", help="folder for the files (%(default)s)")
    follow_.add_argument("--fields", nargs="+", default=["precipitation"], help="what to keep (%(default)s)")
    follow_.add_argument("--batch", type=int, default=8, help="steps to append at once, at most (%(default)s)")
    follow_.add_argument("--every", type=float, default=60, help="seconds until the next look (%(default)s)")
    follow_.add_argument("--once", action="store_true", help="stop when all that the provider has is appended")
    return parser


def _verify(options: argparse.Namespace) -> int:
    report = verify(options.url)
    print(report)
    return 0 if report.sound else 1


def _follow(options: argparse.Namespace) -> int:
    from helpers.rain import decode

    stop = threading.Event()
    old = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        batches = follow(
            Feed(options.feed, options.downloads),
            options.to,
            decode=functools.partial(decode, fields=options.fields),
            time_of=rain_time,
            batch=options.batch,
            every_s=None if options.once else options.every,
            stop=stop,
            step="3h",
            chunks={"time": options.batch},
        )
        for batch in batches:
            print(batch, flush=True)
    finally:
        for number, before in old.items():
            signal.signal(number, before)
    print("stopped" if stop.is_set() else "done", flush=True)
    return 0
