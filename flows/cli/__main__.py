"""`python -m flows.cli`, the same as `headwater`."""

import sys

from flows.cli import main

sys.exit(main())
