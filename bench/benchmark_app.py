"""Runs OpenVINO's benchmark_app with a warm-up and prints its CPU time and memory as JSON in the last line.

    benchmark_app.py SECONDS ARGUMENTS…

ARGUMENTS are benchmark_app's. It measures for SECONDS, after a warm-up of a fifth of that and at least two inferences a stream.
"""

import json
import resource
import sys

from openvino.tools.benchmark.benchmark import Benchmark
from openvino.tools.benchmark.main import main

seconds = float(sys.argv.pop(1))
plain = Benchmark.async_inference_only
found = {}


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def memory(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(field))


def measured(self, requests, data):
    # benchmark_app stops when both limits are reached.
    self.duration_seconds, self.niter = seconds / 5, 2 * len(requests)
    plain(self, requests, data)
    self.duration_seconds, self.niter = seconds, 2 * len(requests)
    before = cpu_seconds()
    times, total, iterations = plain(self, requests, data)
    found.update(cpuSeconds=cpu_seconds() - before, seconds=total, inferences=iterations)
    found.update(residentMb=memory("VmRSS"), peakMb=memory("VmHWM"))
    return times, total, iterations


Benchmark.async_inference_only = measured
main()
print(json.dumps(found))
