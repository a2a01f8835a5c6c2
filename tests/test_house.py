"""The rules of the house that a machine can hold: who imports whom, who prints, and what is shipped."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
from pathlib import Path

import pytest
from typer.main import get_command

import cli
from cli.app import app

ROOT = Path(__file__).resolve().parent.parent
# What each package may import of the others.
MAY_IMPORT = {
    "parsers": set(),
    "forensics": {"parsers"},
    "cli": {"forensics", "parsers"},
    "samples": {"parsers"},
}
MODULES = sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def imported(tree: ast.AST) -> set[str]:
    """The top-level packages that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the direction"
            found.add((node.module or "").partition(".")[0])
    return found


def module_id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_tree_has_modules():
    """The rules below look at real modules of every package."""
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(MAY_IMPORT)


@pytest.mark.parametrize("path", MODULES, ids=module_id)
def test_imports_run_one_way(path):
    """Imports run from cli to forensics to parsers, and the samples know of no analysis."""
    package = path.relative_to(ROOT).parts[0]
    others = set(MAY_IMPORT) - {package}
    assert imported(ast.parse(path.read_bytes())) & others <= MAY_IMPORT[package]


@pytest.mark.parametrize("path", MODULES, ids=module_id)
def test_modules_are_read_in_one_sitting(path):
    """No module is longer than 450 lines."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 450


@pytest.mark.parametrize("path", [p for p in MODULES if "cli" not in p.relative_to(ROOT).parts[:1]], ids=module_id)
def test_only_the_command_line_talks(path):
    """Outside cli/ nothing prints, asks, ends the process, or knows typer and rich; samples may run as a script."""
    tree = ast.parse(path.read_bytes())
    assert not imported(tree) & {"typer", "rich", "click"}
    if path.relative_to(ROOT).parts[0] == "samples" and path.name == "__main__.py":
        return
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & {"print", "input", "exit", "quit"}
    written = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not written & {"sys.stdout", "sys.stderr", "sys.exit"}


@pytest.mark.parametrize("path", MODULES, ids=module_id)
def test_the_source_speaks_python_311(path):
    """Every module is valid for the oldest Python that is promised."""
    ast.parse(path.read_bytes(), feature_version=(3, 11))


def test_the_wheel_finds_every_package():
    """Every folder with modules has an __init__.py: without one the wheel would leave it out."""
    bare = {path.parent for path in MODULES if not (path.parent / "__init__.py").is_file()}
    assert names(sorted(bare)) == []


@pytest.mark.skipif("CCRF_INSTALLED" not in os.environ, reason="only `make test` installs the wheel")
def test_the_tests_use_the_wheel():
    """`make test` imports what was installed from the wheel, not the folder it stands in, and nothing is missing."""
    assert not Path(cli.__file__).resolve().is_relative_to(ROOT / "cli")
    files = importlib.metadata.files("ccr-forensics") or []
    shipped = {file.as_posix() for file in files if file.suffix == ".py"}
    assert set(names(MODULES)) == {name for name in shipped if name.partition("/")[0] in MAY_IMPORT}


def commands() -> set[str]:
    """Every command of the program, as typed: `ingest`, `profile show`."""
    found = set()
    top = get_command(app)
    for name, command in top.commands.items():
        inner = getattr(command, "commands", None)
        found |= {f"{name} {below}" for below in inner} if inner else {name}
    return found


def test_the_readme_lists_the_commands():
    """The README's table of commands names exactly the commands that the program has."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## Commands", 1)[1].split("\n## ", 1)[0]
    documented = re.findall(r"^\| `ccrf ([a-z]+(?: [a-z]+)?)", section, re.MULTILINE)
    assert documented
    assert set(documented) == commands()
    assert len(documented) == len(set(documented))


def test_the_readme_lists_the_dependencies():
    """Every dependency of the project has its row, with a reason, in the README, and no row is left of an old one."""
    required = importlib.metadata.requires("ccr-forensics") or []
    wanted = {
        re.match(r"[A-Za-z0-9._-]+", line)[0].lower()
        for line in required
        if "extra ==" not in line or 'extra == "test"' in line.replace("'", '"')
    }
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## Dependencies", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"^\| `([a-z0-9-]+)`", section, re.MULTILINE)) == wanted
