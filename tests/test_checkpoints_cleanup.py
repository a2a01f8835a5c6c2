"""A cleanup run through a transport, or left as scripts: what it does, records and refuses."""

from __future__ import annotations

import ast
import json
import os
import shlex
import sys
import time

import pytest
from checkpoint_cases import PRODUCT_KEY, SCAN_KEY, STORE, case_of, installed, not_restored, removed, run
from cluster_standin import asked, build_unix, held, set_state
from hypothesis import given
from hypothesis import strategies as st

from forensics.case.audit import check_chain
from forensics.case.store import Case
from forensics.checkpoints.answers import State, is_listed, state_of
from forensics.checkpoints.cleanup import Outcome, run_cleanup, script_cleanup
from forensics.checkpoints.model import Checkpoint, CheckpointKind
from forensics.checkpoints.runner import OUTPUT_MAX, Transport, split_windows, text_of
from forensics.checkpoints.scripts import listing_command
from forensics.errors import RefusedError, UsageError
from forensics.roles.model import Confidence

STALE = {(STORE, PRODUCT_KEY), (STORE, SCAN_KEY)}
OTHERS = {(STORE, r"SOFTWARE\Another\Product"), (STORE, SCAN_KEY + r"\Below"), ("Disk Q", SCAN_KEY)}


def stale(number, key, node="EXNODE1", resource=STORE):
    """A stale checkpoint of the product."""
    kind, sure = CheckpointKind.REGISTRY, Confidence.PROBABLE
    return Checkpoint(f"checkpoint:{number}", node, resource, key, kind, True, True, None, sure, (), "Gone.", None)


BOTH = (stale(1, PRODUCT_KEY), stale(2, SCAN_KEY))


@pytest.fixture
def case(tmp_path):
    """An empty case, open for writing."""
    with Case.create(tmp_path / "case.db") as opened:
        yield opened


@pytest.fixture
def cluster(tmp_path):
    """A folder with stand-ins for the programs of a node."""
    folder = tmp_path / "bin"
    folder.mkdir()
    build_unix(folder)
    set_state(folder, sorted(STALE | OTHERS))
    return folder


def transport(folder, timeout=60.0):
    """The shell of this machine, as if it were that of a node."""
    return Transport.parse(f"env {shlex.quote(f'PATH={folder}:' + os.environ['PATH'])} sh -c", timeout)


def records(case):
    """What the audit says of cleanups."""
    assert check_chain(case) == []
    rows = case.rows("SELECT detail FROM audit WHERE action = 'checkpoint_cleanup' ORDER BY id")
    return [json.loads(row[0]) for row in rows]


def actions(folder):
    """The options that the stand-ins were called with, in order, without keys."""
    return [ast.literal_eval(line)[-1].partition(":")[0] for line in asked(folder)]


def special(folder, option, *lines):
    """Let the stand-in do something else first where an option holds that text."""
    folder.joinpath("special.txt").write_text("\n".join((option, *lines)) + "\n")


@pytest.mark.parametrize(
    ("status", "state", "confirmed", "outcome"),
    [
        ("Online", "2", False, Outcome.REFUSED),
        ("Online", "", True, Outcome.REFUSED),
        ("Online", "3", True, Outcome.REFUSED),
        ("Offline", "2", True, Outcome.REFUSED),
        ("Offline", "130", True, Outcome.REFUSED),
        ("Online Pending", "", True, Outcome.REFUSED),
        ("Failed", "4", False, Outcome.REFUSED),
        ("Failed", "4", True, Outcome.DONE),
        ("En ligne", "", False, Outcome.REFUSED),
        ("En ligne", "", True, Outcome.DONE),
        ("En ligne", "2", True, Outcome.REFUSED),
        ("Hors connexion", "3", False, Outcome.DONE),
        ("Offline", "", False, Outcome.DONE),
    ],
)
def test_it_stops_where_the_resource_may_be_online(case, cluster, tmp_path, status, state, confirmed, outcome):
    """Online is never overridden, doubt only by the operator, and nothing was changed where it stops."""
    set_state(cluster, sorted(STALE | OTHERS), status=status, state=state)
    result = run_cleanup(case, BOTH, tmp_path / "out", transport(cluster), offline_confirmed=confirmed)
    assert result.outcome is outcome, result.why
    refused = outcome is Outcome.REFUSED
    assert result.exit_code == (4 if refused else 0)
    assert held(cluster) == (STALE | OTHERS if refused else OTHERS)
    assert ("/removecheckpoints" in actions(cluster)) is not refused
    assert len(result.remaining) == (2 if refused else 0)
    assert (tmp_path / "out" / "cleanup.cmd").exists() is refused
    assert records(case)[-1]["outcome"] == outcome.value


