"""Prints one table of all benchmarks, or of those named: `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def main(names: list[str]) -> int:
    """Run the benchmarks and print a line for each figure; return 1 when one misses its limit."""
    found = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
    unknown = set(names) - set(found)
    if unknown:
        print(f"no benchmark is called {', '.join(sorted(unknown))}. There are {', '.join(found)}.", file=sys.stderr)
        return 2
    missed = 0
    print(f"{'what':60} {'measured':>12} {'limit':>10}")
    for name in names or found:
        for row in import_module(f"benchmarks.{name}").rows():
            missed += not row["ok"]
            verdict = "" if row["ok"] else "missed"
            print(f"{row['name']:60} {row['figure']:>12} {row['limit']:>10}  {verdict}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
