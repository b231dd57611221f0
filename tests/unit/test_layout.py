"""The repository: its map is complete, its documents name what is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import srstream

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "srstream"
LONGEST = 400
"""Lines of a module; longer ones hold more than one idea."""

MODULES = sorted(
    str(path.relative_to(PACKAGE))
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py"
)
PACKAGES = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
MAP = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "systemd/*.md", "bench/*.md")
    for path in ROOT.glob(pattern)
)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_on_the_map(module: str) -> None:
    assert f"| `{module}` |" in MAP


def test_the_map_shows_nothing_that_is_not_there() -> None:
    assert set(re.findall(r"^\| `([\w/]+\.py)` \|", MAP, re.MULTILINE)) == set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_longer_than_one_idea(module: str) -> None:
    lines = (PACKAGE / module).read_text(encoding="utf-8").count("\n")
    assert lines <= LONGEST


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_has_tests(package: str) -> None:
    assert list((ROOT / "tests" / "unit" / package).glob("test_*.py"))


def test_no_test_stands_in_a_package() -> None:
    assert not list(PACKAGE.rglob("test_*.py"))
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_the_version_is_said_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert srstream.__version__ == project["project"]["version"]


def test_the_readme_begins_with_two_commands_that_make_knows() -> None:
    commands = re.findall(r"^make ([\w-]+)", README, re.MULTILINE)
    assert commands[:2] == ["demo", "test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    assert set(commands) <= targets


@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)
def test_what_a_document_links_to_is_there(document: Path) -> None:
    targets = LINK.findall(document.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (document.parent / target).exists()]
    assert not missing


def test_decisions_are_numbered_one_after_the_other() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert [name[:5] for name in names] == [f"{n:04}-" for n in range(len(names))]
