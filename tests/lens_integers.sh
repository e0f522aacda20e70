#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Lenses give the same bytes on every CPU: no floating point in what they are made of,
# neither by name nor by a function of libm nor in the code the compiler made.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
files=$(ls core/lens*.c core/lens*.h core/world*.c core/world*.h core/fixed.[ch] \
	core/htab.[ch] core/number.[ch])
bad=
for f in $files; do
	# without comments: those may speak of 0.5
	hits=$("${CC:-cc}" -fpreprocessed -dD -E -P "$f" 2>/dev/null |
		grep -wE 'double|float|_Complex|math\.h|[0-9]+\.[0-9]+[fFlL]?' || true)
	[ -z "$hits" ] || bad="$bad$f: $hits"$'\n'
done
if [ -n "$bad" ]; then
	printf 'floating point in lens code:\n%s' "$bad"
	exit 1
fi
for o in lens lens_voices lens_authority lens_filter fixed world world_trust \
	world_settings; do
	obj=${STEME_BUILD:-.}/core/libsteme_store_a-$o.o
	[ -f "$obj" ] || { echo "$obj is missing: run make first"; exit 1; }
	if [ "$(uname -m)" = x86_64 ] && objdump -d "$obj" |
		grep -E '(add|mul|div|sub)s[sd] |cvt(si|tsd|tss)|fld|fmul'; then
		echo "$o: the compiler made floating point of it"
		exit 1
	fi
done
