"""Decisions. No I/O, no clock, no asyncio, no logging."""
