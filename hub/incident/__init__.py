"""Incidents: lifecycle, correlation, suppression, cells; pure."""
