#!/usr/bin/env bash
# What a wait costs, beside what else people would use for it, and what many tasks in one process cost. All in one run, over
# real HTTP, against this program's own simulator: a shell loop with curl and jq, the vendor's Python SDK, and `wait-on` from
# npm, which waits for an address and cannot read what it says. Each is compared with ours under the same sign-in: a token, and
# for the SDK, which knows none, a signature.
#
# usage: benches/peers.sh [--quick] [--write] [BINARY]
#   --quick   a few polls of everything, in less than a minute: whether it still works. Its numbers mean nothing, and any
#             build of BINARY will do. `.ci/run` does this.
#   --write   puts the tables between docs/performance.md's markers
#   BINARY    a release build of dcs-migration-wait; without it, cargo makes one
#
# Needs bash, curl, jq, hyperfine, GNU time, Python 3 with venv, and Node with npm (Debian: curl jq hyperfine time
# python3-venv nodejs npm). The peers are installed into the cache directory. Run it on a machine that does nothing else.
set -Eeuo pipefail
trap 'echo "benches/peers.sh: failed in line $LINENO: $BASH_COMMAND" >&2' ERR
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sdk_version=3.1.219
wait_on_version=9.5.1

is_quick=
writes=
binary=
for argument in "$@"; do
    case $argument in
    --quick) is_quick=1 ;;
    --write) writes=1 ;;
    -*) echo "usage: benches/peers.sh [--quick] [--write] [BINARY]" >&2 && exit 2 ;;
    *) binary=$(realpath "$argument") ;;
    esac
done
if [[ -n $is_quick && -n $writes ]]; then
    echo "the numbers of --quick are not for docs/performance.md" >&2
    exit 2
fi
for command in curl jq hyperfine python3 node npm; do
    command -v "$command" >/dev/null || { echo "please install: $command" >&2 && exit 1; }
done
gnu_time=$(type -P time) || { echo "please install: time (GNU)" >&2 && exit 1; }

cache=${XDG_CACHE_HOME:-$HOME/.cache}/dcs-migration-wait/peers
work=$(mktemp -d)
simulator=
finish() {
    stop_simulator
    rm -rf "$work"
}
trap finish EXIT

note() {
    printf '%s\n' "$*" >&2
}

# ------------------------------------------------------------------------------------------------------------ the peers

# A half-made directory is never taken for ready.
install_peers() {
    local wanted
    wanted="huaweicloudsdkdcs==$sdk_version wait-on@$wait_on_version $(python3 --version)"
    if [[ $(cat "$cache/ready" 2>/dev/null) != "$wanted" ]]; then
        note "installing the peers into $cache"
        rm -rf "$cache"
        mkdir -p "$cache/node"
        python3 -m venv "$cache/venv"
        "$cache/venv/bin/python" -m pip install --quiet --disable-pip-version-check "huaweicloudsdkdcs==$sdk_version"
        echo '{ "private": true }' >"$cache/node/package.json"
        npm install --prefix "$cache/node" --ignore-scripts --no-audit --no-fund --loglevel=error \
            "wait-on@$wait_on_version" >&2
        printf '%s\n' "$wanted" >"$cache/ready"
    fi
    cat >"$work/wait-on.json" <<<'{ "headers": { "X-Auth-Token": "simulated-token" } }'
}

# ------------------------------------------------------------------------------------------------- simulator and world

# simulate ARGUMENT...: a simulator; sets DCS_ENDPOINT.
simulate() {
    # Emptied here and not in the background, or the words of the one before are read once more.
    : >"$work/simulator"
    "$binary" simulate --listen 127.0.0.1:0 "$@" >>"$work/simulator" 2>&1 &
    simulator=$!
    until grep --quiet "Every other task id" "$work/simulator"; do
        kill -0 "$simulator"
        sleep 0.1
    done
    DCS_ENDPOINT=$(sed -n "s/^  export DCS_ENDPOINT='\(.*\)'/\1/p" "$work/simulator")
    export DCS_ENDPOINT
    tasks_url=$DCS_ENDPOINT/v2/$DCS_PROJECT_ID/migration-task
    set_task "$task"
}

stop_simulator() {
    if [[ -n $simulator ]]; then
        kill "$simulator" 2>/dev/null || true
        wait "$simulator" 2>/dev/null || true
        simulator=
    fi
}

