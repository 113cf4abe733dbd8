"""Tests that hold together what is said in more than one place of this repository."""

from __future__ import annotations

import functools
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import locks, readme

ROOT = Path(__file__).parent.parent
LOCK = locks.LOCK.read_text(encoding="utf-8")
DEV_LOCK = locks.DEV_LOCK.read_text(encoding="utf-8")
OTHERS = {lock.parent.name: lock.read_text(encoding="utf-8") for lock in locks.OTHER_LOCKS}
with (ROOT / "pyproject.toml").open("rb") as settings_file:
    SETTINGS = tomllib.load(settings_file)

CACHES = ("mypy", "pytest", "ruff")
MACHINE = re.compile(r"/(?:work|root|farm)/\w|/home/(?!jovyan)\w+/|/Users/\w+/|/tmp/(?!tmp\b)[\w-]{4,}|C:\\Users\\\w")
PNG = re.compile(r'"image/png": "[^"]*"')
INDEX = re.compile(r"https?://\S*/simple\b|--(?:extra-)?index-url|--find-links[ =]https?:|registry\s*=\s*.?https?:")


@functools.cache
def tracked_texts() -> dict[str, str]:
    """Return the text of every file that git tracks or would track, by its path; stored pictures left out."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    if not names:  # a copy without git, such as an unpacked archive
        made = {".venv", ".venv-newest", ".venv-zarr2", "node_modules", ".hypothesis", "__pycache__"} | {
            f".{tool}_cache" for tool in CACHES
        }
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
        names = [path.as_posix() for path in found if not made & set(path.parts)]
    texts = {}
    for name in names:
        path = ROOT / name
        if path.is_file() and path.suffix not in {".png", ".gif", ".webp", ".gz", ".nc", ".zip"}:
            texts[name] = PNG.sub("", path.read_text(encoding="utf-8"))
    return texts


def pinned(lock: str) -> dict[str, str]:
    """Return the version of each package in the text of a lock file."""
    pairs = (pin.split(" ;")[0].split("==") for pin in locks.pins(lock))
    return {canonicalize_name(name): version for name, version in pairs}


@pytest.mark.parametrize("extra", [None, "dev"])
def test_locks_have_what_pyproject_needs(extra: str | None) -> None:
    """Every requirement is pinned, to a version that it allows; what the lessons need is in the first lock alone."""
    project = SETTINGS["project"]
    needed = project["optional-dependencies"][extra] if extra else project["dependencies"]
    versions = pinned(LOCK + DEV_LOCK) if extra else pinned(LOCK)
    for requirement in map(Requirement, needed):
        version = versions.get(canonicalize_name(requirement.name), "nothing")
        assert requirement.specifier.contains(version if version != "nothing" else "0"), (
            f"the lock pins {requirement.name} to {version}, pyproject.toml needs {requirement.specifier}: `make lock`."
        )


def test_tools_of_the_tests_weigh_on_nobody_else() -> None:
    """The second lock repeats nothing of the first, and neither conda nor Binder installs it."""
    assert not set(locks.pins(DEV_LOCK)) & set(locks.pins(LOCK))
    for package in ("mypy", "ruff", "hypothesis", "nbval", "uv"):
        assert package in pinned(DEV_LOCK)
        assert package not in pinned(LOCK)


def test_dependencies_are_lower_bounds() -> None:
    """Only the lock pins; nbval alone has an upper bound, since its insides are changed here."""
    project = SETTINGS["project"]
    for text in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        operators = {specifier.operator for specifier in Requirement(text).specifier}
        assert operators == ({">=", "<"} if text.startswith("nbval") else {">="}), text


@pytest.mark.parametrize("lock", [LOCK, DEV_LOCK, *OTHERS.values()], ids=["lessons", "dev", *OTHERS])
def test_lock_pins_with_hashes_and_names_no_index(lock: str) -> None:
    """What is downloaded can be checked, from whichever index pip is set up for."""
    entries = re.split(r"\n(?=[a-z])", "\n".join(row for row in lock.splitlines() if not row.startswith("#")))
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"https?:", lock)


@pytest.mark.parametrize("name", OTHERS)
def test_other_locks_agree_with_the_lock(name: str) -> None:
    """What several files pin has one version."""
    versions, other = pinned(LOCK + DEV_LOCK), pinned(OTHERS[name])
    shared = other.keys() & versions
    assert {package: versions[package] for package in shared} == {package: other[package] for package in shared}


@pytest.mark.parametrize(
    ("path", "editable"),
    [(locks.ENVIRONMENT, True), (locks.BINDER_ENVIRONMENT, False)],
    ids=["conda", "binder"],
)
def test_environment_repeats_the_lock(path: Path, editable: bool) -> None:
    """The conda and Binder environments hold exactly the pins of the lock."""
    assert path.read_text(encoding="utf-8") == locks.environment(LOCK, editable=editable), (
        f"{path.relative_to(ROOT).as_posix()} differs from requirements.lock. It is made, not edited: "
        "change pyproject.toml and run `make lock`."
    )


def test_binder_has_the_environment_of_the_root() -> None:
    """Nothing but the line that installs the checkout, which postBuild runs, differs."""
    root = yaml.safe_load(locks.ENVIRONMENT.read_text(encoding="utf-8"))
    binder = yaml.safe_load(locks.BINDER_ENVIRONMENT.read_text(encoding="utf-8"))
    assert root["dependencies"][-1]["pip"].pop() == locks.EDITABLE
    assert root == binder
    assert "--no-deps --no-build-isolation --editable ." in (ROOT / "binder" / "postBuild").read_text()


def test_python_is_the_same_everywhere() -> None:
    """pyenv, uv and conda pick the Python that the project is tested on first."""
    version = (ROOT / ".python-version").read_text().strip()
    assert f"python={version}" in locks.CONDA_PACKAGES
    assert SETTINGS["project"]["requires-python"] == ">=3.12"


def test_readme_tells_of_the_lessons_as_they_are() -> None:
    """The table of lessons, the badge and the clone line are those that the files give."""
    text = readme.README.read_text(encoding="utf-8")
    assert text == readme.readme(text), "README.md differs from the lessons. Run `make readme`."


def test_citation_is_current() -> None:
    """The address and the version of the citation are the project's."""
    text = readme.CITATION.read_text(encoding="utf-8")
    assert text == readme.citation(text), "CITATION.cff names another address. Run `make readme`."
    assert yaml.safe_load(text)["version"] == SETTINGS["project"]["version"]


