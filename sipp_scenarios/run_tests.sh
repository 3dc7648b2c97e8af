#!/usr/bin/env bash
# Runs every SIPp scenario against Callplane and prints a table; exit status 0 when all pass.
#
#   run_tests.sh                     starts a fresh Callplane with its engine, on ports of its own
#   run_tests.sh --target HOST:PORT  uses one that runs (its API at 127.0.0.1:$API_PORT, its engine's trunk at
#                                    127.0.0.1:$TRUNK_PORT, its RTP ports apart from $TRUNK_PORT and $TONE_PORT + 32)
#   run_tests.sh --only NAME         one row of the table (may be given several times)
#   run_tests.sh --quick             the stress test for 5 s instead of 30 s
#
# CALLPLANE names the binary (default: target/release/callplane, else target/debug/callplane).
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
results=${RESULTS:-$here/results}
# Every port named here is above Callplane's RTP range and below the ports that the kernel gives to sockets that ask for
# none (32768 to 60999): an endpoint, drawn at random, cannot have it already. SIPp's own are below 10000.
RTP_PORTS=(10000 19999)
SIP_PORT=${SIP_PORT:-27560}
API_PORT=${API_PORT:-27570}
ADMIN_PORT=${ADMIN_PORT:-27571}
TRUNK_PORT=${TRUNK_PORT:-27580}
TONE_PORT=${TONE_PORT:-27600}
target=
only=()
stress_seconds=30
while [ $# -gt 0 ]; do
  case $1 in
  --target) target=$2; shift 2 ;;
  --only) only+=("$2"); shift 2 ;;
  --quick) stress_seconds=5; shift ;;
  *) sed -n '2,10p' "$0" >&2; exit 2 ;;
  esac
done
binary=${CALLPLANE:-$root/target/release/callplane}
[ -x "$binary" ] || binary=$root/target/debug/callplane
command -v sipp >/dev/null || { echo "sipp is missing (Debian: sip-tester)" >&2; exit 2; }
rm -rf "$results"
mkdir -p "$results"

server=
children=()
finish() {
  for pid in "${children[@]}"; do kill "$pid" 2>/dev/null; done
  [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
}
trap finish EXIT

start_callplane() {
  # A silent caller's RTP time-out is shortened for its own scenario alone: every other one is over before.
  "$binary" serve --with-engine \
    --set "signaling.listeners=[{transport=\"udp\",bind=\"127.0.0.1:$SIP_PORT\"},{transport=\"tcp\",bind=\"127.0.0.1:$SIP_PORT\"}]" \
    --set "signaling.grpc_listen=\"127.0.0.1:$API_PORT\"" \
    --set "admin.listen=\"127.0.0.1:$ADMIN_PORT\"" \
    --set "media.rtp_timeout_ms=12000" \
    --set "media.bind_ipv4=\"127.0.0.1\"" \
    --set "media.rtp_port_min=${RTP_PORTS[0]}" --set "media.rtp_port_max=${RTP_PORTS[1]}" \
    --set "engine.api=\"http://127.0.0.1:$API_PORT\"" \
    --set "engine.trunk=\"127.0.0.1:$TRUNK_PORT\"" \
    >"$results/callplane.log" 2>&1 &
  server=$!
  for _ in $(seq 200); do
    sipp_once options_ping up 1 -timeout 2s >/dev/null 2>&1 && return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  echo "Callplane did not start:" >&2
  tail -5 "$results/callplane.log" >&2
  exit 1
}

# sipp_once SCENARIO SERVICE CALLS [options…]: a caller of its own port.
sipp_once() {
  local scenario=$1 service=$2 calls=$3
  shift 3
  sipp -sf "$here/$scenario.xml" -s "$service" -m "$calls" -nostdin -i 127.0.0.1 \
    -timeout_error -trace_err -error_file "$results/$scenario-$service-errors.log" "$@" "$target"
}

# callee SCENARIO PORT CALLS [options…]: a callee at a port.
callee() {
  local scenario=$1 port=$2 calls=$3
  shift 3
  sipp -sf "$here/$scenario.xml" -p "$port" -m "$calls" -nostdin -i 127.0.0.1 \
    -timeout_error -trace_err -error_file "$results/$scenario-errors.log" "$@"
}

# listens PORT: waits until somebody listens at a UDP port. A call to one where nobody does yet ends at once.
listens() {
  local port
  port=$(printf ':%04X ' "$1")
  for _ in $(seq 100); do
    grep -q "$port" /proc/net/udp && return 0
    sleep 0.1
  done
  return 1
}

party() { # party caller SERVICE HZ PORT SECONDS | party callee - HZ PORT SECONDS; early_caller, early_callee: alike
  local role=$1 service=$2 hz=$3 port=$4 seconds=$5
  local keys=(-key tone_port "$port" -key tone_hz "$hz" -key tone_seconds "$seconds"
    -key tone_party "$here/lib/tone_party.py" -key tone_report "$results/$row-$hz.json")
  rm -f "$results/$row-$hz.json"
  keys+=(-d $((seconds * 1000 + 1500)) -timeout 60s)
  case $role in
  *caller) sipp_once "party_$role" "$service" 1 "${keys[@]}" ;;
  *callee) callee "party_$role" "$TRUNK_PORT" 1 "${keys[@]}" ;;
  esac
}

