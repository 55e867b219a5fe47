"""Calls a method continuously with grpcio and retries no failed call. After GOAWAY, grpcio itself resends calls that it had not sent
or the server had not accepted: its transparent retries.

    steady_load.py HOST:PORT PATH < MESSAGE

Prints a line after the first answer. Ends at SIGTERM and prints the outcome: {"answers": 1234, "failures": []}.
"""

import json
import signal
import sys
import threading

import grpc

CALLERS = 4

address, path = sys.argv[1:]
message = sys.stdin.buffer.read()
stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
answers = [0] * CALLERS
failures = []


def call(number):
    while not stopped.is_set():
        try:
            method(message, timeout=60)
        except grpc.RpcError as error:
            failures.append(f"{error.code()}: {error.details()}")
            return
        if answers[number] == 0 and number == 0:
            print("answered", flush=True)
        answers[number] += 1


with grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
    method = channel.unary_unary(path)
    threads = [threading.Thread(target=call, args=[number]) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    stopped.wait()
    for thread in threads:
        thread.join()
print(json.dumps({"answers": sum(answers), "failures": failures}))
