#!/bin/sh
# Holds our signing against the vendor's signer: the vectors, then generated requests.
# usage: tests/vendor/run.sh [EXAMPLE_BINARY] [ARGUMENTS OF compare.py...]
# Without EXAMPLE_BINARY it is built. Where PyPI cannot be reached nothing is compared: with CI=true that is a failure, elsewhere
# a line that says so.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv="${XDG_CACHE_HOME:-$HOME/.cache}/dcs-migration-wait/venv-vendor"

if ! [ -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    python3 -m venv --clear "$venv"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --retries 2 --timeout 15 \
    -r "$here/requirements.txt" >"$log" 2>&1; then
    # pip says the same "no matching distribution" for a wrong version; only a connection that broke is an excuse.
    if [ "${CI:-}" != true ] &&
        grep -Eq "connection broken by|Connection to .* timed out|Max retries exceeded|Could not fetch URL" "$log"; then
        echo "NOT RUN: the comparison with the vendor's signer, because PyPI cannot be reached" >&2
        exit 0
    fi
    cat "$log" >&2
    exit 1
fi

if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
    binary=$1
    shift
else
    cd "$root"
    cargo build --quiet --locked --example sign
    binary=$(cargo build --quiet --locked --example sign --message-format=json |
        sed -n 's/.*"name":"sign".*"executable":"\([^"]*\)".*/\1/p')
fi
[ -x "$binary" ] || { echo "no such program: $binary" >&2; exit 1; }
rm -f "$log"
exec "$venv/bin/python" "$here/compare.py" "$binary" --vectors "$root/tests/vectors/sign" "$@"