check_parties() { # check_parties HZ… : waits for the reports, then judges them
  local reports=() hz
  for hz in "$@"; do
    reports+=("$results/$row-$hz.json")
    for _ in $(seq 100); do [ -s "$results/$row-$hz.json" ] && break; sleep 0.1; done
  done
  "$here/lib/check_parties.py" "${reports[@]}"
}

basic_call() { sipp_once basic_call echo 20 -r 10 -d 1000 -timeout 60s; }
basic_call_tcp() { sipp_once basic_call echo 20 -r 10 -d 1000 -timeout 60s -t t1; }
basic_call_builtin() { sipp -sn uac -s service -m 100 -r 50 -nostdin -i 127.0.0.1 -timeout 60s -timeout_error "$target"; }
call_rejection() { sipp_once call_rejection reject-486 20 -r 10 -timeout 30s; }
call_cancel() { sipp_once call_cancel noanswer 20 -r 10 -timeout 30s; }
options_ping() { sipp_once options_ping ping 20 -r 10 -timeout 30s; }
hold_resume() { sipp_once hold_resume hold-0.5 5 -r 5 -timeout 30s; }
early_media() { sipp_once early_media early 5 -r 5 -timeout 30s; }
multiple_codecs() { sipp_once multiple_codecs echo 5 -r 5 -timeout 30s; }
multiple_codecs_none() { sipp_once multiple_codecs_none echo 5 -r 5 -timeout 30s; }
forking_test() {
  callee forking_test "$TRUNK_PORT" 1 -timeout 40s >"$results/forking_callee.out" 2>&1 &
  local pid=$!
  listens "$TRUNK_PORT"
  "$binary" call "sip:bob@127.0.0.1:$TRUNK_PORT" --api "http://127.0.0.1:$API_PORT" --seconds 2
  local called=$?
  wait "$pid" && return "$called"
}
stress_test() {
  sipp_once basic_call answer $((200 * stress_seconds)) -r 200 -d 1000 -l 2000 -timeout $((stress_seconds + 60))s
}
timeout_no_answer() {
  callee timeout_no_answer "$((TRUNK_PORT + 1))" 1 -timeout 40s >"$results/no_answer_callee.out" 2>&1 &
  local pid=$!
  listens "$((TRUNK_PORT + 1))"
  "$binary" call "sip:bob@127.0.0.1:$((TRUNK_PORT + 1))" --api "http://127.0.0.1:$API_PORT" --ring-seconds 2 \
    --expect timeout
  local called=$?
  wait "$pid" && return "$called"
}
timeout_nobody_there() { # the system itself says that nobody listens there (ICMP): the call ends at once
  "$binary" call "sip:bob@127.0.0.1:$((TRUNK_PORT + 9))" --api "http://127.0.0.1:$API_PORT" --ring-seconds 600 \
    --expect network-failure
}
timeout_silent() { # somebody has the port and never answers: the call ends with timer B, long before its ring time
  local port=$((TRUNK_PORT + 8)) called
  python3 -c 'import signal, socket, sys
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.1", int(sys.argv[1])))
signal.pause()' "$port" &
  local pid=$!
  listens "$port" &&
    timeout 60 "$binary" call "sip:bob@127.0.0.1:$port" --api "http://127.0.0.1:$API_PORT" --ring-seconds 600 --expect timeout
  called=$?
  kill "$pid" && wait "$pid" 2>/dev/null
  return "$called"
}
timeout_no_ack() { sipp_once timeout_no_ack answer 1 -timeout 45s; }
timeout_no_bye_answer() { sipp_once timeout_no_bye_answer bye-1 1 -timeout 45s; }
timeout_peer_gone() { sipp_once timeout_peer_gone answer 1 -timeout 45s; }
bridge_two_party() {
  party callee - 880 $((TONE_PORT + 2)) 4 >"$results/$row-callee.out" 2>&1 &
  local pid=$!
  listens "$TRUNK_PORT"
  party caller dial-bob 440 "$TONE_PORT" 4 && wait "$pid" && check_parties 440 880
}
bridge_early_media() { # what they hear of each other is all before the answer
  party early_callee - 880 $((TONE_PORT + 32)) 4 >"$results/$row-callee.out" 2>&1 &
  local pid=$!
  listens "$TRUNK_PORT"
  party early_caller dial-bob 440 $((TONE_PORT + 30)) 3 && wait "$pid" && check_parties 440 880
}
conference() { # conference SERVICE BASE_PORT
  local pids=() hz port=$2 failed=0
  for hz in 440 880 1320; do
    party caller "$1" "$hz" "$port" 5 >"$results/$row-$hz.out" 2>&1 &
    pids+=($!)
    port=$((port + 2))
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  [ "$failed" = 0 ] && check_parties 440 880 1320
}
conference_three_party() { conference room-conference $((TONE_PORT + 10)); }
mesh_three_party() { conference mesh-conference $((TONE_PORT + 20)); }

