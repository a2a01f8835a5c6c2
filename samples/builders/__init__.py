"""Writers of Windows event logs (.evt and .evtx), written from the published formats, for tests and samples.

They write what a log service would have written, including the states in which logs are found in the field (copied
while in use, wrapped, cut off), never arbitrary damage: a test damages the bytes it got.
"""
