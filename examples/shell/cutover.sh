#!/bin/sh
# A cutover from start to end, with a gate before each step. docs/cutover.md says what each step is for.
#
#   export DCS_TASK_ID=... DCS_PROJECT_ID=... DCS_REGION=...      and a way to sign in, see docs/sign-in.md
#   ./cutover.sh
#
# The script itself changes nothing. Commands of yours do, each in a variable:
#
#   CUTOVER_STOP_WRITERS    stops the writers, or makes the source read-only
#   CUTOVER_COMPARE         compares source and target, and fails where they differ
#   CUTOVER_SWITCH          switches IP addresses, or stops the task and points the services at the target
#   CUTOVER_START_WRITERS   starts the writers again, on whichever database they point to by then
#
# Where one is not set, the script prints what to do and asks whether it is done. Without a terminal to ask at, it does not
# start. The exit code is 0 when all is done, and never 0 otherwise: it is that of the wait or command that ended the script, 1
# after a "no", and 2 when a variable is missing.
#
# Rehearse it first: `dcs-migration-wait simulate --speed 10`, its `export` lines, and `echo` in the variables.
set -eu
# Ctrl-C ends the running wait or command, and then its gate says what to do: the writers may be stopped.
trap : INT

full_sync_timeout=${CUTOVER_FULL_SYNC_TIMEOUT:-12h}
in_sync_timeout=${CUTOVER_IN_SYNC_TIMEOUT:-30m}
completed_timeout=${CUTOVER_COMPLETED_TIMEOUT:-30m}

main() {
    check_commands

    title "The full sync. Everything runs, and nothing is changed"
    wait_for full-sync "$full_sync_timeout" || stop $? "The full sync is not done. Nothing was changed, the writers still write."

    title "Stop the writers"
    # From here on the service is down: every way out has to start the writers again.
    act "${CUTOVER_STOP_WRITERS:-}" "Stop the writers, or make the source read-only." stopped ||
        abort $? "The writers could not be stopped, or only some of them."

    title "Source and target are in sync, with the writers stopped"
    wait_for in-sync "$in_sync_timeout" || abort $? "Not in sync."

    title "Compare source and target"
    act "${CUTOVER_COMPARE:-}" \
        "Compare: \`INFO keyspace\` on both, keys minus expires for each database. That sees nothing of keys with an expiry:
read some of those by hand on both sides, and some values that matter." same ||
        abort $? "Source and target differ, or could not be compared."

    title "Still in sync, after the comparison"
    wait_for in-sync "$in_sync_timeout" || abort $? "No longer in sync."

    title "Switch"
    act "${CUTOVER_SWITCH:-}" \
        "Switch IP addresses (the task must still run, do not stop it first), or stop the task and then point the services at the target." \
        switched || stop $? "The switch may be half done. Check the task in the console first.
Start no writer before it is clear which of the two is the database."

    title "The task has ended, and it ended in sync"
    wait_for completed "$completed_timeout" || stop $? "Switched, but the task did not end as it should. Start no writer yet.
Still migrating: it was not stopped; stop it, and run the last wait again.
Ended short or out of sync: roll back to the source, which lost nothing."

    title "Start the writers, on the target"
    act "${CUTOVER_START_WRITERS:-}" "Start the writers, or make the database writable." started ||
        stop $? "The cutover is done, and only the writers are missing."

    title "Done"
}

# Every step needs a command or a person. Checked now, and not when the writers are stopped.
check_commands() {
    if [ -t 0 ]; then
        return
    fi
    for name in CUTOVER_STOP_WRITERS CUTOVER_COMPARE CUTOVER_SWITCH CUTOVER_START_WRITERS; do
        eval "value=\${$name:-}"
        if [ -z "$value" ]; then
            stop 2 "$name is not set, and there is no terminal to ask at. Nothing was started."
        fi
    done
}

# wait_for GOAL TIMEOUT
wait_for() {
    code=0
    dcs-migration-wait --until "$1" --timeout "$2" || code=$?
    # README.md has the whole table.
    case $code in
    0) ;;
    2) say "Exit code 2: an input is missing or wrong, the message names it." ;;
    3) say "Exit code 3: the task failed, was deleted, or stopped short. Check it in the console." ;;
    4) say "Exit code 4: no progress. Check the network and the source's output buffer limits." ;;
    5) say "Exit code 5: sign-in or permission refused." ;;
    6) say "Exit code 6: the API is out of reach. Check network, proxy and endpoint." ;;
    124) say "Exit code 124: the timeout is over. The last line above says what was still missing." ;;
    129 | 130 | 143) say "Exit code $code: ended by a signal." ;;
    *) say "Exit code $code: not one of dcs-migration-wait. Treat it as not ready." ;;
    esac
    return "$code"
}

# act COMMAND WHAT WORD: runs the command; without one, prints what to do and goes on only at the word.
act() {
    if [ -n "$1" ]; then
        sh -c "$1"
        return
    fi
    printf '%s\nType "%s" when that is so, or anything else to end here: ' "$2" "$3"
    answer=
    read -r answer || true
    [ "$answer" = "$3" ]
}

# abort CODE WHY: before the switch. The source is still the database. Exits with CODE, which is not 0.
abort() {
    say "$2 NOT switched: the source is still the database."
    title "Start the writers, on the source"
    act "${CUTOVER_START_WRITERS:-}" "Start the writers, or make the source writable." started ||
        say "THE WRITERS ARE STILL STOPPED. Start them by hand."
    exit "$1"
}

# stop CODE WHY: exits with CODE, which is not 0.
stop() {
    say "$2"
    exit "$1"
}

title() {
    printf '\n== %s\n' "$1"
}

say() {
    printf '%s\n' "$1" >&2
}

main
