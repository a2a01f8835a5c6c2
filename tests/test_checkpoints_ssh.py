"""`ccrf checkpoints cleanup --runner` over a real sshd on loopback, against a stand-in for `cluster`."""

from __future__ import annotations

import ast
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from checkpoint_cases import PRODUCT_KEY, SCAN_KEY, STORE, case_of, installed, not_restored, removed, run
from cluster_standin import asked, build_unix, held, set_state

from forensics.case.audit import check_chain
from forensics.case.store import Case

_SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(
    _SSHD is None or shutil.which("ssh") is None, reason="openssh-server and openssh-client are not installed"
)

STALE = {(STORE, PRODUCT_KEY), (STORE, SCAN_KEY)}
_SLOW = "/removecheckpoints\nimport time\nprint('wait', flush=True)\ntime.sleep(20)\nsys.exit(1)\n"
OTHERS = {(STORE, r"SOFTWARE\Another\Product"), ("Disk Q", SCAN_KEY)}


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A folder with the stand-ins, and the transport that reaches them; the sshd ends with the module."""
    separation = Path("/run/sshd")
    own = os.geteuid() == 0 and not separation.is_dir()
    if own:  # run by root, sshd insists on this empty folder, which the system's own start of it makes
        separation.mkdir(mode=0o755)
    folder = tmp_path_factory.mktemp("ssh")
    build_unix(folder)
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name]
        subprocess.run(command, check=True)
    shutil.copy(folder / "user.pub", folder / "authorized_keys")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    lines = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {folder}/host",
        f"AuthorizedKeysFile {folder}/authorized_keys",
        f"PidFile {folder}/pid",
        f"SetEnv PATH={folder}:{os.environ['PATH']}",
        "StrictModes no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        "UsePAM no",
    ]
    folder.joinpath("config").write_text("\n".join(lines) + "\n")
    server = subprocess.Popen([_SSHD, "-D", "-E", folder / "log", "-f", folder / "config"])
    options = f"-F none -p {port} -i {folder}/user -o BatchMode=yes -o UserKnownHostsFile={folder}/known"
    transport = f"ssh {options} -o StrictHostKeyChecking=accept-new {os.environ.get('USER') or 'root'}@127.0.0.1"
    for _ in range(50):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    try:
        yield folder, transport
    finally:
        server.terminate()
        server.wait(10)
        if own:
            separation.rmdir()


@pytest.fixture
def case(tmp_path):
    """A case in which both checkpoints of the product are stale."""
    events = [installed("EXNODE1", "2008-01-01T00:00:00"), removed("EXNODE1", "2008-01-10T00:00:00")]
    events += [not_restored("EXNODE1", "2008-01-11T00:00:00", key) for key in (PRODUCT_KEY, SCAN_KEY)]
    return case_of(tmp_path, {"EXNODE1": {"events.xml": events}})


def records(case):
    """What the audit says of cleanups."""
    with Case.open(case) as opened:
        assert check_chain(opened) == []
        rows = opened.rows("SELECT detail FROM audit WHERE action = 'checkpoint_cleanup' ORDER BY id")
        return [json.loads(row[0]) for row in rows]


def cleaned(case, node, *options):
    """The answer of a cleanup through the sshd, scripts beside the case."""
    return run("checkpoints", "cleanup", case, "-o", case.parent / "out", "--runner", node[1], "--yes", *options)


def actions(folder):
    """The options that `cluster` was called with, in order, without keys."""
    return [ast.literal_eval(line)[-1].partition(":")[0] for line in asked(folder)]


def test_the_stale_ones_go_and_all_is_recorded(node, case):
    """Offline: listed, asked for, removed, listed again, each on record with its answer; the others stay."""
    set_state(node[0], sorted(STALE | OTHERS))
    result = cleaned(case, node)
    assert result.exit_code == 0, result.output
    assert held(node[0]) == OTHERS
    order = ["/checkpoints", "/status", "/value", "/removecheckpoints", "/removecheckpoints", "/checkpoints"]
    assert actions(node[0]) == order
    begin, *commands, end = records(case)
    assert begin["step"] == "begin"
    assert len(begin["removals"]) == 2
    assert [row["code"] for row in commands] == [0] * len(order)
    assert SCAN_KEY in commands[0]["output"]
    assert SCAN_KEY not in commands[-1]["output"]
    assert end["outcome"] == "done"
    assert end["remaining"] == []
    assert sorted(path.name for path in (case.parent / "out").iterdir()) == ["undo.cmd"]


def test_it_stops_where_the_resource_is_online(node, case):
    """Online: exit code 4, nothing was removed, and the scripts hold everything."""
    set_state(node[0], sorted(STALE | OTHERS), status="Online", state="2")
    result = cleaned(case, node, "--offline-confirmed")
    assert result.exit_code == 4, result.output
    assert held(node[0]) == STALE | OTHERS
    assert records(case)[-1]["outcome"] == "refused"
    script = (case.parent / "out" / "cleanup.cmd").read_text()
    assert all(f'/removecheckpoints:"{key}"' in script for _, key in STALE)


def test_a_failure_in_the_middle_leaves_the_rest_as_a_script(node, case):
    """The first failure ends it: what was removed is gone, and `cleanup.cmd` holds exactly what was not."""
    set_state(node[0], sorted(STALE | OTHERS))
    node[0].joinpath("special.txt").write_text("VirusScan\nprint('no\\x00\\x1b[31m')\nsys.exit(5)\n")
    result = cleaned(case, node)
    assert result.exit_code == 1
    assert "code 5" in result.output
    assert "\x1b" not in result.output
    assert held(node[0]) == OTHERS | {(STORE, SCAN_KEY)}
    assert actions(node[0])[-1] == "/removecheckpoints", "nothing is run after a failure"
    rest = (case.parent / "out" / "cleanup.cmd").read_text()
    assert f'/removecheckpoints:"{SCAN_KEY}"' in rest
    assert PRODUCT_KEY not in rest
    assert PRODUCT_KEY in (case.parent / "out" / "undo.cmd").read_text()
    assert records(case)[-1]["remaining"] == [{"resource": STORE, "key": SCAN_KEY}]
    node[0].joinpath("special.txt").unlink()
    assert cleaned(case, node).exit_code == 0, "once more finishes it"
    assert held(node[0]) == OTHERS


def test_a_command_that_hangs_is_given_up(node, case):
    """A command that does not end in its time is a failure, and nothing is run after it."""
    set_state(node[0], sorted(STALE | OTHERS))
    node[0].joinpath("special.txt").write_text(
        "/removecheckpoints\nimport time\nprint('wait', flush=True)\ntime.sleep(20)\nsys.exit(1)\n"
    )
    began = time.monotonic()
    result = cleaned(case, node, "--timeout", "2")
    assert time.monotonic() - began < 15
    assert result.exit_code == 1
    assert "within 2 seconds" in result.output
    assert held(node[0]) == STALE | OTHERS
    last = records(case)[-2]
    assert last["code"] is None
    assert last["output"] == "wait\n"


def test_a_host_that_is_not_there_is_a_failure(case):
    """A transport that cannot reach its node ends the cleanup, and all of it stays in the script."""
    runner = "ssh -F none -o BatchMode=yes -o ConnectTimeout=2 -p 1 nobody@127.0.0.1"
    result = run("checkpoints", "cleanup", case, "-o", case.parent / "out", "--runner", runner, "--yes")
    assert result.exit_code == 1
    assert "code 255" in result.output
    script = (case.parent / "out" / "cleanup.cmd").read_text()
    assert PRODUCT_KEY in script
    assert SCAN_KEY in script