def test_what_says_that_it_is_gone_and_is_not_is_still_there(case, cluster, tmp_path):
    """A removal that succeeds without effect is found in the listing afterwards, and stays in the script."""
    special(cluster, "/removecheckpoints:SYSTEM", "sys.exit(0)")
    result = run_cleanup(case, BOTH, tmp_path, transport(cluster))
    assert (result.outcome, result.exit_code) == (Outcome.STILL_THERE, 3)
    assert [one.key for one in result.remaining] == [SCAN_KEY]
    assert [one.key for one in result.removed] == [PRODUCT_KEY]
    script = (tmp_path / "cleanup.cmd").read_text()
    assert SCAN_KEY in script
    assert PRODUCT_KEY not in script


def test_nothing_listed_is_doubt(case, cluster, tmp_path):
    """Where none of the stale checkpoints is listed nothing is asked any more, and that is not called done."""
    set_state(cluster, sorted(OTHERS))
    result = run_cleanup(case, BOTH, tmp_path, transport(cluster))
    assert (result.outcome, result.exit_code) == (Outcome.STILL_THERE, 3)
    assert actions(cluster) == ["/checkpoints"]
    assert held(cluster) == OTHERS


def test_one_that_is_gone_already_is_not_removed_again(case, cluster, tmp_path):
    """What the listing does not show any more is not removed, and does not count as a failure."""
    set_state(cluster, sorted(OTHERS | {(STORE, SCAN_KEY)}))
    result = run_cleanup(case, BOTH, tmp_path, transport(cluster))
    assert result.outcome is Outcome.DONE
    assert actions(cluster).count("/removecheckpoints") == 1
    assert held(cluster) == OTHERS


def test_each_node_gets_its_turn(case, cluster, tmp_path):
    """With `{node}` all nodes are asked before anything is changed; what the first removed is gone for the second."""
    log = tmp_path / "nodes.txt"
    shell = f'echo {{node}} >> {log}; PATH={cluster}:$PATH; eval "$0"'
    way = Transport.parse(f"sh -c {shlex.quote(shell)}")
    found = [*BOTH, stale(3, SCAN_KEY, "EXNODE2")]
    result = run_cleanup(case, found, tmp_path / "out", way)
    assert result.outcome is Outcome.DONE, result.why
    assert held(cluster) == OTHERS
    assert log.read_text().split() == [ran.node for ran in result.ran]
    steps = [(ran.node, ran.command.split("/")[-1].split(":")[0].split()[-1]) for ran in result.ran]
    assert steps.index(("EXNODE2", "status")) < steps.index(("EXNODE1", "removecheckpoints"))
    assert ("EXNODE2", "removecheckpoints") not in steps
    hostile = run_cleanup(case, [stale(1, SCAN_KEY, "-oProxyCommand=x")], tmp_path / "out", way)
    assert hostile.outcome is Outcome.FAILED
    assert hostile.ran[0].code is None
    assert len(log.read_text().split()) == len(result.ran), "it was never started"


def test_a_failure_of_the_query_is_doubt_and_no_failure(case, cluster, tmp_path):
    """WMI is only a second way to ask: without it the documented words decide."""
    (cluster / "wmic").unlink()
    assert run_cleanup(case, BOTH, tmp_path, transport(cluster)).outcome is Outcome.DONE


@pytest.mark.parametrize("failing", range(6))
def test_every_failure_stops_and_leaves_the_rest(case, cluster, tmp_path, failing):
    """Whichever command fails, nothing is run after it, and script and result hold exactly what is still there."""
    count = cluster / "count.txt"
    way = f"n=$(cat {count} 2>/dev/null || echo 0); echo $((n+1)) > {count}; [ $n != {failing} ] || exit 7;"
    way += f' PATH={cluster}:$PATH; eval "$0"'
    result = run_cleanup(case, BOTH, tmp_path / "out", Transport.parse(f"sh -c {shlex.quote(way)}"))
    if failing == 2:  # the query
        assert result.outcome is Outcome.DONE
        return
    assert (result.outcome, result.exit_code) == (Outcome.FAILED, 1)
    assert len(result.ran) == failing + 1
    assert result.ran[-1].code == 7
    left = {(one.resource, one.key) for one in result.remaining}
    assert held(cluster) == OTHERS | left
    script = tmp_path / "out" / "cleanup.cmd"
    told = script.read_text() if script.exists() else ""
    assert {(STORE, key) for _, key in STALE if key in told} == left


