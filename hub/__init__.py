"""Tocsin's hub: from a reading on the wire to a person who answers."""

__version__ = "0.1.0"
