"""One message file into the case."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from forensics.case.bulk import insert_rows
from forensics.case.values import sql_text
from forensics.ingest.account import harmful
from parsers.messages.reader import MessageFileReader

if TYPE_CHECKING:
    from forensics.case.store import Case
    from parsers.problems import Problem


class MessageFileAccount(NamedTuple):
    """What a program turned out to hold.

    Attributes:
        status: `ignored` for one without messages, `failed` where damage hides whether there are any.
        facts: for its evidence row: how many tables and texts.
        problems: its damage.
    """

    status: str
    facts: dict[str, int]
    problems: list[Problem]


def read_message_file(case: Case, stream: BinaryIO, evidence_id: int) -> MessageFileAccount:
    """Keep the texts of a program's message tables, inside the caller's transaction.

    Raises:
        OSError: the evidence could not be read on.
    """
    reader = MessageFileReader(stream)
    columns = ("evidence_id", "message_id", "language", "text")
    rows = ((evidence_id, text.message_id, text.language, sql_text(text.text)) for text in reader.texts())
    texts = insert_rows(case.connection, "message_texts", columns, rows)
    if harmful(reader.problems):
        status = "partial" if texts else "failed"
    elif reader.tables:
        status = "read"
    else:
        status = "ignored"
    return MessageFileAccount(status, {"message_tables": reader.tables, "texts": texts}, reader.problems)
