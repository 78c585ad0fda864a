"""``python -m ordeal``: the whole run; see docs/ordeal.md."""

from __future__ import annotations

import sys

from ordeal.run import main

if __name__ == "__main__":
    sys.exit(main())
