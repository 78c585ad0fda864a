"""``python -m hub`` is ``tocsin``."""

from hub.cli import main

raise SystemExit(main())
