"""Readers of evidence formats: bytes in, records out.

A reader takes a seekable binary stream or bytes, so that a file, a member of an archive and a carved slice go the
same way. It knows nothing of cases, never prints, and reports damage as `Problem` values instead of raising.
"""
