"""Event logs of Windows Vista and Server 2008 onwards (.evtx): chunks of records in binary XML.

Specifications: [MS-EVEN6] 2.2.12 to 2.2.17 (BinXml), and libevtx "Windows XML Event Log (EVTX) format".
"""
