#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Lenses against the slow reference: the table of vectors, then random cases.
# LENS_CASES and LENS_SEED widen the search (the campaign runs 100,000).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python3 "$here/lens_reference.py" --vectors "$here/vectors/lenses.json"
python3 "$here/lens_reference.py" --doc "$here/../doc/lenses.md" \
	"$here/vectors/lenses.json" "${STEME_BUILD:-.}/lens_eval"
python3 "$here/lens_reference.py" "${STEME_BUILD:-.}/lens_eval" \
	"${LENS_CASES:-2000}" "${LENS_SEED:-1}"
