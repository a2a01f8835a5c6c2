"""The profile: what is shipped is what is documented, and what an analyst adds is checked line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.case.store import Case
from forensics.errors import MissingPathError, ProfileError, UsageError
from forensics.profile import TABLES, Mark, Profile, load_profile, parse_profile, profile_of

if TYPE_CHECKING:
    from pathlib import Path

CYCLE = '[[cycles]]\nname = "configuration"\nseconds = {}\nmark = "{}"\nsource = "seen on site"\n'


def test_the_shipped_profile_says_what_the_vendor_documents() -> None:
    """The replicated files, what is not replicated, and the two cycles are the documented ones, marked as such."""
    profile = load_profile()
    assert {row.name for row in profile.replicated_files} == {
        "FileScanners.fdb", "Filterlists.fdb", "Notifications.fdb", "ScanJobs.fdb", "Template.fdb",
    }  # fmt: skip
    assert profile.is_replicated("SCANJOBS.FDB")
    assert not profile.is_replicated("Statistics.fdb")
    assert "Statistics.fdb" in {row.name for row in profile.unreplicated}
    assert {row.name: row.seconds for row in profile.cycles} == {"configuration": 30, "engines": 300}
    assert all(row.mark is Mark.DOCUMENTED for row in (*profile.replicated_files, *profile.cycles))
    assert len(profile.data_folders) == 2
    assert len(profile.checkpoint_keys) == 2


def test_every_row_says_how_well_it_is_known_and_from_where() -> None:
    """Of backups nothing is known, no other table is empty, keys are unique, each fact has a mark and a source."""
    rows = list(load_profile().rows())
    assert {table for table, _, _ in rows} == set(TABLES) - {"backup_patterns", "backup_zones"}
    assert len({(table, key.casefold()) for table, key, _ in rows}) == len(rows)
    for table, key, row in rows:
        assert key, table
        if table != "unknowns":
            assert isinstance(row.mark, Mark), key
            assert row.source, key


@pytest.mark.parametrize(
    ("file", "source", "log"),
    [
        ("APPEVENT.EVT", "fseccrservice", "Application"),
        ("SysEvent.Evt", "CLUSSVC", "System"),
        ("security.evtx", "Security", "Security"),
        ("other.evt", "Some Source", None),
    ],
)
def test_logs_are_told_by_file_name_and_by_source(file: str, source: str, log: str | None) -> None:
    """Names compare without case, and what is not known is None, never a guess."""
    profile = load_profile()
    assert (profile.log_of_file(file), profile.log_of_source(source)) == (log, log)


def test_a_file_of_ones_own_replaces_rows_and_adds_rows(tmp_path: Path) -> None:
    """A row with a known key goes in the place of the shipped one, another is added, the rest stays as it was."""
    path = tmp_path / "my.toml"
    added = '[[logs]]\nfile = "Old.evt"\nlog = "System"\nmark = "common"\nsource = "seen on site"\n'
    path.write_text("\ufeff" + CYCLE.format(60, "common") + added, "utf-8")
    shipped, own = load_profile(), load_profile(path)
    assert [(row.name, row.seconds, row.mark) for row in own.cycles] == [
        ("configuration", 60, Mark.COMMON), ("engines", 300, Mark.DOCUMENTED),
    ]  # fmt: skip
    assert own.log_of_file("old.evt") == "System"
    assert own.replicated_files == shipped.replicated_files
    assert own.name == "fse-ccr"


def test_a_profile_can_stand_alone() -> None:
    """`extends = "none"` begins with nothing, for another product."""
    own = parse_profile('extends = "none"\nname = "other"\n' + CYCLE.format(60, "common"), "other.toml")
    assert (own.name, len(own.cycles), own.replicated_files) == ("other", 1, ())


def test_the_profile_of_a_case_stays_with_it(tmp_path: Path) -> None:
    """A case without a profile has the shipped one, a case with one has that, and a bad one is told as such."""
    with Case.create(tmp_path / "case.db") as case:
        assert profile_of(case) == load_profile()
        case.set_setting("profile", CYCLE.format(45, "common"))
        assert profile_of(case).cycles[0].seconds == 45
        case.set_setting("profile", "cycles = 3")
        with pytest.raises(ProfileError, match=r"kept in .*case\.db line 1"):
            profile_of(case)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("x = \n", 1, "not TOML.*line 1"),
        ("\n" + CYCLE.format('"soon"', "common"), 4, r"cycles\[0\].seconds: Expected `int`"),
        (CYCLE.format(0, "common"), 3, "cycles.*seconds"),
        (CYCLE.format(30, "certain"), 4, "mark.*certain.*documented, inferred, common, unverified, unknown"),
        (CYCLE.format(30, "common") + "\n# again\n" + CYCLE.format(3, "common"), 9, "second time"),
        (CYCLE.format(30, "common") + 'colour = "red"\n', 6, r"cycles\[0\].*unknown field `colour`"),
        ('[[logs]]\nfile = "a"\nlog = "b"\nmark = "common"\n', 1, r"logs\[0\].*missing required field `source`"),
        ('\n[[gremlins]]\nname = "a"\n', 2, "unknown field `gremlins`"),
        ("schema = 2\n", 1, "schema"),
        ("cycles = 3\n", 1, "cycles: Expected `array`"),
        ('extends = "nothing"\n', 1, "no such profile is shipped"),
        ("a = " + "[" * 5000, None, "not TOML"),
    ],
)
def test_a_bad_profile_is_told_by_line_and_field(tmp_path: Path, text: str, line: int | None, words: str) -> None:
    """What is wrong is said in one line with the file, the line and the field; the exit code is that of wrong usage."""
    path = tmp_path / "bad.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ProfileError, match=words) as raised:
        load_profile(path)
    assert isinstance(raised.value, UsageError)
    assert str(raised.value).startswith(f"{path}:" if line is None else f"{path} line {line}:")
    assert "\n" not in str(raised.value)


def test_files_that_are_no_profiles(tmp_path: Path) -> None:
    """A missing file, a folder, text that is not UTF-8, and a file too large to be one are each said to be that."""
    with pytest.raises(MissingPathError, match="nowhere"):
        load_profile(tmp_path / "nowhere.toml")
    with pytest.raises(MissingPathError):
        load_profile("no-such-name")
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'name = "a"\ntitle = "gr\xfcn"\n')
    with pytest.raises(ProfileError, match=r"latin.toml line 2: it is not UTF-8"):
        load_profile(tmp_path / "latin.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(ProfileError, match="larger than 1 MiB"):
        load_profile(tmp_path / "large.toml")


@given(st.one_of(st.text(), st.text("[]{}=\"'.\n#ace cyclesname1-").map(lambda text: "[[cycles]]\n" + text)))
def test_no_text_raises_anything_else(text: str) -> None:
    """Whatever the text, the answer is a profile or a ProfileError."""
    try:
        assert isinstance(parse_profile(text, "x"), Profile)
    except ProfileError as error:
        assert str(error).isprintable()  # noqa: PT017 - both outcomes are right