def test_any_output_is_taken(case, cluster, tmp_path):
    """Huge output is counted and cut, bytes that are no text are kept as escapes, and the cleanup goes on."""
    special(cluster, "/status", "sys.stdout.buffer.write(bytes(range(256)) + b'x' * 5_000_000 + b'\\n')")
    result = run_cleanup(case, BOTH, tmp_path, transport(cluster))
    assert result.outcome is Outcome.DONE
    told = result.ran[1]
    assert told.left_off > 4_900_000
    assert "\\xff" in told.output
    assert len(told.output) < 2 * OUTPUT_MAX
    assert records(case)[2]["output"] == told.output


def test_a_command_that_hangs_is_given_up():
    """A transport that does not end in time is ended with what it started, and what it said so far is kept."""
    way = Transport(["sh", "-c", "echo begun; sleep 60 & sleep 60"], timeout=0.5)
    began = time.monotonic()
    ran = way.run("EXNODE1", "command")
    assert time.monotonic() - began < 10
    assert (ran.code, ran.output) == (None, "begun\n")
    assert "0.5 seconds" in ran.fault


def test_what_a_transport_leaves_behind_is_not_waited_for():
    """A transport that ended is done, though something it started still holds its output."""
    began = time.monotonic()
    ran = Transport(["sh", "-c", "echo done; sleep 8 &"]).run("", "command")
    assert time.monotonic() - began < 6
    assert (ran.code, ran.output) == (0, "done\n")


def test_a_transport_that_cannot_be_started(tmp_path, case):
    """A program that is not there is wrong usage; one that cannot be run is a failure with its reason."""
    with pytest.raises(UsageError, match="no program"):
        Transport.parse("no-such-program-at-all admin@node")
    with pytest.raises(UsageError, match="not closed"):
        Transport.parse("ssh 'admin@node")
    with pytest.raises(UsageError, match="empty"):
        Transport.parse("  ")
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nothing")
    broken.chmod(0o755)
    result = run_cleanup(case, BOTH, tmp_path / "out", Transport([str(broken)]))
    assert result.outcome is Outcome.FAILED
    assert "could not be started" in result.why


def test_the_command_is_one_argument():
    """The program gets its own arguments as they were typed and the command as one, unchanged."""
    way = Transport.parse(f"{shlex.quote(sys.executable)} -c 'import sys; print(sys.argv[1:])' 'a b' {{node}}")
    command = "cluster res \"A & B $(x) `y` 'z'\" /checkpoints"
    assert ast.literal_eval(way.run("N1", command).output) == ["a b", "N1", command]


def test_passwords_are_not_kept():
    """What looks like a password of winrs, plink or sshpass is not written into the record."""
    assert "Secret" not in " ".join(Transport(["/usr/bin/sshpass", "-pSecret", "ssh", "x"]).shown)
    assert Transport(["sshpass", "-p", "Secret", "ssh", "-p", "22"]).shown[3:] == ("ssh", "-p", "22")
    way = Transport(["winrs", "-r:NODE", "-u:admin", "-p:Secret 1", "/password:Other", "-pw", "third", "x"])
    assert way.shown == ("winrs", "-r:NODE", "-u:admin", "-p:***", "/password:***", "-pw", "***", "x")


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        (r"winrs -r:NODE", ["winrs", "-r:NODE"]),
        (r'"C:\Program Files\x.exe"  a\b "c d"', [r"C:\Program Files\x.exe", r"a\b", "c d"]),
        (r'a\\"b c" d\"e', ["a\\b c", 'd"e']),
        (r"a\\\"b", [r"a\"b"]),
        (r'"" x', ["", "x"]),
        ("\t ", []),
    ],
)
def test_a_command_line_of_windows_is_cut_as_there(text, cut):
    """Quotes and backslashes mean what they mean to programs of Windows."""
    assert split_windows(text) == cut


@given(st.lists(st.text(st.sampled_from('ab "\\\t'), max_size=8), min_size=1, max_size=4))
def test_what_python_joins_for_windows_is_cut_again(arguments):
    """The standard library's quoting of arguments for Windows is undone exactly."""
    from subprocess import list2cmdline  # noqa: PLC0415 - the oracle

    assert split_windows(list2cmdline(arguments)) == arguments


