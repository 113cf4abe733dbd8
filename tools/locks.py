"""Renews the lock files and the environments made from them: `python -m tools.locks`.

``pyproject.toml`` says what is needed. ``requirements.lock`` pins what the lessons need,
``requirements-dev.lock`` what tests and tools need besides: both are installed together. ``environment.yml``
(conda) and ``binder/environment.yml`` repeat the pins of the first. `environment` makes their text, and a
test compares.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"
# Each beside its requirements.in: what one target of `make` needs besides.
OTHER_LOCKS = (ROOT / "tests" / "browser" / "requirements.lock", ROOT / "docs" / "requirements.lock")
ENVIRONMENT = ROOT / "environment.yml"
BINDER_ENVIRONMENT = ROOT / "binder" / "environment.yml"

# What conda itself has to bring: Python, Redis (the lessons find it on PATH), and what `make` needs.
CONDA_PACKAGES = ("python=3.13", "pip", "make", "git", "redis-server>=7")
EDITABLE = "-e ."

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]*[^\\ ]))?")


def pins(lock: str) -> list[str]:
    """Return the pins of the text of a lock file, without hashes: ``name==version`` and the marker if any."""
    found = []
    for line in lock.splitlines():
        match = _PIN.match(line)
        if match:
            marker = f" ; {match['marker']}" if match["marker"] else ""
            found.append(f"{match['name']}=={match['version']}{marker}")
    return found


def without(lock: str, other: str) -> str:
    """Return the text of `lock` without what `other` pins for the same platforms."""
    head, *entries = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)
    there = set(pins(other))
    return head + "".join(entry for entry in entries if not there.issuperset(pins(entry)))


def environment(lock: str, *, editable: bool) -> str:
    """Return the text of the conda environment that installs the pins of `lock`.

    Parameters
    ----------
    lock : str
        The text of ``requirements.lock``.
    editable : bool
        Whether the checkout itself is installed too. Binder's file, which lies in another folder, leaves
        that to ``binder/postBuild``; nothing else differs.
    """
    lines = [
        "# Made from requirements.lock by `make lock`: change pyproject.toml and run that, not this file.",
        "name: zarr-notebooks",
        "channels:",
        "  - conda-forge",
        "  - nodefaults",
        "dependencies:",
        *(f"  - {package}" for package in CONDA_PACKAGES),
        "  - pip:",
        *(f'      - "{pin}"' if ";" in pin else f"      - {pin}" for pin in pins(lock)),
    ]
    if editable:
        lines.append(f"      - {EDITABLE}")
    return "\n".join(lines) + "\n"


def write_environments() -> None:
    """Write both environments from the lock as it is."""
    lock = LOCK.read_text(encoding="utf-8")
    for path, editable in ((ENVIRONMENT, True), (BINDER_ENVIRONMENT, False)):
        path.write_text(environment(lock, editable=editable), encoding="utf-8", newline="\n")


def compile_lock(source: Path, lock: Path, *options: str) -> None:
    """Resolve `source` for every platform and Python from 3.12 on, and write the pins with their hashes."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version=3.12"]
    command += ["--generate-hashes", "--no-emit-index-url", "--no-annotate", "--custom-compile-command=make lock"]
    names = [path.relative_to(ROOT).as_posix() for path in (source, lock)]
    subprocess.run([*command, *options, names[0], "-o", names[1]], cwd=ROOT, check=True)


def main(arguments: list[str]) -> int:
    """Renew all; ``--upgrade`` takes the newest releases, ``--environments`` leaves the lock as it is."""
    if "--environments" not in arguments:
        upgrade = ["--upgrade"] if "--upgrade" in arguments else []
        compile_lock(ROOT / "pyproject.toml", LOCK, *upgrade)
        compile_lock(ROOT / "pyproject.toml", DEV_LOCK, "--extra=dev", "--constraints=requirements.lock", *upgrade)
        both = [path.read_text(encoding="utf-8") for path in (DEV_LOCK, LOCK)]
        DEV_LOCK.write_text(without(*both), encoding="utf-8", newline="\n")
        constraints = ["--constraints=requirements.lock", "--constraints=requirements-dev.lock"]
        for lock in OTHER_LOCKS:
            compile_lock(lock.with_suffix(".in"), lock, *constraints, *upgrade)
    write_environments()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
