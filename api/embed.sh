#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# embed.sh - turns files into C, for api/files.h.  Usage: embed.sh FILE... >OUTPUT.c
# ui/index.html is served at /, ui/X at /ui/X, another file X at /X.
set -eu

path_of () {
	case $1 in
	(*/ui/index.html) echo / ;;
	(*/ui/*) echo "/ui/${1##*/ui/}" ;;
	(*) echo "/${1##*/}" ;;
	esac
}

type_of () {
	case $1 in
	(*.html) echo 'text/html; charset=utf-8' ;;
	(*.css) echo 'text/css; charset=utf-8' ;;
	(*.js) echo 'text/javascript; charset=utf-8' ;;
	(*.json) echo 'application/json' ;;
	(*.svg) echo 'image/svg+xml' ;;
	(*) echo "embed.sh: no media type is known for $1: add one" >&2; return 1 ;;
	esac
}

echo '/* Made by api/embed.sh: do not edit. */'
echo '#include "config.h"'
echo '#include "api/files.h"'
n=0
for f; do
	printf '\nstatic const unsigned char file%d[] = {\n' "$n"
	od -An -v -tx1 "$f" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
	echo '};'
	n=$((n + 1))
done
printf '\nconst struct api_file api_files[] = {\n'
n=0
for f; do
	type=$(type_of "$f")
	sum=$(sha256sum "$f" | cut -c 1-32)
	printf '\t{ "%s", "%s", file%d, sizeof(file%d), "\\"%s\\"" },\n' \
	    "$(path_of "$f")" "$type" "$n" "$n" "$sum"
	n=$((n + 1))
done
printf '};\nconst size_t api_nfiles = %d;\n' "$n"
