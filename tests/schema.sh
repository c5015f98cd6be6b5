#!/usr/bin/env bash
# Holds the admin API against its own OpenAPI document with schemathesis: no 500, no answer that the document does not describe.
#
#     tests/schema.sh [SECONDS] [BINARY]
#
# The server and its state are made for this run. `/v1/events` never ends and is left out.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
gatepost=${2:-target/debug/gatepost}
version=4.32.5

venv=target/schemathesis
if [ ! -x "$venv/bin/schemathesis" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet "schemathesis==$version"
fi

server=
state=$(mktemp -d)
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }; rm -rf "$state"' EXIT
mkdir -p "$state/state/catalog/tenants"
for tenant in acme globex; do
    printf 'domains = ["%s.example"]\nchain = "header | maildir"\n' "$tenant" >"$state/state/catalog/tenants/$tenant.toml"
done
cat >"$state/gatepost.toml" <<CONFIG
[server]
state_dir = "state"
[[listener]]
name = "mx"
address = "127.0.0.1:0"
[admin]
address = "127.0.0.1:0"
[telemetry]
file = "gatepost.log"
CONFIG
"$gatepost" serve --config "$state/gatepost.toml" &
server=$!
admin=
for _ in $(seq 100); do
    admin=$(sed -n 's/.*"event":"started".*"admin":"\([^"]*\)".*/\1/p' "$state/gatepost.log" 2>/dev/null || true)
    [ -z "$admin" ] || break
    sleep 0.1
done
[ -n "$admin" ] || { echo "the server did not start"; exit 1; }

SCHEMATHESIS_HOOKS=tests/schema_hooks.py "$venv/bin/schemathesis" run "http://$admin/v1/openapi.json" \
    --header "Authorization: Bearer $(cat "$state/state/admin.token")" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance \
    --exclude-path /v1/events --max-time "$seconds" --continue-on-failure --suppress-health-check all --warnings off --no-color
kill -0 "$server"
