"""What a cleanup removes and what not, the commands for it, and the scripts that hold them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from checkpoint_cases import PRODUCT_KEY, SCAN_KEY, STORE
from hypothesis import given
from hypothesis import strategies as st

from forensics import __version__
from forensics.checkpoints.batch import HEADS, cleanup_script, undo_script
from forensics.checkpoints.model import Checkpoint, CheckpointKind
from forensics.checkpoints.scripts import (
    REMOVALS_MAX,
    Plan,
    Removal,
    key_fault,
    name_fault,
    plan_cleanup,
    removal_command,
)
from forensics.roles.model import Confidence

GOLDEN = Path(__file__).resolve().parent / "golden"


def checkpoint(number, *, node="EXNODE1", resource=STORE, key=SCAN_KEY, stale=True, crypto=False, ours=True):
    """A checkpoint as the analysis concludes it; by default a stale one of the product."""
    kind = CheckpointKind.CRYPTO if crypto else CheckpointKind.REGISTRY
    return Checkpoint(
        f"checkpoint:{number}", node, resource, key, kind, ours, stale, None, Confidence.PROBABLE, (), f"Why {number}.",
        None,
    )  # fmt: skip


def removals(*checkpoints):
    """What a plan removes, as resource, key and nodes."""
    return [(one.resource, one.key, one.nodes) for one in plan_cleanup(checkpoints).removals]


def left_out(*checkpoints):
    """What a plan leaves out: by id whether it should go, and why."""
    return {one.checkpoint: (one.stale, one.why) for one in plan_cleanup(checkpoints).left_out}


def test_only_stale_registry_checkpoints_of_the_product_go():
    """Crypto, another product's, needed and unknown ones are left out, each with its reason."""
    found = [
        checkpoint(1),
        checkpoint(2, crypto=True, key=r"1\Microsoft\Keys"),
        checkpoint(3, ours=False, key=r"SOFTWARE\Other"),
        checkpoint(4, stale=None, resource="Another"),
        checkpoint(5, stale=False, resource="A third"),
        checkpoint(6, resource=None),
        checkpoint(7, crypto=True),
        checkpoint(8, ours=False),
    ]
    assert removals(*found) == [(STORE, SCAN_KEY, ("EXNODE1",))]
    told = left_out(*found)
    assert sorted(told) == [f"checkpoint:{n}" for n in range(2, 9)]
    assert [name for name, (stale, _) in told.items() if stale] == ["checkpoint:6"]
    assert told["checkpoint:4"][1] == "Why 4."
    assert "never removed" in told["checkpoint:2"][1]


def test_what_two_nodes_show_is_removed_once():
    """The cluster keeps a checkpoint once: rows of two nodes are one removal, whatever the case of their letters."""
    found = [checkpoint(1), checkpoint(2, node="EXNODE2", key=SCAN_KEY.upper(), resource=STORE.upper())]
    assert removals(*found) == [(STORE, SCAN_KEY, ("EXNODE1", "EXNODE2"))]
    assert plan_cleanup(found).removals[0].checkpoints == ("checkpoint:1", "checkpoint:2")


@pytest.mark.parametrize("key", [PRODUCT_KEY, PRODUCT_KEY.replace("SOFTWARE", r"SOFTWARE\Wow6432Node")])
def test_what_one_node_needs_stays(key):
    """Where one node is known to need a checkpoint of either registry view, it is not removed for another's sake."""
    found = [checkpoint(1, key=PRODUCT_KEY), checkpoint(2, node="EXNODE2", key=key, stale=False)]
    assert removals(*found) == []
    assert "checkpoint:2" in left_out(*found)["checkpoint:1"][1]


def test_a_plan_is_bounded_and_does_not_depend_on_order():
    """Evidence full of made-up checkpoints gives a bounded plan, and any order the same."""
    found = [checkpoint(n, resource=f"Resource {n:03}") for n in range(REMOVALS_MAX + 5)]
    plan = plan_cleanup(found)
    assert len(plan.removals) == REMOVALS_MAX
    assert sum(one.stale for one in plan.left_out) == 5
    assert plan_cleanup(found[::-1]) == plan


@pytest.mark.parametrize(
    "name",
    [
        'a" & del "x', "100%", "%PATH%", "a^b", "wow!", "$(reboot)", "`id`", "\u201cStore\u201d", "Bo\u00eete", "",
        "a\nb", "a\x00b", "/delete", "-x", "name:other", "a,b", "a=b", "a\\", "a|b", "a<b", "a>b", "x" * 256,
        " a", "a*b",
    ],
)  # fmt: skip
def test_names_that_a_command_cannot_carry_are_refused(name):
    """A name of which anything could be taken for something else is put into no command, and the reason is told."""
    assert name_fault(name)
    one = checkpoint(1, resource=name)
    assert removal_command(one) is None
    assert removals(one) == []
    assert left_out(one)["checkpoint:1"][0] is True


