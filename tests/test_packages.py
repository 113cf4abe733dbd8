"""Tests that the sub-packages of helpers stay apart: one-way imports, front doors, a test file for each module."""

from __future__ import annotations

import ast
import functools
import graphlib
import re
from typing import TYPE_CHECKING

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from tools import packages
from tools.lessons import read_lessons

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = packages.ROOT
MODULES = packages.modules()
SUB_PACKAGES = sorted({packages.sub_package(name) for name in MODULES} - {""})
INSIDE = re.compile(r"\b(?:from|import)\s+helpers\.(\w+)\.\w+")


def texts() -> Iterator[tuple[str, str, str]]:
    """Yield path, sub-package and text of each Python file, and of each code cell of the lessons."""
    for folder in ("helpers", "tests", "benchmarks", "tools"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).parts
            owner = parts[1].removesuffix(".py") if folder in ("helpers", "tests") else ""
            yield "/".join(parts), owner, path.read_text(encoding="utf-8")
    for lesson in read_lessons():
        for cell in lesson.cells("code"):
            yield lesson.path.name, "", TransformerManager().transform_cell(cell.source)  # type: ignore[no-untyped-call]


@functools.cache
def exported(sub_package: str) -> set[str]:
    """Return the names in `__all__` of a front door, or those that a module without one defines."""
    tree = ast.parse(MODULES[f"helpers.{sub_package}"].read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            return set(ast.literal_eval(node.value))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_imports_go_one_way() -> None:
    """No circle; the picture in CONTRIBUTING.md shows each direction there is, and no other."""
    graph = packages.directions()
    print("\n".join(f"{name} may import {', '.join(sorted(graph[name])) or 'none'}" for name in sorted(graph)))
    text = packages.CONTRIBUTING.read_text(encoding="utf-8")
    assert packages.picture() in text, (
        "the sub-packages import each other in other ways than CONTRIBUTING.md shows. Is the new direction "
        "needed? Then run `python -m tools.packages` and read the change."
    )
    assert text == packages.contributing(text)


def test_a_circle_would_be_found(tmp_path: Path) -> None:
    """Also one that hides under TYPE_CHECKING, in a function or behind dots."""
    files = {
        "one/__init__": "from helpers import two",
        "two/inner": "if TYPE_CHECKING:\n    import helpers.three.inner",
        "three/inner": "def late():\n    from ..one import name",
        "four": "import os",
    }
    for name, source in files.items():
        path = tmp_path / "helpers" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    with pytest.raises(graphlib.CycleError, match=r"one.*two|two.*three|three.*one"):
        packages.directions(tmp_path)
    (tmp_path / "helpers" / "three" / "inner.py").write_text("import helpers.four")
    assert packages.directions(tmp_path) == {"one": {"two"}, "two": {"three"}, "three": {"four"}, "four": set()}
    (tmp_path / "helpers" / "one" / "__init__.py").write_text("from helpers import two, four")
    assert "one --> two\n" in packages.picture(tmp_path)  # that it imports four follows


def test_all_come_through_front_doors() -> None:
    """Only a sub-package and its own tests reach inside; all others import names that its `__all__` offers."""
    faults = []
    for name, owner, text in texts():
        if name == "tests/test_packages.py":
            continue
        faults += [f"{name} reaches into helpers.{inner}" for inner in INSIDE.findall(text) if inner != owner]
        for module, imported in packages.imports_of(text):
            sub_package = packages.sub_package(module)
            if imported and sub_package not in ("", owner) and imported not in exported(sub_package):
                faults.append(f"helpers.{sub_package} does not offer {imported} to {name}")
    assert not faults, "\n".join(sorted(set(faults)))


@pytest.mark.parametrize("sub_package", SUB_PACKAGES)
def test_a_front_door_says_what_it_is_for(sub_package: str) -> None:
    """It has a docstring, and offers only what it has, in `__all__`."""
    tree = ast.parse(MODULES[f"helpers.{sub_package}"].read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    if MODULES[f"helpers.{sub_package}"].stem == "__init__":
        bound = {item.name for item in packages.imports_of(ast.unparse(tree))}
        bound |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        assert exported(sub_package) <= bound


def test_the_map_names_each_sub_package_below_those_it_imports() -> None:
    """`helpers/__init__.py` has a line for each, in the order of the imports, and imports nothing itself."""
    text = MODULES["helpers"].read_text(encoding="utf-8")
    assert not list(packages.imports_of(text))
    mapped = re.findall(r"^    ([a-z]+)  ", text, flags=re.MULTILINE)
    assert sorted(mapped) == SUB_PACKAGES
    graph = packages.directions()
    for place, name in enumerate(mapped):
        assert graph[name] <= set(mapped[:place]), name


def test_each_module_has_its_tests() -> None:
    """``helpers/<sub-package>/<module>.py`` is tested by ``tests/<sub-package>/test_<module>.py``."""
    for path in MODULES.values():
        if not path.stem.startswith("__"):
            tested = path.relative_to(ROOT / "helpers").with_name(f"test_{path.name}")
            assert (ROOT / "tests" / tested).is_file(), f"tests/{tested.as_posix()} is missing"
