"""Ignores every signal that can be ignored."""

import common

common.ignore_polite_signals()
common.sign_in()
common.stay()
