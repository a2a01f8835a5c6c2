"""Message tables made by a message compiler that knows nothing of this project."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import shutil
import subprocess
import zlib
from typing import TYPE_CHECKING

import pytest

from parsers.messages.reader import MessageFileReader

if TYPE_CHECKING:
    from pathlib import Path

TOOLS = [shutil.which(f"x86_64-w64-mingw32-{name}") for name in ("windmc", "windres", "ld")]
SOURCE = r"""MessageIdTypedef=DWORD
SeverityNames=(Success=0x0:S Informational=0x1:I Warning=0x2:W Error=0x3:E)
FacilityNames=(System=0x0:FS Application=0xFFF:FA)
LanguageNames=(English=0x409:MSG00409 German=0x407:MSG00407)

MessageId=9410
Severity=Informational
Facility=System
SymbolicName=MSG_SYNC
Language=English
A forced sync of %1 was started on %2.
.
Language=German
Abgleich von %1 auf %2 erzwungen: Größe.
.

MessageId=9413
Severity=Warning
Facility=System
SymbolicName=MSG_SKIP
Language=English
The file %1 was not copied.%n%0
.
Language=German
Datei %1 nicht kopiert.
.

MessageId=9414
Severity=Warning
Facility=System
SymbolicName=MSG_NEXT
Language=English
Two
lines.
.
Language=German
Zwei
Zeilen.
.

MessageId=9414
Severity=Error
Facility=Application
SymbolicName=MSG_OTHER
Language=English
%1!-8s!|%%
.
Language=German
%1!-8s!|%%
.
"""
SEVERITIES = {"Success": 0, "Informational": 1, "Warning": 2, "Error": 3}
FACILITIES = {"System": 0, "Application": 0xFFF}
LANGUAGES = {"English": 0x409, "German": 0x407}
# SOURCE as windmc, windres and ld of GNU binutils 2.40 (Debian binutils-mingw-w64-x86-64 2.40-2+10.4) made a library of
# it, by the commands of `build` below; zlib, base 85.
SHA256 = "f401daab0f54173829c4cb04cdb347f4dd477d77b3e20f8259fd3238eec1928e"
LIBRARY = (
    b"c-rk%F-sgl6#jNKCY~skDTK_)9oV?2l~^elk|H63SBTZEyQ{aTv&Zi0MX|Ulb$(0=NfiRI6I%-*`3VYQ6}WseJE!Z3Xe9yngV}lS&3oT_-"
    b"(B%Ou6{)yfPS7%2RKBAc|43Z&&ZqaBltFWTt2iu9G7d2FcHl-"
    b"+KAn4;ki;qsaOj{ydy;@#p0)Bu^st=Gdx_X7>=d4fd8fM7VkNn@gduu(9S^aVKi%Nb!|JFTj7Orx`Q)#aR%zDGgahkZ;a7iS_7uPR`(Rpu<>MY"
    b"(%^FnGp*5fE$(Ktx)b_t>Y5pa$s4$x$DiPb6DP3;qhZQ$y}Fx+0?!&9gZumf1qwVDSQvudE$!a8m93GUxQ&<GD@(KndDnS2nRJ=UXiNitbH3X2"
    b"KP#A5M=khY6||3d6!B4|bE3{E?G<)hz#2BNg#aNuG`Q||5kc~<VwztUJ6PA=48H+l?4!k)WL3cL9HZ|Ty~1z$4oc*mCGR3DQ_b3ClBPpSdy_qy"
    b"^c7!fs?@5ruu67SRidTtE!`!{7~{L*Dr1s865a>&tET#X-"
    b"3K|{e`wdVZb4lU`+Mx*(@U_&P9CkuC{|Oqs3Xy@DXmy*@^y|hze+aSdveyOF3`N$+`Sx<RZ6{gt=?yKmGLV7_e{l@=4mmbM2?Ve0c#(pzrg>Ae"
    b">#Ye0s"
)


def build(folder: Path, form: str) -> bytes:
    """A library with the messages of SOURCE: `form` is -U for Unicode, -A for ANSI."""
    (folder / "m.mc").write_bytes(SOURCE.encode("cp1252"))
    resources = "".join(
        f'LANGUAGE {language & 0x3FF}, {language >> 10}\n1 MESSAGETABLE "MSG{language:05x}.bin"\n'
        for language in LANGUAGES.values()
    )
    (folder / "r.rc").write_text(resources)
    # windres asks a C preprocessor, which need not be there, for what needs none.
    preprocessor = folder / "preprocessor"
    preprocessor.write_text('#!/bin/sh\nfor last; do :; done\ncat "$last"\n')
    preprocessor.chmod(0o755)
    windmc, windres, ld = map(str, TOOLS)
    for command in (
        [windmc, form, "m.mc"],
        [windres, f"--preprocessor={preprocessor}", "r.rc", "-O", "coff", "-o", "m.o"],
        [ld, "--dll", "-s", "--no-insert-timestamp", "-e", "0", "m.o", "-o", "m.dll"],
    ):
        subprocess.run(command, cwd=folder, check=True)
    return (folder / "m.dll").read_bytes()


def written() -> dict[tuple[int, int], str]:
    """What SOURCE says: texts by (message id, language)."""
    found = {}
    for message in SOURCE.split("MessageId=")[1:]:
        head = dict(re.findall(r"^(Severity|Facility)=(\w+)$", message, re.MULTILINE))
        number = SEVERITIES[head["Severity"]] << 30 | FACILITIES[head["Facility"]] << 16 | int(message.split()[0])
        for language, text in re.findall(r"^Language=(\w+)\n(.*?\n)\.$", message, re.MULTILINE | re.DOTALL):
            found[number, LANGUAGES[language]] = text
    return found


def read(raw: bytes) -> dict[tuple[int, int], str]:
    found = MessageFileReader(io.BytesIO(raw))
    texts = {(text.message_id, text.language): text.text for text in found.texts()}
    assert found.problems == []
    return texts


def test_a_compiled_library():
    """A library that a message compiler and a linker made, and that is kept here, gives what its source says."""
    raw = zlib.decompress(base64.b85decode(LIBRARY))
    assert hashlib.sha256(raw).hexdigest() == SHA256
    assert read(raw) == written()
    assert len(written()) == 8


@pytest.mark.skipif(None in TOOLS, reason="binutils-mingw-w64-x86-64 (windmc, windres, ld) is not installed")
@pytest.mark.parametrize("form", ["-U", "-A"], ids=["Unicode", "ANSI"])
def test_the_compiler_of_this_machine(tmp_path, form):
    """Whatever the message compiler that is installed makes, in Unicode and in ANSI, is read as its source says."""
    assert read(build(tmp_path, form)) == written()
