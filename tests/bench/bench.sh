#!/bin/bash
# bench.sh - StemeDB beside PostgreSQL, ext4 and a bare file, on this machine, in this run.
#
#   make bench                          all parts, about ten minutes
#   BENCH="import query" make bench     some of: import write write32 query http
#                                       httpload metrics mount rebuild memory
# Results: a table on stdout, and bench/bench.tsv in the build folder with the
# commands.  doc/benchmarks.md explains them.
set -uo pipefail
BUILD=${STEME_BUILD:-$(pwd)}
HERE=$(cd "$(dirname "$0")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
STEME=$BUILD/steme
OUT=$BUILD/bench
DATA=$OUT/data
ROUNDS=${BENCH_ROUNDS:-3}
T=$(mktemp -d "${TMPDIR:-/tmp}/steme-bench.XXXXXX") || exit 1
chmod 755 "$T"
export HOME=$T/home
mkdir -p "$HOME" "$DATA"
# shellcheck source=/dev/null
. "$HERE/lib.sh"
# shellcheck source=/dev/null
. "$HERE/data.sh"
for f in "$HERE"/part-*.sh; do
	# shellcheck source=/dev/null
	. "$f"
done

cleanup () {
	helpers_down
	store_down
	mountpoint -q "$M" && fusermount3 -uz "$M"
	mountpoint -q "$T/ext4" && umount "$T/ext4"
	pg_down
	rm -rf -- "$T"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

PORT=$(free_port)
all="import write write32 query http httpload metrics mount rebuild memory"
printf 'part\twhat\tunit\tours\tpeer\tratio\ttarget\tmet\tcommand\tpeer command\n' >"$OUT/bench.tsv"
{
	echo "date $(date -u +%Y-%m-%dT%H:%MZ)"
	echo "machine $(nproc) x $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), Linux $(uname -r)"
	echo "load $(cut -d ' ' -f 1-3 /proc/loadavg) at the start"
} | tee "$OUT/machine.txt"
make_data
for part in ${BENCH:-$all}; do
	case " $all " in
	*" $part "*) ;;
	*) die "no part $part; there are: $all" ;;
	esac
	note "bench: $part"
	"part_$part"
done
echo
table
