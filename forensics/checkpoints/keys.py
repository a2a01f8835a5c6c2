"""Registry keys as checkpoints name them, and which of them are the product's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from forensics.profile import Profile

_ROOT: Final = re.compile(r"\\*(?:HKEY_LOCAL_MACHINE|HKLM|\\?REGISTRY\\MACHINE)(?:\\+|\Z)", re.IGNORECASE)
# Views and control sets of one key: https://learn.microsoft.com/windows/win32/winprog64/registry-redirector
_VIEW: Final = re.compile(r"\A(software)\\wow6432node\\")
_CONTROL_SET: Final = re.compile(r"\A(system)\\controlset[0-9]{3}\\")


def relative_key(key: str) -> str:
    """A key relative to HKEY_LOCAL_MACHINE, without backslashes at its ends; other keys are left as they are."""
    text = key.strip()
    return _ROOT.sub("", text, count=1).strip("\\")


def same_key(key: str) -> str:
    """What is equal for names of one key: without case, whichever registry view or control set they name it in."""
    text = relative_key(key).casefold()
    return _CONTROL_SET.sub(r"\1\\currentcontrolset\\", _VIEW.sub(r"\1\\", text))


def product_keys(profile: Profile) -> frozenset[str]:
    """The keys that the product configures as checkpoints, each as `same_key` gives it."""
    return frozenset(same_key(row.key) for row in profile.checkpoint_keys)
