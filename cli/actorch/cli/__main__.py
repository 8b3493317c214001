"""`python -m actorch.cli` is `actorch`."""

import sys

from ._main import main

if __name__ == "__main__":
    sys.exit(main())
