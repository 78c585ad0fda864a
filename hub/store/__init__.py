"""Where things are kept: log and book in one SQLite file; InfluxDB for good."""
