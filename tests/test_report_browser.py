"""The report in a browser: it draws what was, loads nothing, runs nothing of the evidence, can be read anywhere."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from report_stage import browser, case_of, look, made, page_of, requests_of, run

from samples.incident import Setting
from samples.incident import build as incident
from samples.incident.evidence import zip_bytes

BARS = """return [...document.querySelectorAll('#picture .picture')].slice(0, 1).flatMap(f => {
  const svg = f.querySelector('.scroll > svg');
  return [...svg.querySelectorAll('.bar')].map(bar => {
    const rect = bar.querySelector('rect.fill');
    return [bar.dataset.node, bar.dataset.role, bar.dataset.ref, +rect.getAttribute('x'), +rect.getAttribute('width'),
      svg.dataset.start, svg.dataset.end, +svg.dataset.left, +svg.dataset.right];
  });
})"""
WIDER = """const page = document.documentElement;
return [page.scrollWidth, page.clientWidth, [...document.querySelectorAll('main *, header *, footer *, nav *')]
  .filter(e => !e.closest('.scroll') && e.getBoundingClientRect().right > page.clientWidth + 1)
  .map(e => e.outerHTML.slice(0, 120)).slice(0, 5)]"""


@pytest.fixture(scope="module")
def wide():
    """One browser for the tests that need nothing special of it."""
    with browser() as seen:
        yield seen


def seconds(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def bars_of(seen):
    """Each bar of the first picture: node, role, id, and where its ends lie in time, from what is drawn."""
    found = []
    for node, role, ref, x, width, start, end, left, right in seen.execute_script(BARS):
        scale = (seconds(end) - seconds(start)) / (right - left)
        found.append(
            (node, role, ref, seconds(start) + (x - left) * scale, seconds(start) + (x + width - left) * scale)
        )
    return found


@pytest.mark.parametrize("name", ["sample", "hostile", "crowded"])
def test_it_renders_quietly(wide, name):
    """The page asks for no address but its own, and the console stays empty: no error, no breach of the policy."""
    requests_of(wide)
    wide.get_log("browser")
    address = made(name)[1].as_uri()
    look(wide, name)
    wide.execute_script("document.querySelectorAll('button').forEach(one => one.click())")
    assert set(requests_of(wide)) == {address}
    assert wide.get_log("browser") == []
    assert wide.execute_script("return document.querySelectorAll('.tools:not([hidden])').length") >= 1


def test_nothing_of_the_evidence_runs(wide):
    """With every string of the evidence an attack, nothing of it has run, and none of it is an element or a link."""
    look(wide, "hostile")
    assert wide.execute_script("return window.hacked") is None
    assert wide.execute_script("return document.scripts.length") == 1
    assert (
        wide.execute_script("return document.querySelectorAll('img, iframe, object, embed, form, input').length") == 0
    )
    assert wide.execute_script("return [...document.links].every(a => a.getAttribute('href').startsWith('#'))")
    body = wide.execute_script("return document.body.textContent")
    assert "<script>window.hacked = 1</script>" in body
    # The policy alone would have stopped it too: what is put into the page afterwards does not run.
    wide.execute_script("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hacked=2\">')")
    wide.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.hacked = 3'; document.body.append(s)"
    )
    assert wide.execute_script("return window.hacked") is None
    assert any("Content Security Policy" in entry["message"] for entry in wide.get_log("browser"))


@pytest.mark.parametrize("scripts", [True, False])
def test_the_bars_are_those_of_the_incident(wide, scripts):
    """Each role that a node really had has its bar, where its time lies on the axis; with scripts and without."""
    truth = made("sample")[2]
    # The page tells times by the first node's clock: truth is true time.
    ahead = next(node for node in truth["nodes"] if node["name"] == "EXNODE1")["clock"][0]["offset_seconds"]
    look(wide, "sample", scripts=scripts)
    found = bars_of(wide)
    wanted = [(one["node"], one["role"], seconds(one["start"]), seconds(one["end"])) for one in truth["intervals"]]
    wanted = [one for one in wanted if one[3] - one[2] > 600]
    assert len(wanted) >= 8
    for node, role, start, end in wanted:
        near = [
            bar
            for bar in found
            if bar[:2] == (node, role) and abs(bar[3] - start - ahead) < 240 and abs(bar[4] - end - ahead) < 900
        ]
        assert len(near) == 1, (node, role, start, [bar for bar in found if bar[0] == node])


def test_the_picture_says_what_the_command_says(wide):
    """There is one bar for each interval of `ccrf roles`, from its start to its end, and one arrow for each move."""
    case = made("sample")[0]
    roles = json.loads(run("roles", case, "--format", "json").stdout)
    look(wide, "sample")
    found = {ref: bar for *bar, ref in ((n, r, a, b, ref) for n, r, ref, a, b in bars_of(wide))}
    assert set(found) == {one["id"] for one in roles["intervals"]}
    for one in roles["intervals"]:
        node, role, start, end = found[one["id"]]
        assert (node, role) == (one["node"], one["role"])
        # A unit of the drawing is minutes here; a short bar is widened to two.
        assert abs(start - seconds(one["start"])) < 2 or seconds(one["end"]) - seconds(one["start"]) < 700
        assert abs(end - seconds(one["end"])) < 2 or seconds(one["end"]) - seconds(one["start"]) < 700
    moves = wide.execute_script("return [...document.querySelectorAll('.picture')][0].querySelectorAll('.move').length")
    assert moves == len(roles["transitions"])


def test_zoom_shows_another_scale(wide):
    """Zooming moves the bars to where their times lie on the new scale; the whole span brings all back."""
    look(wide, "sample")
    before = wide.execute_script(BARS)
    wide.execute_script("document.querySelector('[data-from]').click()")
    state = "const m = document.querySelectorAll('.picture')[0].querySelectorAll('.move'); return m[m.length - 1]"
    x = wide.execute_script(f"{state}.querySelector('g').getAttribute('transform')")
    assert 300 < float(x.split("(")[1].split(",")[0]) < 1000
    assert wide.execute_script(BARS) != before
    wide.execute_script("document.querySelector('[data-zoom=all]').click()")
    after = wide.execute_script(BARS)
    assert [one[:3] for one in after] == [one[:3] for one in before]
    for one, other in zip(before, after, strict=True):
        assert one[3:5] == pytest.approx(other[3:5], abs=0.01) or one[4] == 2


def test_signs_say_what_they_are(wide):
    """A sign that gets the focus shows its text at once; Escape takes it away."""
    look(wide, "sample")
    wide.execute_script("document.querySelector('.picture .move').focus()")
    tip = "return [...document.querySelectorAll('.hint')].filter(one => !one.hidden).map(one => one.textContent)"
    (told,) = wide.execute_script(tip)
    assert told.startswith("transition:1: from EXNODE1 to EXNODE2 at 2008-01-07T20:02:36")
    wide.execute_script("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
    assert wide.execute_script(tip) == []


def test_everything_can_be_reached_by_keyboard(wide):
    """The first stop of the keyboard leads past the contents; what scrolls can be focused; the focus can be seen."""
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    look(wide, "sample")
    wide.switch_to.active_element.send_keys(keys.TAB)
    assert wide.execute_script("return document.activeElement.className") == "skip"
    assert wide.execute_script("return document.activeElement.getBoundingClientRect().top") >= 0
    wide.switch_to.active_element.send_keys(keys.ENTER)
    assert wide.execute_script("return document.activeElement.id") == "main"
    assert wide.execute_script(
        "return [...document.querySelectorAll('.scroll')].every(e => e.tabIndex === 0 && e.matches('[role=region]'))"
    )
    wide.switch_to.active_element.send_keys(keys.TAB)
    assert wide.execute_script("return getComputedStyle(document.activeElement).outlineWidth") == "3px"


@pytest.mark.parametrize("name", ["sample", "hostile", "crowded"])
@pytest.mark.parametrize("width", [320, 1440])
def test_no_layout_breaks(wide, name, width):
    """At 320 pixels and wide, with hostile words and with 10,000 events, nothing hangs out of the page."""
    look(wide, name, width=width)
    assert wide.execute_script(WIDER) == [width, width, []]


def test_dark_is_dark(wide):
    """Whoever asks for dark pages gets one, from the same file."""
    colour = "return getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number)"
    shades = []
    for dark in (False, True):
        look(wide, "sample", dark=dark)
        shades.append(sum(wide.execute_script(colour)[:3]))
    assert shades[0] > 700
    assert shades[1] < 120


def test_without_scripts_it_is_complete(wide):
    """With scripts switched off every section, sign and title is there, and no button that would do nothing."""
    look(wide, "sample", scripts=False)
    assert wide.execute_script("return document.querySelectorAll('.tools:not([hidden])').length") == 0
    # A sign without an own title could say nothing.
    assert wide.execute_script(
        "return [...document.querySelectorAll('.picture a')].every(one => one.querySelector('title'))"
    )
    ids = wide.execute_script("return [...document.querySelectorAll('main > section')].map(one => one.id)")
    assert ids[:4] == ["summary", "todo", "picture", "losses"]
    assert {"roles", "happened", "files", "backups", "clocks", "read", "words", "records"} <= set(ids)


def test_it_prints(wide):
    """Printed, the page gives sheets with everything on them, and a picture as wide as the sheet."""
    look(wide, "sample", media="print")
    assert wide.execute_script(
        "return [...document.querySelectorAll('.contents, .tools, .skip')].every(e => !e.getClientRects().length)"
    )
    assert wide.execute_script("return getComputedStyle(document.querySelector('.scroll')).overflowX") == "visible"
    printed = wide.execute_cdp_cmd("Page.printToPDF", {"printBackground": True, "preferCSSPageSize": True})
    content = base64.b64decode(printed["data"])
    assert content.startswith(b"%PDF-")
    assert 10 <= content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") <= 60


@pytest.mark.parametrize(("scenario", "system"), [("window-forced-sync", "2003"), ("loss-clean", "2008")])
def test_other_incidents_render(tmp_path, wide, scenario, system):
    """Other incidents give a whole page too: losses of another kind, and none at all."""
    played = incident(Setting(scenario, system, 3))
    (tmp_path / "incident.zip").write_bytes(zip_bytes(played.items))
    wide.get_log("browser")
    wide.get(page_of(case_of(tmp_path, tmp_path / "incident.zip"), tmp_path / "out").as_uri())
    assert wide.get_log("browser") == []
    losses = [one for one in played.truth["losses"] if one["in_place"]]
    articles = wide.execute_script("return document.querySelectorAll('article.finding:not(.mended)').length")
    assert articles == len(losses)
    heading = wide.execute_script("return document.querySelector('h1').textContent")
    assert ("No loss" in heading) == (not losses)
