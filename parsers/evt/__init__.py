"""Event logs of Windows NT to Server 2003 (.evt): a header and a ring of records."""
