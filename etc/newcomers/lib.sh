# shellcheck shell=sh
# lib.sh - what ./quickstart and ./check share: packages, options, building.
# Sourced with $top set to the top of the clone.

# Debian packages: to build; to run; to run the tests; to run the benchmarks.
build_packages="autoconf automake libtool pkg-config g++ make libfuse3-dev
libleveldb-dev libjson-c-dev libmicrohttpd-dev libsodium-dev libtomlplusplus-dev
zlib1g-dev libsystemd-dev libgnutls28-dev check"
run_packages="fuse3 curl attr openssl"
test_packages="clang libclang-rt-14-dev rsync jq python3 e2fsprogs util-linux
procps iproute2 hey xxd tar gzip findutils diffutils psmisc bash mandoc systemd
chromium chromium-driver nodejs
prometheus prometheus-node-exporter python3-yaml nginx-light"
bench_packages="postgresql postgresql-contrib wrk hey nodejs npm"

say () { printf '%s\n' "$*"; }
die () { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# Prints those of the packages given that are not installed.
missing_packages () {
	for p in "$@"; do
		dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null |
		    grep -q '^install ok installed$' || printf '%s ' "$p"
	done
}

# Installs what is missing, or says what to do.
need_packages () {
	command -v dpkg-query >/dev/null 2>&1 ||
	    die "this script installs Debian packages; on another system install the" \
	    "equivalents of: $(echo "$@" | tr '\n' ' ')and run ./bootstrap, configure, make"
	# shellcheck disable=SC2068
	missing=$(missing_packages $@)
	[ -n "$missing" ] || return 0
	[ "$(id -u)" = 0 ] ||
	    die "not root, and these packages are missing: run as root: apt-get install $missing"
	say "installing: $missing"
	export DEBIAN_FRONTEND=noninteractive
	# shellcheck disable=SC2086
	if ! apt-get install -y -q --no-install-recommends $missing >"$log.apt" 2>&1; then
		apt-get update -q >>"$log.apt" 2>&1 ||
		    die "apt-get update failed (see $log.apt): check the network and the package sources, then run again"
		# shellcheck disable=SC2086
		apt-get install -y -q --no-install-recommends $missing >>"$log.apt" 2>&1 ||
		    die "apt-get could not install $missing (see $log.apt)"
	fi
}

absolute () {
	case $1 in
	(/*) printf '%s\n' "$1" ;;
	(*) printf '%s/%s\n' "$(pwd)" "$1" ;;
	esac
}

# option NAME VALUE: dies if the value is missing.
need_value () {
	[ $# -ge 2 ] && [ -n "$2" ] || die "$1 needs a value; see ./${0##*/} --help"
}

# configure_build DIR ARGS...: configures (once) and builds the clone in DIR.
configure_build () {
	dir=$1
	shift
	mkdir -p "$dir" || die "cannot make $dir"
	if [ ! -x "$top/configure" ] || [ "$top/configure.ac" -nt "$top/configure" ] ||
	    [ -n "$(find "$top" -maxdepth 2 \( -name local.mk -o -name Makefile.am \) \
	    -newer "$top/Makefile.in" 2>/dev/null | head -n 1)" ]; then
		(cd "$top" && ./bootstrap) >"$log" 2>&1 ||
		    { tail -n 20 "$log" >&2; die "./bootstrap failed: see $log"; }
	fi
	if [ ! -f "$dir/Makefile" ] || [ "$top/configure" -nt "$dir/config.status" ] ||
	    [ "$(cat "$dir/.args" 2>/dev/null)" != "$*" ]; then
		(cd "$dir" && "$top/configure" "$@") >"$log" 2>&1 ||
		    { tail -n 20 "$log" >&2; die "configure failed: see $log"; }
		printf '%s\n' "$*" >"$dir/.args"
	fi
	make -C "$dir" -j"$(nproc)" >"$log" 2>&1 ||
	    { tail -n 20 "$log" >&2; die "make failed in $dir: see $log"; }
}
