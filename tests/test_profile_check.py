"""A profile is checked as a whole: every fault with its line, and what a sound one does."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.errors import MissingPathError, ProfileError
from forensics.profile import TABLES, load_profile, profile_text, shipped_names
from forensics.profile_check import FindingKind, check_profile, in_short
from forensics.profile_lines import Lines

ERROR, WARNING, REPLACES, ADDS = FindingKind.ERROR, FindingKind.WARNING, FindingKind.REPLACES, FindingKind.ADDS

BAD = '''nam = "x"
[[events]]
key = "a"
event_sources = []
id = 70000
claim = "backup"
mark = "sure"
requires = [{ string = 0, equals = "x" }]
colour = 1

[[events]]
key = 'b'   # [[events]]
event_sources = ["FSE*x"]
note = """
[[events]]
mark = 3
"""
id = 3
claim = "active"
mark = "common"
source = "me"

[[events]]
key = "B"
event_sources = ["FSE"]
claim = "active"
object = 1
object_pattern = "(a+)+"
id = 4
mark = "common"
source = "me"

  [[events.requires]]
  string = 1
  equals = "a"

  [[events.requires]]
  string = 1
  equals = "a"
  contains = "b"
[[events]]
"key" = "c"
event_sources = ["X"]
mark = "common"
source = "s"
claim = "active"
text = " "
'''


def checked(tmp_path, text):
    path = tmp_path / "my.toml"
    path.write_text(text, "utf-8")
    return check_profile(path)


def event(**fields):
    """A row of the catalogue as TOML, sound but for what `fields` change."""
    values = {
        "key": '"mine"', "event_sources": '["FSECCRService"]', "id": "9402", "claim": '"backup_made"',
        "mark": '"unverified"', "source": '"seen on site"',
    } | fields  # fmt: skip
    return "[[events]]\n" + "".join(f"{name} = {value}\n" for name, value in values.items() if value is not None)


def test_every_fault_is_told_with_its_line_and_field(tmp_path):
    """Not only the first: unknown and missing fields, types, ids, marks, claims, patterns, requirements and twins."""
    found = checked(tmp_path, BAD)
    assert not found.usable
    assert [(finding.kind, finding.line, finding.key, finding.field) for finding in found.findings] == [
        (ERROR, 1, "", ""),
        (ERROR, 2, "a", ""),
        (ERROR, 4, "a", "event_sources"),
        (ERROR, 5, "a", "id"),
        (ERROR, 6, "a", "claim"),
        (ERROR, 7, "a", "mark"),
        (ERROR, 8, "a", "requires[0].string"),
        (ERROR, 9, "a", "colour"),
        (ERROR, 13, "b", "event_sources"),
        (ERROR, 24, "B", "key"),
        (ERROR, 28, "B", "object_pattern"),
        (ERROR, 37, "B", "requires[1]"),
        (ERROR, 47, "c", "text"),
    ]
    said = " ".join(finding.says for finding in found.findings)
    for words in ("is name meant?", "field `source`", "4464", "backup_made", "unverified", "second time", "line 12"):
        assert words in said


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a = 1\nb = \n", 2, "not TOML"),
        ('a = "', 1, "not TOML"),
        ("\n\n[[cycles]\n", 3, "not TOML"),
        ('name = "x"\nextends = "wsf"\n', 2, "there are fse-ccr, wsfc"),
        ("events = 3\n", 1, "array"),
        ("events = [3]\n", 1, "row"),
        ("[events]\nkey = 1\n", 1, "array"),
        (event(any_id="true"), 8, "excludes an id"),
        (event(id=None), 1, "needs an id, any_id = true, or a text"),
        (event(object_pattern='"(x)"'), 8, "needs object"),
        (event(requires="[{ string = 1 }]"), 8, "exactly one"),
        (event(requires="[{ string = 1, one_of = [] }]"), 8, "nothing could match"),
        (event(strength='"very"'), 8, "strong, weak"),
        (event(id="true"), 4, "int"),
        (event(id="-1"), 4, ">= 0"),
    ],
)
def test_a_single_fault_is_told_alone(tmp_path, text, line, words):
    """One fault is one finding, with its line and the words that say what to do."""
    found = checked(tmp_path, text)
    assert [(finding.kind, finding.line) for finding in found.findings] == [(ERROR, line)]
    assert words in found.findings[0].says


def test_a_sound_extension_tells_what_it_does(tmp_path):
    """Added and replaced rows are told with their lines, what changes in a replaced one field by field."""
    cycle = '[[cycles]]\nname = "Configuration"\nseconds = 60\nmark = "common"\nsource = "seen"\n'
    found = checked(tmp_path, "# mine\n" + event() + cycle)
    assert (found.usable, found.extends) == (True, "fse-ccr")
    assert [(f.kind, f.line, f.table, f.key) for f in found.findings] == [
        (ADDS, 2, "events", "mine"),
        (REPLACES, 9, "cycles", "Configuration"),
    ]
    assert "seconds: 30 -> 60" in found.findings[1].says
    assert "mark: documented -> common" in found.findings[1].says


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (event(id="9410"), "id", "forced_sync (documented); this row goes before it"),
        (event(id="9410", event_sources='["FSE*"]'), "id", "that row goes before this one"),
        (event(id=None, any_id="true"), "any_id", "uninterpreted (unknown); this row goes before it"),
        (event(mark='"unknown"'), "mark", "write unverified"),
        (event(strength='"strong"'), "strength", "never more"),
        (event(claim='"group_online"'), "claim", "no object names it"),
        (event(claim='"node_removed"'), "claim", "speaks of a node"),
        (event(id=None, any_id="true", event_sources='["*"]'), "event_sources", "every event of every source"),
        (event() + event(key='"other"'), "", "never matches"),
        (event(id=None, text='"Hello  World"') + event(key='"x"', id=None, text='"hello world"'), "", "never matches"),
        (event(requires='[{ string = 1, equals = "a" }, { string = 1, one_of = ["b"] }]'), "requires", "never matches"),
        (event(requires='[{ string = 1, equals = "a" }, { string = 1, not_equals = "A" }]'), "requires", "never"),
        ('[[data_folders]]\npattern = "D:\\\\Data"\nmark = "common"\nsource = "x"\n', "pattern", "forward slashes"),
        ('[[replicated_files]]\nname = "a/b.fdb"\nmark = "common"\nsource = "x"\n', "name", "without its folder"),
        ('[[logs]]\nfile = "a/b.evt"\nlog = "System"\nmark = "common"\nsource = "x"\n', "file", "without its folder"),
        ('[[checkpoint_keys]]\nkey = \'HKLM\\A\'\nmark = "common"\nsource = "x"\n', "key", "relative to"),
        ('name = "x"\n', "", "changes nothing"),
    ],
)
def test_what_is_doubtful_is_a_warning(tmp_path, text, field, words):
    """What cannot do what its author means is told with its field, and the profile can be used all the same."""
    found = checked(tmp_path, text)
    warnings = [finding for finding in found.findings if finding.kind is WARNING]
    assert found.usable
    assert [finding.field for finding in warnings if words in finding.says] == [field]


@pytest.mark.parametrize(
    "text",
    [
        event(),
        event() + event(key='"other"', requires='[{ string = 1, equals = "a" }]'),
        event() + event(key='"other"', id="9403"),
        event(log='"System"') + event(key='"other"', log='"Application"'),
        event(event_sources='["FSE*"]') + event(key='"other"'),
        event(requires='[{ string = 1, equals = "a" }, { string = 1, contains = "A" }, { string = 2, equals = "b" }]'),
        event(id=None, text='"hello"') + event(key='"other"', id=None, text='"world"'),
    ],
)
def test_what_is_not_doubtful_is_no_warning(tmp_path, text):
    """Rows that differ in id, log, source, text or requirements can stand beside each other."""
    assert checked(tmp_path, text).count(WARNING) == 0


@pytest.mark.parametrize("name", shipped_names())
def test_what_is_shipped_is_sound(name):
    """The shipped profiles stand alone, have no error and no warning, and add every row that they have."""
    found = check_profile(name)
    assert found.extends == "none"
    assert {finding.kind for finding in found.findings} == {ADDS}
    assert len(found.findings) == len(list(load_profile(name).rows()))


def test_what_cannot_be_read_is_told(tmp_path):
    """A missing file and one that is no text are errors of their own."""
    with pytest.raises(MissingPathError):
        check_profile(tmp_path / "nowhere.toml")
    (tmp_path / "a.toml").write_bytes(b"\n\xff")
    with pytest.raises(ProfileError, match="line 2"):
        check_profile(tmp_path / "a.toml")


@pytest.mark.parametrize("name", shipped_names())
def test_a_row_in_short_says_how_its_event_is_told(name):
    """The line for people names the claim, every requirement and every text of the row."""
    for row in load_profile(name).events:
        line = in_short(row)
        assert line.startswith(row.claim)
        assert all(f"string {requirement.string}" in line for requirement in row.requires)
        assert row.text is None or repr(row.text) in line
        assert ("not in timelines" in line) is not row.matters


@pytest.mark.parametrize("name", shipped_names())
def test_lines_of_shipped_rows(name):
    """The line of a row's key is the line that holds it."""
    text = profile_text(name).text
    lines, document = Lines(text), tomllib.loads(text)
    written = text.splitlines()
    for table in set(TABLES) & set(document):
        for index, row in enumerate(document[table]):
            for field in row:
                line = lines.of(table, index, field)
                assert written[line - 1].startswith(f"{field} = ")
                assert tomllib.loads(written[line - 1])[field] == row[field]


