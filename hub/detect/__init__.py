"""Detectors, fusion and forecasts: pure; columns in, condition transitions out."""
