"""Messages <-> frames. Pure: no sockets, no loop; byte by byte in docs/wire.md."""
