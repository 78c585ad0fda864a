"""Every way into the hub and the node: hostile inputs for it, and what must become of each."""
