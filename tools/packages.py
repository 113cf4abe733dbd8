"""Reads which sub-package of helpers imports which, and draws it: `python -m tools.packages` renews the picture.

Every ``import`` statement counts, also those inside functions and under ``TYPE_CHECKING``. The picture in
CONTRIBUTING.md is what is allowed: a new direction fails ``tests/test_packages.py`` until somebody renews
the picture, and reads the change.
"""

from __future__ import annotations

import ast
import graphlib
import re
import sys
from importlib.util import resolve_name
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parent.parent
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
EVERYWHERE = "units"  # imported by nearly all of them: left out of the picture

_BLOCK = re.compile(r"(?<=<!-- made: packages -->\n).*?(?=<!-- end -->)", flags=re.DOTALL)


class Import(NamedTuple):
    """Hold one imported module or name: ``from module import name``; `name` is empty after ``import module``."""

    module: str
    name: str = ""


def imports_of(source: str, package: str = "") -> Iterator[Import]:
    """Yield all that the text of a module in `package` imports, wherever in it the statement stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            yield from (Import(module, alias.name) for alias in node.names)


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Return the file of each module below ``helpers``, by its dotted name; a front door has the sub-package's."""
    found = {}
    for path in sorted((root / "helpers").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def sub_package(module: str) -> str:
    """Return the part of a dotted name after ``helpers``, empty where there is none: ``redis`` of ``helpers.redis``."""
    parts = module.split(".")
    return parts[1] if parts[0] == "helpers" and len(parts) > 1 else ""


def directions(root: Path = ROOT) -> dict[str, set[str]]:
    """Return which others each sub-package imports.

    Raises
    ------
    graphlib.CycleError
        When they import each other in a circle; the error names it.
    """
    found: dict[str, set[str]] = {sub_package(name): set() for name in modules(root) if sub_package(name)}
    for name, path in modules(root).items():
        importer = sub_package(name)
        package = name if path.stem == "__init__" else name.rpartition(".")[0]
        for module, imported in imports_of(path.read_text(encoding="utf-8"), package):
            target = sub_package(f"helpers.{imported}" if module == "helpers" else module)
            if importer and target and target != importer:
                found[importer].add(target)
    graphlib.TopologicalSorter(found).prepare()
    return found


def reduced(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return `graph` without the directions that follow from others."""

    def below(name: str) -> set[str]:
        return graph[name].union(*map(below, graph[name]))

    return {name: targets.difference(*map(below, targets)) for name, targets in graph.items()}


def picture(root: Path = ROOT) -> str:
    """Return the directions as a Mermaid diagram in Markdown: an arrow for each that follows from no other."""
    graph = {name: targets - {EVERYWHERE} for name, targets in directions(root).items() if name != EVERYWHERE}
    arrows = reduced(graph)
    alone = sorted(set(graph) - {name for name, targets in arrows.items() if targets} - set().union(*arrows.values()))
    lines = [f"    {name} --> {' & '.join(sorted(arrows[name]))}" for name in sorted(graph) if arrows[name]]
    return "\n".join(["```mermaid", "graph LR", *lines, *(f"    {name}" for name in alone), "```", ""])


def contributing(text: str, root: Path = ROOT) -> str:
    """Return the text of CONTRIBUTING.md with the picture as it is now."""
    return _BLOCK.sub(lambda _: picture(root), text)


def draw(file: Path, root: Path = ROOT) -> None:
    """Draw the directions into an image file: who imports nothing stands right, who imports most stands left."""
    import matplotlib.pyplot as plt

    arrows = reduced({name: targets - {EVERYWHERE} for name, targets in directions(root).items() if name != EVERYWHERE})
    levels: dict[str, int] = {}
    for name in graphlib.TopologicalSorter(arrows).static_order():
        levels[name] = max((levels[target] + 1 for target in arrows[name]), default=0)
    rows = {level: sorted(name for name in levels if levels[name] == level) for level in set(levels.values())}
    places = {
        name: (-level, (len(names) - 1) / 2 - row) for level, names in rows.items() for row, name in enumerate(names)
    }
    fig, ax = plt.subplots(figsize=(9, 4.5), dpi=110, layout="constrained")
    box = {"boxstyle": "round,pad=0.4", "facecolor": "#E8F1F8", "edgecolor": "#0072B2"}
    arrow = {"arrowstyle": "->", "color": "#555555", "shrinkA": 28, "shrinkB": 28}
    for name, targets in arrows.items():
        for target in targets:
            ax.annotate("", places[target], places[name], arrowprops=arrow)
    for name, place in places.items():
        ax.text(*place, name, ha="center", va="center", fontsize=12, bbox=box)
    ax.set(xlim=(-max(levels.values()) - 0.5, 0.5), ylim=(-len(rows[0]) / 2, len(rows[0]) / 2))
    ax.axis("off")
    fig.savefig(file)
    plt.close(fig)


def main() -> int:
    """Print what each sub-package imports, and renew the picture in CONTRIBUTING.md."""
    for name, targets in sorted(directions().items()):
        print(f"{name:10} <- {', '.join(sorted(targets)) or 'nothing'}")
    text = contributing(CONTRIBUTING.read_text(encoding="utf-8"))
    CONTRIBUTING.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
