"""`python -m vidproc`."""

import sys

from vidproc.cli.main import main

sys.exit(main())
