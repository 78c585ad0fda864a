"""Planted bugs: small patches against the shipped code, each with the check that must catch it."""
