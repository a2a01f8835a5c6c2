"""The report as a document: valid, reachable, legible, the same for the same case; nothing of evidence acts."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import sqlite3
from functools import lru_cache
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise

import pytest
from report_stage import HOSTILE, made, page_of

from forensics.report.markup import Marker, moment, safe
from forensics.text import UNPRINTABLE

html5lib = pytest.importorskip("html5lib", reason="html5lib is not installed")
NAMESPACE = "{http://www.w3.org/1999/xhtml}"
STYLE = (files("forensics.report") / "templates" / "report.css").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pages():
    """The cases and reports of the sample incident, of hostile evidence, and of 10,000 events."""
    return {
        name: (made(name)[0], made(name)[1].read_text(encoding="utf-8")) for name in ("sample", "hostile", "crowded")
    }


@lru_cache(maxsize=4)
def tree(page):
    """The page as a strict parser of HTML reads it: it raises on the first thing that is not valid."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=True).parse(page)


def elements(page, *names):
    wanted = {NAMESPACE + name for name in names}
    return [one for one in tree(page).iter() if one.tag in wanted]


def text_of(element):
    return "".join(element.itertext())


@pytest.mark.parametrize("name", ["sample", "hostile", "crowded"])
def test_the_page_is_valid(pages, name):
    """An independent parser finds nothing wrong; ids are there once, and every link leads to one of them."""
    page = pages[name][1]
    every = list(tree(page).iter())
    ids = [one.get("id") for one in every if isinstance(one.tag, str) and one.get("id")]
    assert len(ids) == len(set(ids))
    links = [one.get("href") for one in every if isinstance(one.tag, str) and one.get("href") is not None]
    assert links
    assert all(link[:1] == "#" and link[1:] in ids for link in links)
    for one in every:
        for label in ("aria-labelledby", "aria-describedby"):
            if isinstance(one.tag, str) and one.get(label):
                assert set(one.get(label).split()) <= set(ids)


