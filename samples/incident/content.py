"""Content of simulated .fdb files. The real format is not public: these say in their first bytes that they are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

REPLICATED = ("FileScanners.fdb", "Filterlists.fdb", "Notifications.fdb", "ScanJobs.fdb", "Template.fdb")
NOT_REPLICATED = "Statistics.fdb"
MARK = b"SYNTHETIC ccr-forensics sample, not a Forefront file\r\n"
REBUILT_FROM = {"ScanJobs.fdb": "Template.fdb", "Template.fdb": "ScanJobs.fdb"}
_HEAD, _BLOCK = 128, 64


def defaults(name: str) -> bytes:
    """What an installation puts down: the same bytes on every node."""
    return _head(name, 0) + b"".join(_block(f"{name}:{index}".encode()) for index in range(16))


def edited(rng: Random, name: str, content: bytes, revision: int) -> bytes:
    """The content after an administrator saved: some blocks changed, now and then one more or one less."""
    blocks = [content[at : at + _BLOCK] for at in range(_HEAD, len(content), _BLOCK)]
    for _ in range(rng.randint(1, 3)):
        blocks[rng.randrange(len(blocks))] = _block(rng.randbytes(16))
    change = rng.random()
    if change < 0.3 and len(blocks) < 100:
        blocks.insert(rng.randrange(len(blocks)), _block(rng.randbytes(16)))
    elif change < 0.4 and len(blocks) > 15:
        del blocks[rng.randrange(len(blocks))]
    return _head(name, revision) + b"".join(blocks)


def rebuilt(name: str, other: bytes) -> bytes:
    """A file made from the other of the pair. What the real one holds then is not known: here the other's blocks."""
    return (MARK + f"{name} rebuilt\r\n".encode()).ljust(_HEAD, b"\0") + other[_HEAD:]


def _head(name: str, revision: int) -> bytes:
    return (MARK + f"{name} revision {revision}\r\n".encode()).ljust(_HEAD, b"\0")


def _block(seed: bytes) -> bytes:
    return seed[:32].ljust(_BLOCK, b"\0")
