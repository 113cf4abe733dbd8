"""Prints what weighs in this environment, and which lessons import it: `python -m tools.weights`."""

from __future__ import annotations

import functools
import re
import sys
import tomllib
from collections import defaultdict
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.lessons import read_lessons
from tools.packages import ROOT, imports_of, modules, sub_package

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SHOWN, FEW = 40, 6
MEGABYTE = 1_000_000


def nbytes(distribution: metadata.Distribution) -> int:
    """Return what the files of an installed distribution take, without what Python compiles from them."""
    return sum(file.size or 0 for file in distribution.files or ())


def needed(distribution: metadata.Distribution, extra: str = "") -> set[str]:
    """Return the names of what a distribution needs on this machine, without extras or with one."""
    requirements = map(Requirement, distribution.requires or ())
    wanted = (each for each in requirements if each.marker is None or each.marker.evaluate({"extra": extra}))
    return {str(canonicalize_name(each.name)) for each in wanted}


def reach(names: Iterable[str], graph: Mapping[str, set[str]]) -> set[str]:
    """Return `names` and all that follows from them in `graph`."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph.get(name, ())
    return found


def imported_by_lessons() -> dict[str, set[str]]:
    """Return the modules that each lesson imports, itself or through the sub-packages of helpers that it uses."""
    uses: dict[str, set[str]] = defaultdict(set)
    for name, path in modules().items():
        package = name if path.stem == "__init__" else name.rpartition(".")[0]
        if path.stem.startswith("judge_"):  # imported by the lessons that it judges only, which import the same
            continue
        for module, _ in imports_of(path.read_text(encoding="utf-8"), package):
            uses[f"helpers.{sub_package(name)}"].add(_top(module))
    found = {}
    for lesson in read_lessons():
        text = "\n".join(cell.source for cell in lesson.cells("code"))
        own = {_top(module) for module in re.findall(r"^\s*(?:from|import) ([\w.]+)", text, flags=re.MULTILINE)}
        found[lesson.number] = {module for module in reach(own, uses) if not module.startswith("helpers")}
    return found


@functools.cache
def lessons_by_package() -> dict[str, set[str]]:
    """Return the numbers of the lessons that import something of each installed package."""
    owners = metadata.packages_distributions()
    found: dict[str, set[str]] = defaultdict(set)
    for number, imported in imported_by_lessons().items():
        for module in imported:
            for owner in owners.get(module, ()):
                found[str(canonicalize_name(owner))].add(number)
    return found


def main() -> int:
    """Print two tables: the heaviest packages, and what the project asks for by the lessons that import it."""
    installed = {str(canonicalize_name(each.metadata["Name"])): each for each in metadata.distributions()}
    weights = {name: nbytes(each) / MEGABYTE for name, each in installed.items()}
    graph = {name: needed(each) for name, each in installed.items()}
    lessons = lessons_by_package()
    with (ROOT / "pyproject.toml").open("rb") as file:
        asked = list(map(Requirement, tomllib.load(file)["project"]["dependencies"]))
    direct = {str(canonicalize_name(each.name)): each.extras for each in asked}
    for name in direct.keys() & installed.keys():
        graph[name].update(*(needed(installed[name], extra) for extra in direct[name]))
    brings = {name: reach([name], graph) for name in sorted(direct.keys() & installed.keys())}
    print(f"{sum(weights.values()):.0f} MB in {len(installed)} packages")
    print("\n  MB: the heaviest, and what of the project's needs them")
    for name in sorted(weights, key=weights.__getitem__, reverse=True)[:SHOWN]:
        holders = [each for each in brings if name in brings[each]]
        print(f"{weights[name]:4.0f} {name:20} {_listed(holders)}")
    print("\n  MB alone: what would go with it; the lessons that import it, themselves or through helpers")
    for name in sorted(brings, key=lambda each: _alone(each, brings, weights), reverse=True):
        print(f"{_alone(name, brings, weights):4.0f} {name:20} {' '.join(sorted(lessons[name])) or 'none by its name'}")
    return 0


def _listed(holders: list[str]) -> str:
    if len(holders) > FEW:
        return f"{len(holders)} of them"
    return ", ".join(holders) or "none: a tool of the tests"


def _top(module: str) -> str:
    return f"helpers.{sub_package(module)}" if sub_package(module) else module.partition(".")[0]


def _alone(name: str, brings: Mapping[str, set[str]], weights: Mapping[str, float]) -> float:
    """Return the megabytes that nothing but `name` needs."""
    others = reach((), {}).union(*(brings[other] for other in brings if other != name))
    return sum(weights[each] for each in brings[name] - others if each in weights)


if __name__ == "__main__":
    sys.exit(main())
