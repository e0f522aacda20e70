# shellcheck shell=sh
# Fetches pinned packages for the data loaders. To be sourced: it defines die,
# parse_options, need_node, fetch_npm and fetch_deb; the last two print the
# folder of the package.

die() {
	printf '%s: %s\n' "${0##*/}" "$1" >&2
	exit 1
}

# parse_options ARGUMENTS: sets limit and cache; a cache of our own is removed at
# the end.
parse_options() {
	while [ $# -gt 0 ]; do
		case $1 in
		--help | -h)
			usage
			exit 0
			;;
		--limit | --cache) [ $# -ge 2 ] || die "$1 needs a value; see --help" ;;
		*) die "unknown argument $1; see --help" ;;
		esac
		case $1 in
		--limit) limit=$2 ;;
		--cache) cache=$2 ;;
		esac
		shift 2
	done
	case $limit in
	*[!0-9]*) die "--limit needs a number, not $limit" ;;
	esac
	if [ -z "$cache" ]; then
		cache=$(mktemp -d)
		trap 'rm -rf "$cache"' EXIT
		trap 'exit 130' INT TERM
	fi
}

# need_node: node 18 or newer and npm must be there.
need_node() {
	command -v node >/dev/null 2>&1 ||
		die "node is missing; install it with: apt-get install nodejs npm"
	command -v npm >/dev/null 2>&1 ||
		die "npm is missing; install it with: apt-get install npm"
	major=$(node -p 'process.versions.node.split(".")[0]')
	[ "$major" -ge 18 ] ||
		die "node $(node --version) is too old; version 18 or newer is needed"
}

# check_sum FILE SHA256: true when the file is there and is the pinned one.
check_sum() {
	[ -f "$1" ] || return 1
	[ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$2" ]
}

# fetch_npm NAME VERSION SHA256 CACHE: fetches and unpacks one npm package;
# nothing of it is ever run.
fetch_npm() {
	file=$(printf '%s-%s.tgz' "$1" "$2" | sed 's/^@//; s,/,-,g')
	if ! check_sum "$4/$file" "$3"; then
		mkdir -p "$4" || die "cannot make the folder $4; choose another with --cache"
		npm pack --silent --pack-destination "$4" "$1@$2" >"$4/npm.log" 2>&1 || {
			cat "$4/npm.log" >&2
			die "npm could not fetch $1@$2; check the network and try again"
		}
		check_sum "$4/$file" "$3" ||
			die "$1@$2 is not the pinned package; remove $4/$file and try again"
	fi
	rm -rf "${4:?}/${file%.tgz}"
	mkdir -p "$4/${file%.tgz}"
	tar -xzf "$4/$file" -C "$4/${file%.tgz}" ||
		die "cannot unpack $4/$file; is the disk full?"
	echo "$4/${file%.tgz}/package"
}

# fetch_deb NAME VERSION SHA256 CACHE: the same for an architecture-independent
# Debian package.
fetch_deb() {
	file=$1_$2_all.deb
	if ! check_sum "$4/$file" "$3"; then
		command -v apt-get >/dev/null 2>&1 ||
			die "apt-get is missing; $1 $2 comes from Debian 12"
		mkdir -p "$4" || die "cannot make the folder $4; choose another with --cache"
		(cd "$4" && apt-get -qq download "$1=$2") >"$4/apt.log" 2>&1 || {
			cat "$4/apt.log" >&2
			die "apt-get could not fetch $1=$2; run apt-get update on Debian 12 and try again"
		}
		check_sum "$4/$file" "$3" ||
			die "$1=$2 is not the pinned package; remove $4/$file and try again"
	fi
	rm -rf "${4:?}/$1-$2"
	dpkg-deb -x "$4/$file" "$4/$1-$2" ||
		die "cannot unpack $4/$file; is the disk full?"
	echo "$4/$1-$2"
}
