"""Starts the real binary and lets tests/browser/run.mjs open every page of it in headless Chromium.

SEXTANT_SCREENSHOTS names a folder for pictures of all pages.
"""
import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from harness import TestCase  # noqa: E402


class Browser(TestCase):
    def test_all_pages(self):
        server = self.start_platform()
        shots = os.environ.get("SEXTANT_SCREENSHOTS")
        done = subprocess.run(["node", str(HERE / "run.mjs"), f"http://127.0.0.1:{server.port}", *([shots] if shots else [])],
                              timeout=900)
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
