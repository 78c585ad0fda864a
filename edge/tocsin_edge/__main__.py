"""``python -m tocsin_edge`` is the command ``tocsin-edge``."""

import sys

from tocsin_edge.cli import main

sys.exit(main())
