"""The documentation: every command and option is in it, what it shows can be typed, and it builds without a warning."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cli.app import app

DOCS = Path(__file__).resolve().parent.parent / "docs"
ROOT = DOCS.parent


def _generated():
    spec = importlib.util.spec_from_file_location("generated_docs", DOCS / "generated.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


generated = _generated()


def leaves():
    """Every command as the program itself has it: its words, and its options' names."""
    for name, command in get_command(app).commands.items():
        inner = getattr(command, "commands", None)
        for words, one in {f"{name} {k}": v for k, v in inner.items()}.items() if inner else [(name, command)]:
            yield words, {opt for p in one.params for opt in p.opts if opt.startswith("-")}


@pytest.mark.parametrize(("words", "options"), list(leaves()), ids=[words for words, _ in leaves()])
def test_every_command_and_option_is_documented(words, options):
    """The page of commands has each command, each of its options, and a text for all of them."""
    page = generated.commands_page()
    section = page.split(f"\n## ccrf {words}\n", 1)[1].split("\n## ", 1)[0]
    documented = set(re.findall(r"`(--?[a-z][a-z-]*)`", section))
    assert documented == options
    (command,) = [one for one in generated.commands() if one.name == words]
    assert command.text
    assert all(row.help for row in (*command.arguments, *command.options))


def test_every_table_is_documented():
    """The page of the case file has each table and each column."""
    page = generated.case_page()
    from forensics.case.schema import TABLES  # noqa: PLC0415

    for table, columns in TABLES.items():
        section = page.split(f"\n## {table}\n", 1)[1].split("\n## ", 1)[0]
        assert set(re.findall(r"`([a-z0-9_]+)`", section)) == set(columns)


def test_what_is_unknown_is_documented():
    """Each topic that the profile calls unknown is on the page of what is not known."""
    from forensics.profile import load_profile  # noqa: PLC0415

    page = generated.unknown_page()
    assert [row.topic for row in load_profile().unknowns if f"| {row.topic} |" not in page] == []


def pages():
    return sorted(path for path in DOCS.glob("*.md"))


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.name)
def test_every_page_is_in_the_contents(page):
    """No page of the documentation is left out of the table of contents."""
    contents = (DOCS / "index.md").read_text(encoding="utf-8")
    assert page.stem == "index" or re.search(rf"^{page.stem}$", contents, re.MULTILINE)


@pytest.mark.parametrize("page", [*pages(), ROOT / "README.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    """Every relative link of a page leads to a file that is there, or to one that is made."""
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text) if not link.startswith("http")]
    made = {f"reference/{name}" for name in generated.PAGES}
    assert [link for link in links if link not in made and not (page.parent / link).exists()] == []


def test_the_tutorial_can_be_typed(tmp_path, monkeypatch):
    """Each command of the tutorial works, in its order, in a folder that has the samples."""
    shutil.copytree(ROOT / "samples" / "incidents", tmp_path / "samples" / "incidents")
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^\$ (.+)$", (DOCS / "tutorial.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(commands) > 8
    for command in commands:
        program, *words = shlex.split(command)
        if program == "python":
            assert words[:3] == ["-m", "zipfile", "-e"]
            with zipfile.ZipFile(words[3]) as archive:
                archive.extractall(words[4])
            continue
        assert program == "ccrf"
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, f"{command}: {result.output}"


@pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="Sphinx is not installed: `make docs` brings it")
def test_it_builds_without_a_warning(tmp_path):
    """The documentation builds, every warning being an error."""
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(tmp_path / "html")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "html" / "tutorial.html").is_file()
