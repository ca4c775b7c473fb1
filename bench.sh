#!/usr/bin/env bash
# Measures accuracy on the real traces against the committed docs/accuracy.md and against the gates of docs/results.md, and what the program
# costs. Figures of cost are printed and not asserted: other work on the machine moves them. Accuracy is skipped where FORETHOUGHT_DATA does
# not say where the traces are. FORETHOUGHT_BENCH=short leaves out M4 hourly, which takes five CPU minutes, and most of the replays, which take ten.
#
#   bench.sh         all of it
#   bench.sh replays  the replays only, written into docs/results.md
#   bench.sh peers   other programs on the same data in the same run, into docs/results.md. FORETHOUGHT_PEERS names the folder whose run.sh
#                    runs them and WORK, a folder for their files, in which "run.sh setup" was run
set -euo pipefail
cd "$(dirname "$0")"
go=${GO:-go}

if [[ "${1:-}" == peers ]]; then
  : "${FORETHOUGHT_DATA:?names the data}" "${FORETHOUGHT_PEERS:?names the folder with run.sh}" "${WORK:?names a folder for files of the peers}"
  FORETHOUGHT_BENCH=full "$go" test -tags bench -count=1 -run TestResults -timeout 60m -v ./cmd/forethought -rewrite
  exit
fi

if [[ "${1:-}" == replays ]]; then
  FORETHOUGHT_BENCH=full "$go" test -tags bench -count=1 -run TestReplays -timeout 40m -v ./cmd/forethought -rewrite
  exit
fi

echo "--- accuracy (docs/accuracy.md)"
"$go" test -tags bench -count=1 -run TestAccuracy -timeout 40m -v ./cmd/forethought | grep -vE '^=== |of [0-9]+ series'

echo "--- gates (docs/results.md) and the speed of each method"
FORETHOUGHT_PEERS='' FORETHOUGHT_BENCH=${FORETHOUGHT_BENCH:-full} \
  "$go" test -tags bench -count=1 -run TestResults -timeout 40m -v ./cmd/forethought | grep -vE '^=== '

echo "--- replays beside other policies (docs/results.md)"
FORETHOUGHT_BENCH=${FORETHOUGHT_BENCH:-full} \
  "$go" test -tags bench -count=1 -run TestReplays -timeout 40m -v ./cmd/forethought | grep -vE '^=== '

echo "--- forethought forecast on every file"
for file in "${FORETHOUGHT_DATA:-/nowhere}"/demand/*.csv.gz; do
  [[ -f "$file" ]] || { echo "FORETHOUGHT_DATA does not say where the traces are"; break; }
  rows=$(bin/forethought forecast --input="$file" --horizon=24 --output=- 2>/dev/null | wc -l)
  echo "$(basename "$file"): $((rows - 1)) rows"
done

echo "--- a warm turn of 100 fleets with 28 days at 1 minute (bar: 1 CPU-second)"
"$go" test -tags bench -run '^$' -bench TurnOf100Fleets -benchtime 5x -timeout 20m ./cmd/forethought | grep Benchmark

echo "--- reading the external metric at 1,000 fleets (bar: p99 5 ms)"
"$go" test -run '^$' -bench Read -benchtime 5000x -timeout 10m ./adapter/externalmetrics | grep Benchmark

echo "--- the external metrics API at 1,000 fleets and 200 requests a second, and its list of 10,000 names (bars: 20 ms, 100 ms)"
"$go" test -tags bench -run '^$' -bench 'Load|Discovery' -benchtime 2000x -timeout 10m ./adapter/externalmetrics | grep Benchmark

echo "--- 1,000 ScaledObjects with two streams each at the KEDA door (bar: 300 MB)"
"$go" test -tags bench -run '^$' -bench Streams -benchtime 5x -timeout 10m ./adapter/keda | grep Benchmark

echo "--- forecasting engine at 28 days of 1 minute"
"$go" test -run '^$' -bench . -benchtime 3x -timeout 10m ./forecast/selection | grep Benchmark

echo "--- idle memory of serve with one fleet and 28 days at 1 minute on the embedded Prometheus (bar: 150 MB)"
folder=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$folder"' EXIT
bin/forethought demo --storage.path="$folder" --web.listen-address=127.0.0.1:0 >"$folder/screen" 2>/dev/null &
pids+=($!)
for _ in $(seq 120); do grep -q ^prometheus: "$folder/screen" && break; sleep 1; done
kill "${pids[0]}"; wait "${pids[0]}" 2>/dev/null || true
cat >"$folder/serve.yml" <<YAML
embedded: {path: $folder/tsdb, listen_address: '127.0.0.1:0', retention: 90d}
storage: {path: $folder}
fleets:
  - name: web
    demand: {query: sum(demo_requests_per_second), unit: requests_per_second, step: 1m}
    pools: [{name: spot, class: variable, capacity: 25, max: 200, lead_time: 4m}]
YAML
bin/forethought serve --config.file="$folder/serve.yml" --web.listen-address=127.0.0.1:39095 2>"$folder/log" &
pids+=($!)
for _ in $(seq 120); do curl -sf http://127.0.0.1:39095/-/ready >/dev/null && break; sleep 1; done
sleep 70 # one more turn and several collections
curl -s http://127.0.0.1:39095/metrics | grep -E '^(process_resident_memory_bytes|go_memstats_heap_inuse_bytes) '
grep -E '^VmRSS|^RssAnon' "/proc/${pids[1]}/status"