@pytest.mark.parametrize("name", ["sample", "hostile", "crowded"])
def test_the_page_can_be_read_aloud(pages, name):
    """One h1, headings without a step left out, a landmark for each part, tables with captions and scopes."""
    page = pages[name][1]
    levels = [int(one.tag[-1]) for one in elements(page, "h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert [len(elements(page, tag)) for tag in ("main", "header", "footer", "nav")] == [1, 1, 1, 1]
    assert elements(page, "html")[0].get("lang") == "en"
    tables = elements(page, "table")
    assert tables
    for table in tables:
        assert text_of(table.find(f"{NAMESPACE}caption")).strip()
        assert all(cell.get("scope") in {"col", "row"} for cell in table.iter(f"{NAMESPACE}th"))
        width = len(list(table.find(f"{NAMESPACE}thead").iter(f"{NAMESPACE}th")))
        assert all(len(row) == width for row in table.find(f"{NAMESPACE}tbody"))


@pytest.mark.parametrize("name", ["sample", "hostile"])
def test_only_the_pages_own_script_may_run(pages, name):
    """The policy forbids everything but the one style and the one script in the page, known by their hashes."""
    page = pages[name][1]
    (policy,) = [
        one.get("content") for one in elements(page, "meta") if one.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (block,) = elements(page, tag)
        digest = base64.b64encode(hashlib.sha256(text_of(block).encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    assert page.index("Content-Security-Policy") < page.index("<style>")


@pytest.mark.parametrize("name", ["sample", "hostile", "crowded"])
def test_nothing_of_evidence_is_markup(pages, name):
    """Hostile text makes no element, no attribute that acts, and no character that hides; it is there, escaped."""
    page = pages[name][1]
    allowed = {
        "html", "head", "meta", "title", "style", "body", "a", "header", "div", "p", "h1", "h2", "h3", "h4", "time",
        "nav", "ol", "li", "ul", "main", "section", "dl", "dt", "dd", "pre", "code", "figure", "button", "article",
        "span", "table", "caption", "thead", "tbody", "tr", "th", "td", "footer", "script", "strong", "br",
        "svg", "g", "path", "rect", "circle", "text", "desc", "defs", "clipPath", "pattern",
    }  # fmt: skip
    for one in tree(page).iter():
        assert isinstance(one.tag, str), "the page holds no comments"
        assert one.tag.rpartition("}")[2] in allowed
        for attribute in one.attrib:
            assert not str(attribute).lower().startswith("on")
            assert attribute not in {"style", "src", "srcset", "action", "formaction", "srcdoc", "background", "ping"}
    assert not re.search(f"[{UNPRINTABLE}]", page.replace("\n", ""))
    if name == "hostile":
        shown = text_of(elements(page, "body")[0])
        assert "<script>window.hacked = 1</script>" in shown
        assert "{{ 7 * 7 }}" in shown
        assert r"left\u202egnp.exe" in shown
        assert r"\x1b[2J" in shown


def test_every_text_can_be_shown():
    """Whatever a text holds, what is shown of it is printable, one line, and goes into UTF-8; markup is escaped."""
    marker = Marker(frozenset({"event:7"}))
    for text in HOSTILE:
        shown = str(marker.prose(text))
        shown.encode("utf-8")
        assert not re.search(f"[{UNPRINTABLE}]", shown)
        assert not re.search(r"<(?!/?code>)", shown)
        assert safe(text) == safe(safe(text))
    assert marker.prose("see event:7, event:8") == (
        'see <a class="ref" href="#event-7">event:7</a>, <span class="ref">event:8</span>'
    )
    assert "<b>" not in str(moment("<b>"))


def test_the_same_case_gives_the_same_bytes(pages, tmp_path):
    """A copy of the case under another name gives the same page, and the page names no place of this machine."""
    case, page = pages["sample"]
    other = tmp_path / "renamed elsewhere.db"
    shutil.copy(case, other)
    assert page_of(other, tmp_path / "again").read_text(encoding="utf-8") == page
    assert str(case.parent) not in page
    assert str(tmp_path.parent) not in page
    assert not re.search(r"/(?:home|tmp|root|usr|var)/", page)


class _Text(HTMLParser):
    """The text of a page, by the standard library's parser."""

    def __init__(self):
        super().__init__()
        self.parts = []

    def handle_data(self, data):
        self.parts.append(data)


def test_the_sample_is_told(pages):
    """The report says what was lost, where it still is, with both hashes, and shows the records behind it."""
    case, page = pages["sample"]
    reader = _Text()
    reader.feed(page)
    text = "".join(reader.parts)
    sql = "SELECT time, earliest, latest FROM role_transitions WHERE cluster_group = 'CMS1'"
    with sqlite3.connect(case) as connection:
        (row,) = connection.execute(
            "SELECT file, node, lost_sha256, current_sha256, evidence FROM overwrites"
        ).fetchall()
        hashes = [one for (one,) in connection.execute("SELECT sha256 FROM evidence WHERE sha256 IS NOT NULL")]
        moves = connection.execute(sql).fetchall()
    connection.close()
    assert "A saved change to ScanJobs.fdb was lost" in text
    for wanted in (row[0], row[1], row[2], row[3], "restore this one", "EXNODE2 was 36.4 s ahead", *hashes):
        assert wanted in text
    ids = {one.get("id") for one in tree(page).iter() if isinstance(one.tag, str)}
    for reference in re.findall(r"(?:event|file):\d+", row[4]):
        assert reference.replace(":", "-") in ids
    for move in moves:
        assert all(time in text for time in move)


def test_ten_thousand_events_are_told_shortly(pages):
    """Of many events the essential is shown, what is left out is said with its command; the page stays small."""
    page = pages["crowded"][1]
    assert len(page) < 2_000_000
    rows = sum(1 for _ in elements(page, "tr"))
    assert 200 < rows < 2_500
    shown = text_of(elements(page, "main")[0])
    assert re.search(r"[\d,]+ more moves are not shown here. All of them: ccrf roles CASE", shown)
    assert re.search(r"Left out here: [\d,]+ \w+", shown)
    assert "ccrf timeline CASE" in shown
    assert re.search(r"[\d,]+ short intervals? and [\d,]+ moves are left out of the picture", shown)


# -- colours -----------------------------------------------------------------------------------------------------------

ON = {
    "--paper": ["--ink", "--soft", "--link", "--bad", "--good", "--doubt"],
    "--panel": ["--ink", "--soft", "--link"],
    "--bad-panel": ["--ink", "--soft", "--link", "--bad"],
    "--good-panel": ["--ink", "--soft", "--link", "--good"],
    "--doubt-panel": ["--ink", "--soft", "--link"],
    "--active": ["--on-active"],
    "--passive": ["--on-passive"],
    "--down": ["--on-down"],
    "--ink": ["--paper"],
    "--bad": ["--paper"],
    "--soft": ["--paper"],
}
# Signs that are no text: WCAG 2.2, 1.4.11.
SIGNS = ["--active", "--down", "--mark", "--saved", "--copied", "--backup", "--bad", "--focus", "--dot"]


def themes():
    """The colours of the light, the dark and the printed page."""
    blocks = re.findall(r":root\s*\{([^}]*)\}", STYLE)
    return [dict(re.findall(r"(--[\w-]+):\s*(#[0-9a-f]{6})", block)) for block in blocks]


def contrast(one, other):
    """The ratio of two colours: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""

    def luminance(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_colours_can_be_told_apart():
    """Every text has a contrast of 4.5 on what it stands on, every sign of 3, in light, in dark and printed."""
    found = themes()
    assert len(found) == 3
    for colours in found:
        for ground, texts in ON.items():
            for text in texts:
                assert contrast(colours[ground], colours[text]) >= 4.5, (ground, text)
        for sign in SIGNS:
            assert contrast(colours["--paper"], colours[sign]) >= 3, sign


def test_all_colours_are_variables():
    """No rule names a colour of its own, so that none escapes the test of contrasts."""
    rules = re.sub(r":root\s*\{[^}]*\}", "", STYLE)
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(", rules)
