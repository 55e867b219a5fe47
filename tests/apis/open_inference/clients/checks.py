"""What the client scripts share: comparisons, and the loop that prints a line of JSON for each check."""

import asyncio
import json
import traceback

import numpy as np


def check_equal(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


def check_same(name, actual, expected):
    """Compares shapes and elements. A library may decode strings that came as JSON."""
    if actual.dtype == np.object_:
        actual = np.array([e.encode() if isinstance(e, str) else e for e in actual.flat], np.object_).reshape(actual.shape)
    assert actual.shape == expected.shape, f"{name}: {actual.shape}"
    assert np.array_equal(actual, expected), f"{name}: {actual} is not {expected}"


def run(checks):
    """Runs functions by their names and prints `{"check": …, "error": null or a traceback}` for each."""
    for name, check in checks:
        error = None
        try:
            result = check()
            if asyncio.iscoroutine(result):
                asyncio.run(result)
        except BaseException:
            error = traceback.format_exc()
        print(json.dumps({"check": name, "error": error}), flush=True)