rows=(basic_call basic_call_tcp basic_call_builtin call_rejection call_cancel options_ping hold_resume early_media
  multiple_codecs multiple_codecs_none forking_test timeout_no_answer timeout_nobody_there bridge_two_party
  bridge_early_media conference_three_party mesh_three_party timeout_silent timeout_no_ack timeout_no_bye_answer
  timeout_peer_gone stress_test)
# These last as long as the RFC's timers: they run beside the others.
slow=" timeout_silent timeout_no_ack timeout_no_bye_answer timeout_peer_gone "
[ ${#only[@]} -gt 0 ] && rows=("${only[@]}")

run_row() {
  row=$1
  local begin=$SECONDS
  if "$row" >"$results/$row.out" 2>&1; then echo "pass $((SECONDS - begin))"; else echo "FAIL $((SECONDS - begin))"; fi \
    >"$results/$row.verdict"
}

if [ -z "$target" ]; then
  target=127.0.0.1:$SIP_PORT
  start_callplane
fi
for row in "${rows[@]}"; do
  [[ $slow == *" $row "* ]] && { run_row "$row" & children+=($!); }
done
for row in "${rows[@]}"; do
  [[ $slow == *" $row "* ]] || run_row "$row"
done
[ ${#children[@]} -gt 0 ] && wait "${children[@]}"
children=()

passed=0 failed=0
printf '\n%-26s %-6s %s\n' scenario result seconds
for row in "${rows[@]}"; do
  read -r verdict seconds <"$results/$row.verdict"
  printf '%-26s %-6s %s\n' "$row" "$verdict" "$seconds"
  if [ "$verdict" = pass ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
if [ -n "$server" ] && ! kill -0 "$server" 2>/dev/null; then
  echo "Callplane died; see $results/callplane.log"
  exit 1
fi
[ "$failed" -eq 0 ]