set_task() {
    export DCS_TASK_ID=$1 STATS_URL=$tasks_url/$1/stats
}

# How many requests for progress the simulator has answered.
n_polls() {
    grep --count "/stats " "$work/simulator" || true
}

# measured EXIT-CODE COMMAND...: runs it, and it has to end so; sets `cpu` (seconds, of its children too) and `memory` (KiB,
# of the largest of its processes). The shell counts milliseconds, GNU time knows about memory.
measured() {
    local TIMEFORMAT='%3U %3S' wanted=$1 status=0
    shift
    { time "$gnu_time" --quiet --output="$work/memory" --format=%M "$@" >"$work/said" 2>&1 || status=$?; } 2>"$work/cpu"
    if [[ $status -ne $wanted ]]; then
        cat "$work/said" >&2
        note "ended with $status instead of $wanted: $*"
        exit 1
    fi
    memory=$(cat "$work/memory")
    cpu=$(awk '{ print $1 + $2 }' "$work/cpu")
}

mib() {
    awk -v kib="$1" 'BEGIN { printf "%.0f MiB", kib / 1024 }'
}
megabytes() {
    awk -v bytes="$1" 'BEGIN { printf "%.1f MB", bytes / 1e6 }'
}
# per_thousand SECONDS POLLS
per_thousand() {
    awk -v seconds="$1" -v polls="$2" 'BEGIN { print seconds * 1000 / polls }'
}
# times A B: how many times B is in A.
times() {
    awk -v a="$1" -v b="$2" 'BEGIN { x = a / b; printf x < 9.5 ? "%.1f×" : "%.0f×", x }'
}
bytes_of() {
    find "$@" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }'
}

# Nothing that this shell has in its environment reaches anybody.
for name in $(compgen -e); do
    case $name in
    DCS_* | INPUT_* | GITHUB_* | GITLAB_* | CI* | OS_* | HW_* | HUAWEI* | RUST_LOG | *_proxy | *_PROXY) unset "$name" ;;
    esac
done
export DCS_PROJECT_ID=666486c2d9b948c1bbea57e714d744fa
# A token for all but the SDK, which signs, and for ours once more: what signs is compared with what signs.
export DCS_AUTH_TOKEN=simulated-token
signs=(env --unset=DCS_AUTH_TOKEN DCS_ACCESS_KEY=access-key DCS_SECRET_KEY=secret-key)
task=aaaaaaaa-0000-4000-8000-000000000001

if [[ -z $binary ]]; then
    note "building"
    cargo build --release --locked
    binary=$(cargo metadata --format-version 1 --no-deps | jq --raw-output .target_directory)/release/dcs-migration-wait
fi
install_peers

ours=("$binary")
ours_signed=("${signs[@]}" "$binary")
curl_jq=(bash benches/peers/curl-jq.sh)
sdk=("${signs[@]}" "$cache/venv/bin/python" benches/peers/sdk.py)
wait_on=(node "$cache/node/node_modules/.bin/wait-on" --config "$work/wait-on.json" --interval 1)

if [[ -n $is_quick ]]; then
    runs=2 polls=20 wait_on_for=1500
else
    runs=30 polls=1000 wait_on_for=2000
fi

# ------------------------------------------------------------------------------------------- start to exit, ready task

note "start to exit"
simulate --scenario incremental --speed 100000
export POLLS=1 PAUSE=0
# Its clock starts when it is first asked for; one second later it is over.
curl --silent --output /dev/null --header "X-Auth-Token: $DCS_AUTH_TOKEN" "$STATS_URL"
sleep 1
hyperfine --shell=none --warmup 2 --runs "$runs" --style basic --export-json "$work/start.json" \
    "${ours[*]}" "${ours_signed[*]}" "${curl_jq[*]}" "${sdk[*]}" "${wait_on[*]} http-get://${STATS_URL#http://}" >&2
jq --raw-output '.results[].median * 1000' "$work/start.json" >"$work/start"
readarray -t start <"$work/start"
stop_simulator

# -------------------------------------------------------------------------------------------------- a thousand polls

