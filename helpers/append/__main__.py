"""Is the program ``python -m helpers.append``: it checks and watches archives, and follows providers."""

from __future__ import annotations

import argparse
import functools
import json
import signal
import sys
import threading

from helpers.append.follow import follow, rain_time
from helpers.append.verify import verify, watch
from helpers.data import Feed


def main(arguments: list[str], stop: threading.Event | None = None) -> int:
    """Run a command: verify, watch or follow.

    Parameters
    ----------
    arguments : list of str
        What follows the name of the program.
    stop : threading.Event, optional
        Set it, and `follow` ends after the batch at hand.

    Returns
    -------
    int
        0 if all went well; 1 if an archive is not sound, or a fault was seen; 2 if the work could not be done, which
        one sentence on standard error explains.
    """
    parser = argparse.ArgumentParser(prog="python -m helpers.append", description="Archives that grow.")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("verify", help="read all of an archive")
    look = commands.add_parser("watch", help="read an archive as it grows, look for faults")
    grow = commands.add_parser("follow", help="append what a provider of 3B42RT has, and will have")
    for command in (check, look):
        command.add_argument("url", help="a folder, or a URL such as s3://bucket/prefix")
    look.add_argument("--until", type=int, required=True, help="steps that it will have")
    grow.add_argument("--feed", required=True, help="the provider's address")
    grow.add_argument("--to", required=True, help="the archive: a folder, or a URL such as s3://bucket/prefix")
    grow.add_argument("--downloads", default="downloads", help="folder for the files (%(default)s)")
    grow.add_argument("--batch", type=int, default=8, help="steps to append at once, at most (%(default)s)")
    grow.add_argument("--every", type=float, default=60, help="seconds until the next look (%(default)s)")
    grow.add_argument("--once", action="store_true", help="stop when all that the provider has is appended")
    options = parser.parse_args(arguments)
    try:
        if options.command == "follow":
            _follow(options, stop or threading.Event())
            return 0
        if options.command == "verify":
            report = verify(options.url)
            print(report)
            return 0 if report.sound else 1
        sight = watch(options.url, until=options.until, tell=functools.partial(print, flush=True))
        print(json.dumps(sight._asdict()))
        return 1 if sight.faults else 0
    except (OSError, TypeError, ValueError) as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 2


def _follow(options: argparse.Namespace, stop: threading.Event) -> None:
    from helpers.rain import decode

    how = {"decode": functools.partial(decode, fields="precipitation"), "time_of": rain_time, "batch": options.batch}
    how |= {"every_s": None if options.once else options.every, "step": "3h", "chunks": {"time": options.batch}}
    for batch in follow(Feed(options.feed, options.downloads), options.to, stop=stop, **how):
        print(batch.appended, *batch.faults, sep="; ", flush=True)
    print("stopped" if stop.is_set() else "done", flush=True)


if __name__ == "__main__":
    signalled = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # In a thread: the one that is interrupted may hold the lock of the event, since it waits for it.
        signal.signal(number, lambda *_: threading.Thread(target=signalled.set).start())
    sys.exit(main(sys.argv[1:], signalled))
