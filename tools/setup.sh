#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what building and testing einc needs and this machine lacks, on a
# Debian 12 or a relative of it. Says nothing and calls nothing when all is
# there; says what it will install before it does.
set -eu

missing=
program() { # program NAME PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
header() { # header NAME PACKAGE
    for dir in /usr/include /usr/local/include; do
        [ -e "$dir/$1" ] && return 0
    done
    missing="$missing $2"
}

program gcc gcc
program g++ g++
program clang clang
program make make
program re2c re2c
program pkg-config pkg-config
header cmocka.h libcmocka-dev
header sha2.h libmd-dev
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: missing:$missing (Debian package names)" >&2
    echo "setup: there is no apt-get here; install them by hand" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "setup: missing; as root: apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

echo "setup: will install with apt-get:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q >&2
# The names are ours and hold no blanks: splitting is meant.
# shellcheck disable=SC2086
$as_root apt-get install -q -y --no-install-recommends $missing >&2