@given(st.binary(max_size=64))
def test_output_is_text_whatever_it_is(data):
    """Any bytes become text, and plain ASCII stays as it is."""
    assert isinstance(text_of(data), str)
    assert text_of(b"plain " + data.hex().encode()) == "plain " + data.hex()
    assert text_of("\ufeffk\u00e9y\r\n".encode("utf-16-le")) in {"k\u00e9y\r\n", "\ufeffk\u00e9y\r\n"}


@pytest.mark.parametrize(
    ("listing", "listed"),
    [
        (f"Resource 'X'\r\nEXCH  '{SCAN_KEY}'\r\n", True),
        (f"EXCH {SCAN_KEY.upper()}", True),
        (f"EXCH '{SCAN_KEY[:30]}\r\n     {SCAN_KEY[30:]}'", True),
        (f"EXCH '{SCAN_KEY}\\Below'", False),
        (f"EXCH 'SOFTWARE\\{SCAN_KEY}'", False),
        ("", False),
    ],
)
def test_a_key_is_found_wherever_it_stands(listing, listed):
    """A key counts as listed in any case and across line ends; a longer one is another."""
    assert is_listed(SCAN_KEY, listing) is listed


@pytest.mark.parametrize(
    ("status", "wmi", "state"),
    [
        ("x Offline  \r\n", "", State.OFFLINE),
        ("x Offline\r\ny Online", "", State.ONLINE),
        ("Listing status for resource 'Always Online':\r\nx Offline", "", State.OFFLINE),
        ("x Offline", "\r\r\nState=4\r\r\n", State.FAILED),
        ("", "State=3\r\r\nState=2", State.ONLINE),
        ("", "State=3\nState=77", State.UNKNOWN),
        ("", "State=", State.UNKNOWN),
        ("Offline", "", State.UNKNOWN),
        ("x Failed", "", State.FAILED),
        ("", "", State.UNKNOWN),
    ],
)
def test_doubt_about_the_state_is_no_knowledge(status, wmi, state):
    """A state is known from WMI's number or a documented word at a line's end, and online outweighs everything."""
    assert state_of(status, wmi) is state