note "$polls polls of each"
# It stays in sync: never `completed`, and in sync as often as asked for.
simulate --scenario in-sync --speed 100000
curl --silent --output /dev/null --header "X-Auth-Token: $DCS_AUTH_TOKEN" "$STATS_URL"
sleep 1
export POLLS=$polls
cpus=() memories=()
# polled EXIT-CODE COMMAND...: notes what it took, for a thousand polls.
polled() {
    local before n_done least=$polls
    # `wait-on`, which ends with 1, is given a time instead of a number.
    if [[ $1 -eq 1 ]]; then
        least=$((polls / 2))
    fi
    before=$(n_polls)
    measured "$@"
    memories+=("$memory")
    n_done=$(($(n_polls) - before))
    if [[ $n_done -lt $least ]]; then
        cat "$work/said" >&2
        note "$n_done polls instead of $least: $*"
        exit 1
    fi
    cpus+=("$(per_thousand "$cpu" "$n_done")")
    note "$n_done polls, $cpu s, $memory KiB: ${*: -3}"
}
for command in ours ours_signed; do
    declare -n wait=$command
    polled 0 "${wait[@]}" --until in-sync --stable-polls "$polls" --status-check off \
        --initial-interval 1ms --max-interval 100ms --max-requests-per-second 10000
done
# They stop after so many, and report a timeout.
polled 124 "${curl_jq[@]}"
polled 124 "${sdk[@]}"
# It ends with the first answer that succeeds, so it is given a task that there is not, and times out.
stop_simulator
simulate
polled 1 "${wait_on[@]}" --timeout "$wait_on_for" "http-get://${STATS_URL#http://}"
stop_simulator

# ------------------------------------------------------------------------------------------------------------- sizes

# size_with_libraries PROGRAM...: in bytes, with the shared libraries that they load, each counted once.
size_with_libraries() {
    local files
    # Of a static program `ldd` says so, and fails.
    files=$({ ldd "$@" || true; } 2>/dev/null | sed -nE 's|^\t(.* => )?(/[^ ]*) \(0x.*|\2|p')
    # shellcheck disable=SC2086 # a path of a library has no blanks
    readlink --canonicalize-existing "$@" $files | sort --unique | xargs --delimiter='\n' stat --dereference --format=%s |
        awk '{ sum += $1 } END { print sum }'
}
# pip and what it brings are how it was installed, not what was.
find "$cache/venv"/lib/python3*/site-packages -mindepth 1 -maxdepth 1 \
    ! -name 'pip*' ! -name 'setuptools*' ! -name '_distutils_hack' ! -name 'distutils-precedence.pth' >"$work/sdk-files"
readarray -t sdk_files <"$work/sdk-files"
our_size=$(size_with_libraries "$binary")
sizes=(
    "$our_size"
    "$our_size"
    "$(size_with_libraries "$(type -P curl)" "$(type -P jq)")"
    "$(bytes_of "${sdk_files[@]}")"
    "$(bytes_of "$cache/node/node_modules")"
)

# ----------------------------------------------------------------------------------------------------------- many tasks

many_rows=()
# many NAME N SECONDS: so many tasks in one process, all of them due more often than the budget of 200 requests a second
# allows for.
many() {
    local name=$1 n=$2 seconds=$3 rate=200 n_before n_done fewest median most
    simulate --scenario incremental --speed 0.1
    if [[ $n -le 3000 ]]; then
        DCS_TASK_ID=$(seq --format='aaaaaaaa-0000-4000-8000-%012.0f' 1 "$n" | paste --serial --delimiters=,)
    else
        # More do not fit into a variable. The simulator lists the tasks that have been requested.
        DCS_TASK_ID=all-running
        curl --silent --output /dev/null --header "X-Auth-Token: $DCS_AUTH_TOKEN" \
            "$tasks_url/aaaaaaaa-0000-4000-8000-00000000[0001-$n]/stats"
    fi
    n_before=$(wc --lines <"$work/simulator")
    # None of them ends in this time.
    measured 124 "${ours[@]}" --timeout "${seconds}s" --fail-fast=false --status-check off --max-requests-per-second "$rate" \
        --initial-interval 100ms --max-interval 100ms
    tail --lines="+$((n_before + 1))" "$work/simulator" | grep "/stats " >"$work/polls"
    stop_simulator
    n_done=$(wc --lines <"$work/polls")
    read -r fewest median most < <(grep --only-matching 'aaaaaaaa-[^/]*' "$work/polls" | sort | uniq --count |
        awk '{ print $1 }' | sort --numeric-sort | awk '{ n[NR] = $1 } END { print n[1], n[int((NR + 1) / 2)], n[NR] }')
    note "$name: $n_done polls, $cpu s, $memory KiB"
    many_rows+=("$(printf '| %s | %s | %s | %.2f ms | %.0f of %s | %s, %s, %s |' "$name" "$(mib "$memory")" \
        "$(awk -v kib="$memory" -v n="$n" 'BEGIN { printf "%.0f KiB", kib / n }')" \
        "$(per_thousand "$cpu" "$n_done")" "$(awk -v n="$n_done" -v s="$seconds" 'BEGIN { print n / s }')" "$rate" \
        "$fewest" "$median" "$most")")
}
if [[ -n $is_quick ]]; then
    many 100 100 2
