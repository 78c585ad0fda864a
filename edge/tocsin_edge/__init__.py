"""The node: reads sensors and keeps every reading until the hub's receipt."""

__version__ = "0.1.0"
