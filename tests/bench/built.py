"""built.py - what bin/ was built for: a speed of any other build is none."""
import os
import subprocess
import sys

BIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bin")


def release():
    """Exits unless the programs of bin/ are those of a release build."""
    text = subprocess.run([os.path.join(BIN, "step"), "--version"], check=True, capture_output=True, text=True).stdout
    if "build: release" not in text.split("\n")[2]:
        sys.exit(f"bin/ is no release build ({text.split(chr(10))[2]}); make builds one")