else
    many 100 100 60
    many 1,000 1000 60
    # As many as the simulator remembers, but for its own.
    many 9,990 9990 150
    # What 4 requests a second make of a thousand tasks in a night of eight hours: 60 polls at each.
    many "1,000, a night" 1000 300
fi

# -------------------------------------------------------------------------------------------------------------- tables

names=("**ours**" "**ours**, signed" "a loop with \`curl\` and \`jq\`" "the vendor's Python SDK, signed" "\`wait-on\` from npm")
# Which row each is compared with: the one of ours that signs in as it does.
same_sign_in=(- - 0 1 0)
{
    echo "| For one task | Start to exit, ready | Peak memory | CPU for 1,000 polls | Installed |"
    echo "| --- | ---: | ---: | ---: | ---: |"
    for peer in 0 1; do
        printf '| %s | %.1f ms | %s | %.2f s | %s |\n' "${names[peer]}" \
            "${start[peer]}" "$(mib "${memories[peer]}")" "${cpus[peer]}" "$(megabytes "${sizes[peer]}")"
    done
    for peer in 2 3 4; do
        us=${same_sign_in[peer]}
        printf '| %s | %.0f ms (%s) | %s (%s) | %.1f s (%s) | %s |\n' "${names[peer]}" \
            "${start[peer]}" "$(times "${start[peer]}" "${start[us]}")" \
            "$(mib "${memories[peer]}")" "$(times "${memories[peer]}" "${memories[us]}")" \
            "${cpus[peer]}" "$(times "${cpus[peer]}" "${cpus[us]}")" "$(megabytes "${sizes[peer]}")"
    done
    echo
    echo "| Tasks in one process | Peak memory | for each | CPU for a poll | Requests a second | Polls at a task: fewest, median, most |"
    echo "| ---: | ---: | ---: | ---: | ---: | ---: |"
    printf '%s\n' "${many_rows[@]}"
} >"$work/tables"
cat "$work/tables"

# A number that is missing would be an empty place in a table, and nothing else would say so.
number='[0-9]+(\.[0-9]+)?'
compared="$number (ms|MiB|s) \\($number×\\)"
awk -v ours="^\\| \\*\\*ours\\*\\*(, signed)? \\| $number ms \\| $number MiB \\| $number s \\| $number MB \\|$" \
    -v peer="^\\| [^|*]+ \\| $compared \\| $compared \\| $compared \\| $number MB \\|$" \
    -v many="^\\| [0-9,a-z ]+ \\| $number MiB \\| $number KiB \\| $number ms \\| [1-9][0-9]* of $number \\| [1-9][0-9]*, [1-9][0-9]*, [1-9][0-9]* \\|$" \
    -v n_many="${#many_rows[@]}" '
    /^$/ || /^\| (---|Tasks|For one)/ { next }
    $0 ~ ours { n["ours"]++; next }
    $0 ~ peer { n["peer"]++; next }
    $0 ~ many { n["many"]++; next }
    { print "not a row of the tables: " $0 > "/dev/stderr"; n["wrong"]++ }
    END { exit !(n["ours"] == 2 && n["peer"] == 3 && n["many"] == n_many && !n["wrong"]) }
' "$work/tables" || { note "the tables are not complete" && exit 1; }

if [[ -n $writes ]]; then
    awk -v tables="$work/tables" '
        /^<!-- peers: / { print $0 "\n"; while ((getline line < tables) > 0) print line; print ""; is_inside = 1 }
        /^<!-- \/peers -->/ { is_inside = 0 }
        !is_inside { print }
    ' docs/performance.md >"$work/performance.md"
    cat "$work/performance.md" >docs/performance.md
fi