VALUES = st.sampled_from(
    ["1", '"a"', "'[[t]]'", '"""\n[[t]]\nk0 = 1\n"""', "'''\n[x]\n'''", "[\n  1, # ]\n  2,\n]", '{ a = "}" }',
     '"\\" # ["', '""""a"""""', "[[1], [2]]", '"""a\\"""b"""', "'''it''s'''", '""', "2008-01-10"]
)  # fmt: skip
BLANKS = st.sampled_from(["", "\n", '# [[t]] "\n', "\n\n   # x = 1\n", "\r\n"])


@given(st.lists(st.tuples(st.sampled_from(["[[t]]", "[[ t ]]", '[["t"]]  # t', "[[t.u]]", "[[o]]"]),
                          st.lists(st.tuples(BLANKS, VALUES), max_size=4)), max_size=6))  # fmt: skip
def test_lines_of_any_layout(tables):
    """Whatever the strings, comments, arrays and blank lines before it, a key's line is where it was written."""
    text, expected, counts = "", {}, {}
    for header, keys in tables:
        if header == "[[t.u]]" and "t" not in counts:
            continue
        name = "o" if header == "[[o]]" else "t"
        text += header + "\n"
        if header == "[[t.u]]":
            below = (*("t", counts["t"]), "u")
            counts[below] = counts.get(below, -1) + 1
            path = (*below, counts[below])
        else:
            counts[name] = counts.get(name, -1) + 1
            path = (name, counts[name])
        expected[path] = text.count("\n")
        for number, (blank, value) in enumerate(keys):
            text += blank
            expected[(*path, f"k{number}")] = text.count("\n") + 1
            text += f"k{number} = {value}\n"
    tomllib.loads(text)
    lines = Lines(text)
    assert {path: lines.of(*path) for path in expected} == expected


@given(st.one_of(st.text(), st.text("[]{}=\"'.\n#\\ak1 ")))
def test_any_text_has_lines(text):
    """Of a text that is no TOML nothing is promised but an end, and lines within the text."""
    lines = Lines(text)
    for path in list(lines._lines):
        assert 1 <= lines.of(*path) <= text.count("\n") + 1
