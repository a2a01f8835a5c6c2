"""Command lines on cluster resources, as they stand in transcripts and scripts; and typographic quotes in them.

Syntax: the Windows Server 2003 `cluster resource` command reference. A published guideline prints its commands with
typographic quotes, with which they fail.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

CURLY: Final = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"
"""Quotation marks that no shell takes for one."""

_QUOTES: Final = f'"{CURLY}'
_PROMPT: Final = re.compile(r"\s*(?:(?:PS )?[A-Za-z]:[^<>|\"]{0,260}>|PS>|>|#)\s*", re.IGNORECASE)
_CLUSTER: Final = re.compile(
    r"@?\"?(?:[^\s\"]*\\)?cluster(?:\.exe)?\"?\s+(?:(?!res|/)\S+\s+|/cluster:\S+\s+)?res(?:ource)?\b\s*(?P<rest>[^&|<>]*)",
    re.IGNORECASE,
)
_NAME: Final = re.compile(
    rf"[{_QUOTES}](?P<quoted>[^{_QUOTES}]{{1,500}})[{_QUOTES}]|(?P<bare>[^\s/{_QUOTES}][^\s/]{{0,200}})"
)
_SWITCH: Final = re.compile(
    r"/(?P<verb>add|remove)?(?P<crypto>crypto)?check(?:p(?:o(?:i(?:n(?:ts?)?)?)?)?)?\b", re.IGNORECASE
)
_POWERSHELL: Final = re.compile(r"\b(?P<verb>Get|Add|Remove)-ClusterCheckpoint\b(?P<rest>.*)", re.IGNORECASE)
_RESOURCE_NAME: Final = re.compile(r"-ResourceName\s+[\"']?(?P<name>[^\"'|]{1,500}?)[\"']?\s*(?:-|\||$)", re.IGNORECASE)
_ABOUT_CLUSTER: Final = re.compile(
    r"\bcluster(?:\.exe)?\s+\S|\b\w+-Cluster\w+|/(?:add|remove)?(?:crypto)?check", re.IGNORECASE
)


class Command(NamedTuple):
    """A command on checkpoints.

    Attributes:
        verb: `list`, `add` or `remove`.
        resource: the resource that it names; None: all.
        crypto: whether it is about crypto checkpoints; None for one that is about both.
        prompted: it stands behind a shell's prompt, so that its answer follows.
    """

    verb: str
    resource: str | None
    crypto: bool | None
    prompted: bool


def command_in(line: str) -> Command | None:
    """The command on checkpoints that a line holds; None for other lines."""
    line = line[:4000]
    prompt = _PROMPT.match(line)
    text = line[prompt.end() :] if prompt is not None else line.lstrip()
    found = _CLUSTER.match(text)
    if found is not None:
        switch = _SWITCH.search(found["rest"])
        if switch is None:
            return None
        named = _NAME.match(found["rest"][: switch.start()].strip())
        name = None if named is None else (named["quoted"] or named["bare"]).strip()
        verb = (switch["verb"] or "list").lower()
        return Command(verb, name, switch["crypto"] is not None, prompt is not None)
    shell = _POWERSHELL.search(text)
    if shell is None:
        return None
    named = _RESOURCE_NAME.search(shell["rest"])
    both = "crypto" not in shell["rest"].lower() and "registry" not in shell["rest"].lower()
    crypto = None if both else "crypto" in shell["rest"].lower()
    verb = shell["verb"].lower().replace("get", "list")
    return Command(verb, None if named is None else named["name"].strip(), crypto, prompt is not None)


def has_curly_quotes(line: str) -> bool:
    """Whether a line is about the cluster and has typographic quotes: as a command it would fail."""
    return any(mark in line for mark in CURLY) and _ABOUT_CLUSTER.search(line[:4000]) is not None