@pytest.mark.parametrize(
    "key", [r"SOFTWARE", r"\SOFTWARE\A", "SOFTWARE\\A\\", r"SOFTWARE\\A", 'SOFTWARE\\A" "B', "A\\B,C"]
)
def test_keys_that_a_command_cannot_carry_are_refused(key):
    """So are keys with a backslash before a quote, two backslashes, quotes or commas, and a whole hive."""
    assert key_fault(key)
    assert removal_command(checkpoint(1, key=key)) is None


def test_harmless_names_are_carried_as_they_are():
    """Spaces, parentheses, an ampersand and an apostrophe stand between straight quotes unchanged."""
    one = checkpoint(1, resource="Notes & (friends) d'un autre {1} #2", key=r"SOFTWARE\A & B\It's (x)")
    wanted = f'cluster res "{one.resource}" /removecheckpoints:"{one.key}"'
    assert removal_command(one) == wanted
    plan = plan_cleanup([one])
    assert f"call {wanted} >" in cleanup_script(plan, "case.db").decode("ascii")
    assert r"Name='Notes & (friends) d\'un autre" in cleanup_script(plan, "case.db").decode("ascii")


_HOSTILE = st.text(
    st.one_of(
        st.sampled_from("\"%^&!|<>()'`$;,=:/\\ \t\r\n\u201c\u201d\u2018\u2019\u00ab\u00e9ab1-*?"), st.characters()
    ),
    max_size=40,
)
_COMMAND = re.compile(
    r'cluster res "[^"%!^$`/\\]+" /(?:checkpoints|status|(?:add|remove)checkpoints:"[^"%!^$`/]+[^"%!^$`/\\]")'
)


_ANY = st.one_of(_HOSTILE, st.text("abZ019 _.(){}[]#&+@~'-", max_size=40))


@given(_ANY, _ANY, _ANY, _ANY)
def test_no_hostile_name_gets_into_a_script(name, key, node, case):
    """Whatever names evidence has, scripts are ASCII with CR LF and whole commands, and no name adds a special sign."""
    plan = plan_cleanup([checkpoint(1), checkpoint(2, resource=name, key=f"SOFTWARE\\{key}", node=node)])
    assert STORE in plan.resources
    harmless = Plan(tuple(replace(one, resource=f"R{len(one.resource)}", key=r"A\B") for one in plan.removals), ())
    for script in (cleanup_script, undo_script):
        text = script(plan, case).decode("ascii")
        plain = script(harmless, "x").decode("ascii")
        assert {sign: text.count(sign) for sign in '"%!^`$|<>\r\n'} == {s: plain.count(s) for s in '"%!^`$|<>\r\n'}
        assert not any(char < " " for line in text.split("\r\n") for char in line)
        commands = [line for line in text.split("\r\n") if line.startswith("call cluster ")]
        assert len(commands) >= 2
        for line in commands:
            command = line.removeprefix("call ").removesuffix(' >"%OUT%" 2>&1')
            assert _COMMAND.fullmatch(command), command


@pytest.mark.parametrize(("name", "script"), [("cleanup.cmd", cleanup_script), ("undo.cmd", undo_script)])
def test_the_scripts_are_these(name, script):
    """Both scripts for the two checkpoints of the product, byte for byte."""
    plan = plan_cleanup([checkpoint(1, key=PRODUCT_KEY), checkpoint(2), checkpoint(3, key=PRODUCT_KEY, node="EXNODE2")])
    content = script(plan, "case.db")
    assert content.startswith(HEADS[name].encode())
    assert content.count(b"\n") == content.count(b"\r\n") == content.count(b"\r")
    text = content.decode("ascii").replace("\r\n", "\n").replace(f"ccrf {__version__}", "ccrf VERSION")
    assert text == (GOLDEN / name).read_text(encoding="ascii")


def test_nothing_but_the_planned_is_in_the_scripts():
    """A script removes what its plan says and nothing else, takes nothing offline, and the undo adds the same."""
    plan = plan_cleanup(
        [checkpoint(1, key=PRODUCT_KEY), checkpoint(2), checkpoint(3, ours=False, key=r"SOFTWARE\Other")]
    )
    removed = re.findall(
        r'^call cluster res "([^"]+)" /removecheckpoints:"([^"]+)"', _text(cleanup_script, plan), re.MULTILINE
    )
    added = re.findall(r'^call cluster res "([^"]+)" /addcheckpoints:"([^"]+)"', _text(undo_script, plan), re.MULTILINE)
    assert removed == added == [(STORE, PRODUCT_KEY), (STORE, SCAN_KEY)]
    for script in (cleanup_script, undo_script):
        assert not re.search(r"/off|/on|crypto|/delete|/fail", _text(script, plan).replace("/off-", ""), re.IGNORECASE)
        assert _text(script, plan) == _text(script, plan)


def _text(script, plan: Plan) -> str:
    return script(plan, "case.db").decode("ascii")


def test_a_removal_is_what_it_says():
    """A plan's order is by resource and key, and its nodes are those of its removals."""
    plan = Plan((Removal("B", r"A\B", ("checkpoint:1",), ("N2", "N1")), Removal("A", r"A\B", (), ("N1",))), ())
    assert plan.resources == ("B", "A")
    assert plan.nodes == ("N1", "N2")
