"""Logs of the cluster service: cluster.log of Windows 2000 and later."""
