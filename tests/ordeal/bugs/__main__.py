"""``python -m ordeal.bugs [--some K --seed N] [--only NAME ...]``: do the checks bite?"""

from __future__ import annotations

import sys

from ordeal.bugs.bite import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
