import sys

from metalib.cli import main

sys.exit(main())
