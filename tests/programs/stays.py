"""Does nothing until it is told to end, and obeys."""

import common

common.sign_in()
common.stay()
