#!/bin/bash
# The bash completion: commands, options, concepts; and a concept that looks like a command.
. "${srcdir:-.}/tests/e2e/lib.sh" || exit 99

# What bash would offer for the words given; the last is the one being typed.
complete_words () {
	PATH=$STEME_BUILD:$PATH bash -c '
		. "$1/cli/completion/steme" || exit 1
		shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_steme
		printf "%s\n" "${COMPREPLY[@]}"' _ "$TOP" "$@"
}

ok "it loads without a word" test -z "$(bash -c '. "$1/cli/completion/steme"' _ "$TOP" 2>&1)"
like "a beginning" '^(down|doctor)$' complete_words steme "do"
is "all of them" "$("$STEME" help --names | wc -l)" \
    sh -c "echo $(complete_words steme '' | grep -vc '^--')"
is "an option of a command" --skip-signatures complete_words steme verify --sk
is "an option with a value has no =" --lens complete_words steme query x --le
is "its values" skeptic complete_words steme query x --lens sk
for cmd in $("$STEME" help --names); do
	like "options of $cmd" '^--json$' complete_words steme "$cmd" --
done

up || { fail "up"; done_testing; }
"$STEME" assert fruit/apple colour red >/dev/null
"$STEME" assert 'fruit/a pear' colour green >/dev/null
# shellcheck disable=SC2016
"$STEME" assert 'evil$(touch owned)' p 1 >/dev/null
is "a concept" fruit/ complete_words steme query fr
like "concepts below it" '^fruit/apple/$' complete_words steme query fruit/ap
is "a blank is quoted" 'fruit/a\ pear/' complete_words steme query 'fruit/a '
cd "$T" || exit 99
is "what looks like a command is text" 'evil\$\(touch\ owned\)/' complete_words steme query ev
is "and is not run" no sh -c "test -e '$T/owned' || echo no"
done_testing
