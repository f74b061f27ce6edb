#!/usr/bin/env bash
# The usual loop with curl and jq: the progress of one task until it is done, POLLS times at most.
set -euo pipefail

for ((poll = 1; poll <= POLLS; poll++)); do
    stats=$(curl --silent --show-error --fail --max-time 10 --header "X-Auth-Token: $DCS_AUTH_TOKEN" "$STATS_URL")
    if jq --exit-status '.is_migrating == false and (.offset | tostring) == "0"' <<<"$stats" >/dev/null; then
        exit 0
    fi
    sleep "$PAUSE"
done
exit 124