def test_a_foreign_file_is_never_replaced(case, cluster, tmp_path):
    """A file of that name that is not ours, or a link, is refused before anything is written or run."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "undo.cmd").write_text("@echo mine\n")
    for call in (
        lambda: script_cleanup(case, BOTH, folder),
        lambda: run_cleanup(case, BOTH, folder, transport(cluster)),
    ):
        with pytest.raises(RefusedError, match=r"undo\.cmd is there and was not made by ccrf"):
            call()
    assert (folder / "undo.cmd").read_text() == "@echo mine\n"
    assert not (folder / "cleanup.cmd").exists()
    assert asked(cluster) == []
    assert records(case) == []
    (folder / "undo.cmd").unlink()
    canary = tmp_path / "canary"
    canary.write_text("@rem ccrf checkpoint undo\n")
    (folder / "undo.cmd").symlink_to(canary)
    with pytest.raises(RefusedError):
        script_cleanup(case, BOTH, folder)
    assert canary.read_text() == "@rem ccrf checkpoint undo\n"


def test_scripts_are_written_again_with_the_same_bytes(case, tmp_path):
    """Our own scripts are replaced, the same checkpoints give the same bytes, and what was written is on record."""
    first = script_cleanup(case, BOTH, tmp_path / "out")
    assert first.outcome is Outcome.WRITTEN
    contents = [path.read_bytes() for path in first.files]
    second = script_cleanup(case, BOTH[::-1], tmp_path / "out")
    assert [path.read_bytes() for path in second.files] == contents
    one, two = records(case)
    assert one == two
    assert sorted(one["files"]) == ["cleanup.cmd", "undo.cmd"]
    assert script_cleanup(case, (), tmp_path / "none").outcome is Outcome.NOTHING
    assert not (tmp_path / "none").exists()


def evidence(folder, *keys, resource=STORE):
    """A case in which the product is gone and these checkpoints were seen after."""
    events = [installed("EXNODE1", "2008-01-01T00:00:00"), removed("EXNODE1", "2008-01-10T00:00:00")]
    events += [not_restored("EXNODE1", "2008-01-11T00:00:00", key, resource) for key in keys]
    return case_of(folder, {"EXNODE1": {"events.xml": events}})


def test_the_command_writes_scripts(tmp_path, monkeypatch):
    """Without --runner the scripts go to the current folder, what was left out is told, and the exit code is 0."""
    case = evidence(tmp_path, PRODUCT_KEY, SCAN_KEY, r"SOFTWARE\Other")
    monkeypatch.chdir(tmp_path)
    result = run("checkpoints", "cleanup", "case.db")
    assert result.exit_code == 0, result.output
    assert "left out" in result.stderr
    assert "left out" not in result.stdout
    assert str(tmp_path) not in result.stdout
    script = (tmp_path / "cleanup.cmd").read_bytes()
    assert script.count(b"call cluster res") == 5
    assert b"Case: case.db. Nodes: EXNODE1." in script
    assert str(tmp_path).encode() not in script
    (tmp_path / "undo.cmd").write_text("mine")
    refused = run("checkpoints", "cleanup", case)
    assert refused.exit_code == 4
    assert len(refused.stderr.splitlines()) == 2


def test_the_command_asks_before_it_runs_anything(tmp_path, cluster):
    """Not on a terminal --yes is needed, else exit code 4 and nothing was run; `verify` agrees with what it did."""
    case = evidence(tmp_path, PRODUCT_KEY, SCAN_KEY)
    way = shlex.join(transport(cluster).arguments)
    result = run("checkpoints", "cleanup", case, "-o", tmp_path / "out", "--runner", way)
    assert result.exit_code == 4, result.output
    assert "--yes" in result.stderr
    assert asked(cluster) == []
    assert not (tmp_path / "out").exists()
    listing = transport(cluster).run("EXNODE1", listing_command(STORE)).output
    (tmp_path / "before.txt").write_text(listing)
    assert run("checkpoints", "verify", case, tmp_path / "before.txt").exit_code == 3
    assert run("checkpoints", "cleanup", case, "-o", tmp_path / "out", "--runner", way, "--yes").exit_code == 0
    assert held(cluster) == OTHERS
    listing = transport(cluster).run("EXNODE1", listing_command(STORE)).output
    (tmp_path / "after.txt").write_text(listing)
    verified = run("checkpoints", "verify", case, tmp_path / "after.txt")
    assert verified.exit_code == 0, verified.output
    assert run("checkpoints", "cleanup", case, "--runner", "no-such-program x").exit_code == 2


def test_a_stale_one_that_cannot_be_put_into_a_command_is_told(tmp_path):
    """A name that a script cannot hold is refused with its reason, and the exit code says that something is left."""
    case = evidence(tmp_path, SCAN_KEY, resource="Bo\u00eete \u201cCMS1\u201d")
    result = run("checkpoints", "cleanup", case, "-o", tmp_path / "out")
    assert result.exit_code == 3
    assert "beyond ASCII" in result.stderr
    assert not (tmp_path / "out").exists()


def test_nothing_stale_is_nothing_to_do(tmp_path):
    """Where no checkpoint is stale nothing is written, and that is said."""
    case = case_of(tmp_path, {"EXNODE1": {"events.xml": [installed("EXNODE1", "2008-01-01T00:00:00")]}})
    result = run("checkpoints", "cleanup", case, "-o", tmp_path / "out")
    assert result.exit_code == 0
    assert "No stale checkpoint is known." in result.stdout
    assert not (tmp_path / "out").exists()


def test_an_interruption_is_on_record(case, cluster, tmp_path):
    """Ctrl-C between two commands ends it at once; what was removed so far is known to the audit and to the script."""

    def stop(ran):
        if "/removecheckpoints" in ran.command:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_cleanup(case, BOTH, tmp_path / "out", transport(cluster), on_command=stop)
    left = held(cluster) - OTHERS
    assert len(left) == 1
    end = records(case)[-1]
    assert end["why"] == "The cleanup was interrupted."
    remaining = {(one["resource"], one["key"]) for one in end["remaining"]}
    script = (tmp_path / "out" / "cleanup.cmd").read_text()
    assert left <= remaining
    assert all(key in script for _, key in remaining)


def test_harmless_signs_in_a_name_mean_nothing_to_a_shell(case, cluster, tmp_path):
    """A name with an ampersand, parentheses, an apostrophe, braces and a hash arrives as it is."""
    name = "Notes & (friends) d'un autre {1} #2 [x] ~ @"
    set_state(cluster, [(name, SCAN_KEY), *sorted(OTHERS)])
    result = run_cleanup(case, [stale(1, SCAN_KEY, resource=name)], tmp_path, transport(cluster))
    assert result.outcome is Outcome.DONE, result.why
    assert held(cluster) == OTHERS
