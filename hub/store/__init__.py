"""Where things are kept: the log and the book in one SQLite file, observations for good in InfluxDB."""
