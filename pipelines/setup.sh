#!/bin/sh
# setup.sh - installs the Debian packages that are missing.  pipelines/setup.sh [tests] [bench] [clang]
#
# Looks for the headers and programs themselves, so that libraries from elsewhere count; says nothing and
# is done at once where nothing is missing.
set -eu

missing=
need() { missing="$missing $1"; }
program() { command -v "$1" >/dev/null 2>&1 || need "$2"; }

# Header $1 where the compiler looks, or package $2
header() {
    for dir in /usr/include /usr/local/include "/usr/include/$(uname -m)-linux-gnu" $(echo "${CPATH:-}" | tr : ' '); do
        [ -e "$dir/$1" ] && return
    done
    need "$2"
}

program gcc build-essential
program make build-essential
header stdio.h build-essential
program pkg-config pkg-config
header zstd.h libzstd-dev
header msgpack.h libmsgpack-dev
header jansson.h libjansson-dev
header xxhash.h libxxhash-dev
header utf8proc.h libutf8proc-dev
header pcre2.h libpcre2-dev
header zlib.h zlib1g-dev
header openssl/evp.h libssl-dev
for what in "$@"; do
    case $what in
    tests)    header cmocka.h libcmocka-dev; program g++ build-essential; program mandoc mandoc; program zstd zstd ;;
    bench)    header dnnl.h libdnnl-dev ;;
    clang)    program clang clang ;;
    *)        echo "setup.sh: '$what' is none of tests, bench, clang" >&2; exit 2 ;;
    esac
done
[ -n "$missing" ] || exit 0
missing=$(echo "$missing" | tr ' ' '\n' | sort -u | tr '\n' ' ' | sed 's/^ *//; s/ *$//')

as=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "setup.sh: these packages are missing: $missing; install them as root, then start again" >&2
        exit 4
    fi
    as=sudo
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup.sh: no apt-get here; install what these Debian packages hold, then start again: $missing" >&2
    exit 4
fi
echo "setup.sh: installing $missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() {
    if ! $as env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        echo "setup.sh: apt-get $1 failed; mend that, or install by hand: $missing" >&2
        exit 4
    fi
}
run update
run install --no-install-recommends $missing
