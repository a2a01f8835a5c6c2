"""Exports of event logs: event XML, comma- and tab-separated text."""
