"""The words and data of the hub: pure, frozen, imported by all and importing none."""
