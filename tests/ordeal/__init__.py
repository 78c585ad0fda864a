"""The Ordeal: every fault of the catalogue, an outside ledger, and a verdict for each."""
