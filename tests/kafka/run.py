#!/usr/bin/env python3
"""Runs the tests of this folder, or those whose names contain an argument; the last line is `N passed, M failed`."""
import os
import sys
import unittest

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, FOLDER)

import harness  # noqa: E402


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


def main():
    suite = unittest.defaultTestLoader.discover(FOLDER, pattern="test_*.py")
    if len(sys.argv) > 1:
        suite = unittest.TestSuite(t for t in flatten(suite) if any(a in t.id() for a in sys.argv[1:]))
    try:
        result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    finally:
        harness.stop_all()
    failed = len(result.failures) + len(result.errors)
    print(f"{max(0, result.testsRun - failed - len(result.skipped))} passed, {failed} failed")
    return 1 if failed or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
