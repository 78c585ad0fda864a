"""The loops: each reads what the one before it wrote, decides, and commits with its position."""
