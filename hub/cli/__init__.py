"""The command ``tocsin``."""
