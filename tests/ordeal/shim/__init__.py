"""Faults below the hub: writes that kill, syncs that fail, disks that are full, power that goes."""
