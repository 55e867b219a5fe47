"""Calls the REST API of a server with requests and prints what comes back as JSON. Arguments: the URL."""

import json
import sys

import requests

url = sys.argv[1]
session = requests.Session()


def call(method, path, **arguments):
    reply = session.request(method, url + path, timeout=30, **arguments)
    return {"status": reply.status_code, "type": reply.headers.get("content-type"), "body": reply.json()}


row = {"signature_name": "serving_default", "instances": [1.0, 2.5, float("inf")]}
print(
    json.dumps(
        [
            # Not with json=, which refuses what is no number.
            call("POST", "/v1/models/plus_two:predict", data=json.dumps(row)),
            call("POST", "/v1/models/plus_two/versions/1:predict", json={"inputs": {"x": [1.0]}}),
            call("POST", "/v1/models/plus_two:predict", data=json.dumps({"instances": [0.25] * 200000}))["status"],
            call("POST", "/v1/models/plus_two:predict", data="{"),
            call("GET", "/v1/models/plus_two"),
            call("GET", "/v1/models/plus_two/metadata")["body"]["metadata"]["signature_def"]["signature_def"].popitem(),
        ]
    )
)
