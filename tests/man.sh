#!/bin/bash
# The manual pages: well-formed, and every command and option of `steme` is in steme(1).
top=$(cd "${srcdir:-.}" && pwd)
steme=${STEME_BUILD:-.}/steme
. "$top/tests/result.sh"
for page in "$top"/doc/man/*.[1-8]; do
	result "${page##*/} passes mandoc -Tlint" \
	    "$(mandoc -Tlint "$page" 2>&1 | grep -v 'outdated mandoc.db\|manual not found')"
done
page=$(sed 's/\\-/-/g' "$top/doc/man/steme.1")
for cmd in $("$steme" help --names); do
	missing=
	grep -q "^\.It Ic $cmd\b" <<<"$page" || missing="the command $cmd"
	for opt in $("$steme" "$cmd" --words | sed 's/^--//; s/=$//'); do
		grep -q "Fl -$opt\b" <<<"$page" || missing+=" --$opt"
	done
	result "steme(1) has $cmd with its options" "$missing"
done
# the daemons: every option of their usage
for prog in stemefs stemedb-api; do
	missing=
	page=$(sed 's/\\-/-/g' "$top/doc/man/$prog.8")
	for opt in $("${STEME_BUILD:-.}/$prog" --help | grep -oE -- '--[a-z-]+' | sort -u); do
		grep -q "Fl -${opt#--}\b" <<<"$page" || missing+=" $opt"
	done
	result "$prog(8) has its options" "$missing"
done
done_results 21
