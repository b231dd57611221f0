"""Bytes to pictures and back. Synchronous: callers give it threads of their own."""
