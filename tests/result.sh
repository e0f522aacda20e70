# shellcheck shell=bash
# result.sh - for tests that look at files, sourced:
#
#   result "a sentence" COMPLAINT        passes if there is no complaint
#   done_results [N]                     prints the totals, exit status; fewer than N fail
passed=0 failed=0
result () {
	if [ -z "$2" ]; then
		passed=$((passed + 1))
		echo "ok   $1"
	else
		failed=$((failed + 1))
		printf 'FAIL %s\n%s\n' "$1" "$2"
	fi
}
done_results () {
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -ge "${1:-1}" ]
	exit
}
