"""Rows about data, time, people and providers: one hub as shipped, and nodes played by hand."""
