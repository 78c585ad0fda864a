"""The watcher: sends canaries through the whole hub, and calls people itself when none comes back.

A process of its own, on another machine than the hub: ``tocsin-edge watch-hub WATCHER.toml``.
"""
