#!/usr/bin/env bash
# Who may include and link what (doc/architecture.md).
set -u
cd "${srcdir:-.}" || exit 99
. tests/result.sh
build=${STEME_BUILD:-.}


# Sources of a library, from core/local.mk.
sources () {
	sed -n "s/^libsteme_$1_a_SOURCES += //p" core/local.mk | tr ' ' '\n' |
	    sed 's/%D%/core/' | grep '\.[ch]'
}
store_headers=$(sources store | grep '\.h$' | sort -u)

includes () {	# project headers that files include
	grep -hoE '^#include "[a-z]+/[a-z0-9_]+\.h"' "$@" /dev/null | sed 's/.*"\(.*\)"/\1/' | sort -u
}

bad=
for f in $(sources base); do
	for h in $(includes "$f"); do
		grep -qx "$h" <<<"$store_headers" && bad+="$f includes $h"$'\n'
		[[ $h == core/* ]] || bad+="$f includes $h"$'\n'
	done
done
result "the base library knows neither the store nor a program" "$bad"

bad=
for f in $(sources store); do
	for h in $(includes "$f"); do
		[[ $h == core/* ]] || bad+="$f includes $h"$'\n'
	done
done
result "the store knows no program" "$bad"

bad=
for f in api/*.[ch] $(ls cli/*.[ch] 2>/dev/null | grep -v offline); do
	for h in $(includes "$f"); do
		grep -qx "$h" <<<"$store_headers" && bad+="$f includes $h"$'\n'
	done
done
result "the sidecar and the command use the base library only" "$bad"

bad=
for d in fs api cli; do
	for h in $(includes $d/*.[ch]); do
		[[ $h == core/* || $h == $d/* ]] || bad+="$d includes $h"$'\n'
	done
done
result "no program includes another's headers" "$bad"

bad=$(grep -lE '#include [<"]leveldb/' -r core fs api cli | grep -vx 'core/index_leveldb.h' || :)
result "only core/index_leveldb.h includes LevelDB's header" "$bad"

bad=$(grep -lE '#include [<"](toml\+\+|toml)' -r core fs api cli | grep -vx 'core/conf_toml.cc' || :)
result "only core/conf_toml.cc includes toml++" "$bad"

bad=
for f in core/*.c fs/*.c api/*.c cli/*.c; do
	first=$(grep -m1 '^#include' "$f")
	# fs/fs.h has config.h first, as libfuse's version macro must stand between
	[ "$first" = '#include "config.h"' ] || [ "$first" = '#include "fs/fs.h"' ] ||
	    bad+="$f: $first"$'\n'
done
result "every C file includes config.h first" "$bad"

bad=$(grep -nE '\b(double|float)\b' core/lens*.c core/lens.h core/world*.[ch] core/fixed.[ch] \
    core/object*.[ch] core/number.[ch] 2>/dev/null | grep -vE ':[[:space:]]*(/?\*|//)|/\*.*(double|float)' || :)
result "no floating point in lenses, worlds and objects" "$bad"

linked () {	# libraries a program needs
	local p=$build/$1
	[ -x "$build/.libs/$1" ] && p=$build/.libs/$1
	readelf -d "$p" 2>/dev/null | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p'
}
for p in stemedb-api steme; do
	[ -x "$build/$p" ] || { result "$p is built" "not found in $build"; continue; }
	result "$p links neither LevelDB nor FUSE" "$(linked $p | grep -E 'leveldb|fuse' || :)"
done
result "stemefs links LevelDB and FUSE" "$(
	for l in libleveldb libfuse3; do linked stemefs | grep -q "$l" || echo "no $l"; done)"

done_results
