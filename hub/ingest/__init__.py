"""From the broker to the log: decoding, quality tests, lateness; rules pure, adapters thin."""
