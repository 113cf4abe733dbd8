"""Is the program ``python -m helpers.append``: it checks and watches archives, and follows providers."""

from __future__ import annotations

import argparse
import functools
import json
import signal
import sys
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING

from helpers.append.follow import follow, rain_time
from helpers.append.verify import verify, watch
from helpers.data import Feed

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run a command: verify, watch or follow.

    Parameters
    ----------
    arguments : sequence of str
        What follows the name of the program.

    Returns
    -------
    int
        0 if all went well; 1 if an archive is not sound, or a fault was seen; 2 if the work could not be done, which
        one sentence on standard error explains.
    """
    parser = argparse.ArgumentParser(prog="python -m helpers.append", description="Archives that grow.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, does in (
        ("verify", "read all of an archive"),
        ("watch", "read one of rain as it grows, look for faults"),
    ):
        command = commands.add_parser(name, help=does)
        command.add_argument("url", help="a folder, or a URL such as s3://bucket/prefix")
    command.add_argument("--until", type=int, required=True, help="steps that it will have")
    command = commands.add_parser("follow", help="append what a provider of 3B42RT has, and will have")
    command.add_argument("--feed", required=True, help="the provider's address")
    command.add_argument("--to", required=True, help="the archive: a folder, or a URL such as s3://bucket/prefix")
    command.add_argument("--downloads", default="downloads", help="folder for the files (%(default)s)")
    command.add_argument("--batch", type=int, default=8, help="steps to append at once, at most (%(default)s)")
    command.add_argument("--every", type=float, default=60, help="seconds until the next look (%(default)s)")
    command.add_argument("--once", action="store_true", help="stop when all that the provider has is appended")
    options = parser.parse_args(arguments)
    try:
        if options.command == "follow":
            return _follow(options)
        if options.command == "verify":
            report = verify(options.url)
            print(report)
            return 0 if report.sound else 1
        sight = watch(options.url, until=options.until, tell=functools.partial(print, flush=True))
        print(json.dumps(asdict(sight)))
        return 1 if sight.faults else 0
    except (OSError, TypeError, ValueError) as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 2


def _follow(options: argparse.Namespace) -> int:
    from helpers.rain import decode

    stop = threading.Event()
    old = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    how = {"decode": functools.partial(decode, fields="precipitation"), "time_of": rain_time, "batch": options.batch}
    how |= {"every_s": None if options.once else options.every, "step": "3h", "chunks": {"time": options.batch}}
    try:
        for batch in follow(Feed(options.feed, options.downloads), options.to, stop=stop, **how):
            print(batch, flush=True)
    finally:
        for number, before in old.items():
            signal.signal(number, before)
    print("stopped" if stop.is_set() else "done", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
