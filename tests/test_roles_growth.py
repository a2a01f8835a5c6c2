"""How the work of a history grows: four times the evidence takes about four times as long, whatever is in it."""

from __future__ import annotations

import time

import pytest
import role_stories as story
from role_stories import Entry

from forensics.roles.history import all_histories, mailbox_history

A, B = "ALPHA", "BRAVO"


def moves(size):
    """Moves there and back, every hour, with copies skipped in between."""
    entries, at, nodes = [], 1000, (A, B)
    for _ in range(size):
        entries += [*story.moves(at, *nodes), *(Entry(at + 300 + 600 * i, nodes[0], "skipped") for i in range(5))]
        at, nodes = at + 3600, nodes[::-1]
    return entries, at


def restarts_of_the_passive_node(size):
    """A is active all the time, B restarts every hour."""
    return [entry for at in range(size) for entry in story.restarts(1000 + at * 3600, B)], 1000 + size * 3600


def crashes_without_a_word(size):
    """A is active all the time, B boots every hour and says no more."""
    return [Entry(1000 + at * 3600, B, "boot") for at in range(size)], 1000 + size * 3600


def restarts_of_the_group(size):
    """The group goes offline and comes online on A, B stays passive and says so."""
    entries = [
        entry
        for at in range(1000, 1000 + size * 3600, 3600)
        for entry in (*story.goes(at, A), *story.comes(at + 20, A), Entry(at + 900, B, "skipped"))
    ]
    return entries, 1000 + size * 3600


def both_at_once(size):
    """A never ends, B begins and ends again and again: a conflict every hour."""
    entries = [
        entry
        for at in range(1000, 1000 + size * 3600, 3600)
        for entry in (*story.comes(at, B), *story.goes(at + 1800, B), Entry(at + 2500, A, "mounted"))
    ]
    return entries, 1000 + size * 3600


def nobody_comes_back(size):
    """Stops without a start."""
    return [Entry(1000 + at * 60, B, "halt") for at in range(size)], 1000 + size * 60


def evidence_of(shape, size, *, holes=False):
    entries, end = shape(size)
    whole = [*story.begins(0, A, B), *entries, *story.ends(end, A, B)]
    every = range(0, end, 7200) if holes else ()
    gaps = [(node, log, at, at + 60) for at in every for node in (A, B) for log in ("System", "Application")]
    # A hole every two hours; looked up one by one, so only for small stories.
    return story.evidence_of(sorted(whole), holes=gaps)


def seconds(work):
    """Processor time of a run."""
    start = time.process_time()
    work()
    return time.process_time() - start


def hold_growth(work, small):
    """`work(size)` gives what is measured; a machine that is busy elsewhere gets another try."""
    few, many = work(small), work(4 * small)
    ratios = []
    for _ in range(3):
        ratios.append(seconds(many) / max(0.005, seconds(few)))
        if ratios[-1] < 6.5:
            return
    pytest.fail(f"{min(ratios):.1f} times as long for four times as much")


def told(evidence):
    clocks = story.known_clocks(evidence)
    return lambda: mailbox_history(evidence, clocks, story.WELL_KNOWN)


@pytest.mark.parametrize(
    ("shape", "small"),
    [
        (moves, 300),
        (restarts_of_the_passive_node, 800),
        (crashes_without_a_word, 1500),
        (restarts_of_the_group, 300),
        (both_at_once, 200),
        (nobody_comes_back, 3000),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_time_grows_with_the_evidence(shape, small):
    """A year takes four times as long as a quarter, not sixteen times."""
    hold_growth(lambda size: told(evidence_of(shape, size)), small)


def test_holes_cost_no_more_than_records():
    """Logs full of holes are looked through once."""
    hold_growth(lambda size: told(evidence_of(moves, size, holes=True)), 60)


def test_time_grows_with_the_number_of_groups():
    """A hundred virtual machines, each a group of its own, are four times twenty-five."""
    background, end = restarts_of_the_passive_node(20)
    noise = [Entry(at * 10, A, "service") for at in range(2000)]

    def work(size):
        own = [e for n in range(size) for e in (*story.goes(500 + n, A, f"VM{n}"), *story.comes(600 + n, B, f"VM{n}"))]
        evidence = story.evidence_of(sorted([*background, *noise, *own, *story.ends(end, A, B)]))
        clocks = story.known_clocks(evidence)
        return lambda: all_histories(evidence, clocks, story.WELL_KNOWN)

    hold_growth(work, 25)
