"""``python -m classroom``: see `classroom.command`."""

import sys

from classroom.command import main

sys.exit(main())
