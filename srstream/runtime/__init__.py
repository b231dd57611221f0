"""Streams, their queues and the compute threads. asyncio, no torch."""
