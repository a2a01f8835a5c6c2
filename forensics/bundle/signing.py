"""Signatures in OpenSSH format over a bag's tag manifest, made and checked by `ssh-keygen`.

https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig. The namespace keeps a signature of a bundle
from passing as one of something else.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from forensics.errors import FailedError, MissingPathError, UsageError, one_line

NAMESPACE: Final = "ccrf-bundle"
_SECONDS: Final = 60
_MAGIC: Final = b"-----BEGIN SSH SIGNATURE-----"


class SignatureCheck(NamedTuple):
    """What a check of a signature says.

    Attributes:
        good: whether the signature fits, and is of somebody who was named, where names were given.
        detail: a sentence.
    """

    good: bool
    detail: str


def sign(content: bytes, key: Path) -> bytes:
    """The signature of `content` by a private key, or by a public key whose private one an agent holds.

    `ssh-keygen` asks for the passphrase of a key that has one. Ed25519 and RSA give the same signature each time.

    Raises:
        MissingPathError: there is no such key.
        FailedError: there is no `ssh-keygen`, or it refuses.
    """
    if not key.is_file():
        raise MissingPathError(key)
    program = _program("to sign")
    done = _run([program, "-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(key.absolute())], content)
    if done.returncode or not done.stdout.startswith(_MAGIC):
        raise FailedError(f"{key} could not sign: {_said(done)}")
    return done.stdout


def check(content: bytes, signature: bytes, signers: Path | None) -> SignatureCheck:
    """Whether a signature fits; with `signers`, a file of allowed signers (ssh-keygen(1)), also whose it is.

    Raises:
        UsageError: `signers` cannot be read.
        FailedError: there is no `ssh-keygen`.
    """
    program = _program("to check the signature")
    with tempfile.TemporaryDirectory(prefix="ccrf-") as folder:
        file = Path(folder) / "signature"
        file.write_bytes(signature)
        common = ["-n", NAMESPACE, "-s", str(file)]
        if signers is None:
            done = _run([program, "-Y", "check-novalidate", *common], content)
            found = re.search(rb"with (\S+ key \S+)", done.stdout)
            whose = found[1].decode("ascii", "replace") if found and not done.returncode else ""
            told = f"it fits the {one_line(whose)}; whose key that is was not checked"
            return (
                SignatureCheck(good=True, detail=told)
                if whose
                else SignatureCheck(good=False, detail=f"it does not fit: {_said(done)}")
            )
        if not signers.is_file():
            raise MissingPathError(signers)
        allowed = str(signers.absolute())
        done = _run([program, "-Y", "find-principals", "-f", allowed, "-s", str(file)], b"")
        names = done.stdout.decode("utf-8", "replace").split("\n")[0].strip()
        if done.returncode or not names:
            return SignatureCheck(good=False, detail=f"it is of nobody that {signers.name} names: {_said(done)}")
        for name in names.split(","):
            done = _run([program, "-Y", "verify", "-f", allowed, "-I", name, *common], content)
            if not done.returncode:
                return SignatureCheck(good=True, detail=f"it is of {one_line(name)}")
        return SignatureCheck(good=False, detail=f"it does not fit: {_said(done)}")


def _program(purpose: str) -> str:
    found = shutil.which("ssh-keygen")
    if found is None:
        raise FailedError(f"ssh-keygen is needed {purpose}, and is not on the PATH: install OpenSSH (8.2 or newer)")
    return found


def _run(command: list[str], content: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, input=content, capture_output=True, check=False, timeout=_SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise FailedError(f"ssh-keygen gave no answer for {_SECONDS} seconds") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"ssh-keygen could not be started: {error}") from error


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    text = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
    return one_line(text.splitlines()[-1]) if text else f"ssh-keygen ended with {done.returncode}"
