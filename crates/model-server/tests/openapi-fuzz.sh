#!/usr/bin/env bash
# Fuzzes a model server with requests from its own OpenAPI document. Every answer must conform to the
# document, and none may be a 5xx, except the 503 for a trigger whose row is not stored yet.
#
#   openapi-fuzz.sh PATH-OF-MODEL-SERVER [SCHEMATHESIS]
#
# Two checks are off by design: a batch with a wrong row is a 200, training accepts any body, and
# whether a valid call trains depends on the stored rows.
set -euo pipefail

server=$1
schemathesis=${2:-schemathesis}
dir=$(mktemp -d)
"$server" --listen 127.0.0.1:0 --store "sqlite:$dir/store.sqlite" --log-format json \
    --row-wait-ms 50 2> "$dir/log" &
pid=$!
trap 'kill "$pid" 2> "$dir/gone" || true; wait "$pid" || true; rm -rf "$dir"' EXIT

port=
for _ in $(seq 100); do
    port=$(sed -n 's/.*"port":\([0-9]*\).*/\1/p' "$dir/log" | head -n 1)
    [ -n "$port" ] && break
    sleep 0.1
done
[ -n "$port" ] || { cat "$dir/log" >&2; exit 1; }

cd "$dir"
cat > schemathesis.toml <<'END'
[[operations]]
include-name = "POST /train"
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", "503"]
END
"$schemathesis" run "http://127.0.0.1:$port/openapi.json" \
    --max-examples "${MAX_EXAMPLES:-50}" --seed 20210609 --suppress-health-check all \
    --exclude-checks positive_data_acceptance,negative_data_rejection
