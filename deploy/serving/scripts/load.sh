#!/bin/sh
# Measures requests per second, latencies and memory under load, with batches and without. Needs wrk, curl and Python 3.
# Usage: load.sh PROGRAM SECONDS MODEL..., such as: load.sh target/debug/zoo 60 imdb-hybrid energy-day-ahead
set -eu
program=$1 seconds=$2
shift 2
scratch=$(mktemp -d)
address=127.0.0.1:18080
trap 'kill "$server" 2>/dev/null || true; rm -rf "$scratch"' EXIT
memory() { awk '/VmRSS/ { printf "%.0f MiB", $2 / 1024 }' "/proc/$server/status"; }

for batch in 32 1; do
    for model in "$@"; do
        "$program" serve "$model" --listen "$address" --batch "$batch" 2> "$scratch/log" &
        server=$!
        until curl -sf "http://$address/ready" > "$scratch/ready"; do sleep 0.1; done
        curl -sf "http://$address/v1/models" | python3 -c '
import json, sys
body = json.dumps({"input": json.load(sys.stdin)["models"][0]["example"]})
print("wrk.method = \"POST\"")
print("wrk.headers[\"content-type\"] = \"application/json\"")
print("wrk.body = " + json.dumps(body))' > "$scratch/post.lua"
        before=$(memory)
        (sleep "$((seconds / 2))" && memory > "$scratch/half") &
        echo "== $model, batches of at most $batch"
        wrk -t1 -c64 -d"${seconds}s" --timeout 30s --latency -s "$scratch/post.lua" \
            "http://$address/v1/models/$model/predict" | grep -E '50%|99%|Requests/sec|Non-2xx|Socket errors' || true
        echo "memory: $before before, $(cat "$scratch/half") after half of the time, $(memory) at the end"
        kill -TERM "$server"
        wait "$server" && echo "exit 0"
    done
done
