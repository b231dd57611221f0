"""Sockets of ZeroMQ: endpoints, keys, who may connect, and what a hostile peer costs."""
