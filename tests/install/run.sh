#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs a build into an empty prefix and uses it from outside in every way that is offered.
# usage: run.sh BUILD_FOLDER
set -euo pipefail

build=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
outside=$root/tests/install/outside
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

say() { printf -- '--- %s\n' "$*"; }

cmake --install "$build" --prefix "$prefix" >"$work/log"

# The tree is moved once, so that no path of the build or of the first prefix can be in use.
mv "$prefix" "$work/moved"
prefix=$work/moved
pc=$(find "$prefix" -name p2pswarm.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
libdir=$(dirname "$PKG_CONFIG_PATH")
export PKG_CONFIG_PATH
cc=${CC:-cc}

say pkg-config, shared
# shellcheck disable=SC2046 # words are meant
$cc "$outside/main.c" -o "$work/shared" $(pkg-config --cflags --libs p2pswarm-testing)
LD_LIBRARY_PATH=$libdir "$work/shared"

say pkg-config, static
# A folder with the archives alone goes first, so that they are taken.
mkdir "$work/archives"
cp "$libdir"/*.a "$work/archives"
# shellcheck disable=SC2046
$cc "$outside/main.c" -o "$work/static" -L"$work/archives" \
  $(pkg-config --static --cflags --libs p2pswarm-testing)
"$work/static"

# A program without any shared library, where libuv has an archive; Debian gives it another name.
if pkg-config --exists libuv-static; then
  say pkg-config, all static
  # The C library warns about name service in such a program; nobody asks for names here.
  # shellcheck disable=SC2046
  $cc -static "$outside/main.c" -o "$work/all-static" \
    $(pkg-config --static --cflags --libs p2pswarm-testing | sed 's/-luv\b/-luv_a/') \
    2>"$work/log" || { cat "$work/log"; exit 1; }
  "$work/all-static"
fi

say find_package
cmake -S "$outside" -B "$work/found" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" >"$work/log"
cmake --build "$work/found" >>"$work/log" || { cat "$work/log"; exit 1; }
"$work/found/shared"
"$work/found/static"

if [ -x "$prefix/bin/p2p" ]; then
  say the installed program
  "$prefix/bin/p2p" --version
fi

# Embedding builds the libraries once more, as part of the outer project.
say add_subdirectory
cmake -S "$outside" -B "$work/embedded" -G Ninja -DEMBED="$root" >"$work/log"
cmake --build "$work/embedded" >>"$work/log" || { cat "$work/log"; exit 1; }
"$work/embedded/shared"
"$work/embedded/static"