def test_public_address_stands_in_one_place() -> None:
    """What needs the address of the repository takes it from pyproject.toml."""
    address = readme.repository()
    may = {"pyproject.toml", "README.md", "CITATION.cff", "tests/test_project.py"}
    project = re.compile(rf"{re.escape(address)}|github\.com/[\w-]+/zarr-notebooks|mybinder\.org/v2/gh/\w")
    for name, text in tracked_texts().items():
        assert name in may or not project.search(text), (
            f"{name} names the address of this repository. Take it from tools.readme.repository()."
        )


def test_a_public_address_makes_the_badge() -> None:
    """When the setting names a real address, the badge and the launch link follow."""
    assert "mybinder.org/v2/gh/someone/zarr-notebooks/HEAD" in readme.badge("https://github.com/someone/zarr-notebooks")
    assert "mybinder" not in readme.badge("https://github.com/OWNER/zarr-notebooks")


def test_nothing_names_this_machine() -> None:
    """No path of a machine and no address of a package index is committed, stored outputs included."""
    for name, text in tracked_texts().items():
        if name == "tests/test_project.py":
            continue
        for pattern in (MACHINE, INDEX):
            match = pattern.search(text)
            assert match is None, f"{name} holds {match[0]!r}" if match else name


def test_hooks_have_the_versions_of_the_lock() -> None:
    """What pre-commit runs is what `make test` runs."""
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    versions = pinned(LOCK + DEV_LOCK)
    hooks = {each["repo"].rsplit("/")[-1]: each for each in yaml.safe_load(text)["repos"]}
    assert hooks["ruff-pre-commit"]["rev"] == f"v{versions['ruff']}"
    assert hooks["local"]["hooks"][0]["additional_dependencies"] == [f"nbformat=={versions['nbformat']}"]


def test_templates_can_be_read() -> None:
    """The forms for issues are YAML with the parts that GitHub needs."""
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    for form in forms:
        if form.stem != "config":
            read = yaml.safe_load(form.read_text(encoding="utf-8"))
            assert read.keys() >= {"name", "description", "body"}, form.name


def test_paths_in_the_papers_exist() -> None:
    """A file or folder that CONTRIBUTING.md or the README names is there."""
    for name in ("CONTRIBUTING.md", "README.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for path in re.findall(r"`((?:helpers|tests|tools|notebooks|benchmarks|binder|teaching)/[\w./-]*)`", text):
            assert "NN" in path or (ROOT / path).exists(), f"{name} names {path}"


def test_actions_are_pinned() -> None:
    """Workflows use actions of a named release."""
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        used = re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8"))
        assert used
        assert all(re.fullmatch(r"[\w./-]+@v\d+\.\d+\.\d+", action) for action in used), used


def test_make_lists_its_targets() -> None:
    """`make` alone says what there is."""
    said = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert all(f"make {target} " in said for target in ("lab", "test", "render", "style", "bench", "lock"))


def test_too_old_a_python_gets_one_sentence() -> None:
    """Without Python 3.12 or later `make` stops with what is needed and what to do."""
    ran = subprocess.run(["make", "check-python", "PYTHON="], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "needs Python 3.12 or later" in ran.stderr
