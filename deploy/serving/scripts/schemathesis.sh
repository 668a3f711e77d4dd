#!/bin/sh
# Sends random requests, valid and invalid, to every path of a server, and fails if an answer has the status 500 or does
# not agree with the OpenAPI document. Needs schemathesis 4 (pip). Usage: schemathesis.sh [URL] [CASES PER PATH]
set -eu
url=${1:-http://127.0.0.1:8080}
schemathesis run "$url/openapi.json" --url "$url" --max-examples "${2:-1000}" --seed 1 --continue-on-failure \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
