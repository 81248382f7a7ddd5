#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Part of ./dev: which packages a command needs, and how to get them.

# need | how it is looked for | packages: Debian | Fedora | Arch | Homebrew
needs='
cc|compiles cc c|gcc libc6-dev|gcc glibc-devel|gcc|gcc
c++|compiles c++ c++|g++|gcc-c++|gcc|gcc
cmake|command -v cmake|cmake|cmake|cmake|cmake
ninja|command -v ninja|ninja-build|ninja-build|ninja|ninja
pkg-config|command -v pkg-config|pkg-config|pkgconf-pkg-config|pkgconf|pkgconf
libuv|pkg-config --exists libuv|libuv1-dev|libuv-devel|libuv|libuv
libsodium|pkg-config --exists libsodium|libsodium-dev|libsodium-devel|libsodium|libsodium
libgcrypt|pkg-config --exists libgcrypt|libgcrypt20-dev|libgcrypt-devel|libgcrypt|libgcrypt
cmocka|pkg-config --exists cmocka|libcmocka-dev|libcmocka-devel|cmocka|cmocka
ip|command -v ip|iproute2|iproute|iproute2|iproute2mac
openssl|command -v openssl|openssl|openssl|openssl|openssl
clang|compiles clang c|clang|clang|clang|llvm
libfuzzer|fuzzes|libclang-rt-dev|compiler-rt|compiler-rt|llvm
clang-format|command -v clang-format|clang-format|clang-tools-extra|clang|clang-format
clang-tidy|command -v clang-tidy|clang-tidy|clang-tools-extra|clang|llvm
shellcheck|command -v shellcheck|shellcheck|ShellCheck|shellcheck|shellcheck
'

# compiles COMPILER LANGUAGE [FLAGS...]: whether it makes a program, with the headers it needs.
compiles() {
  printf '#include <stdio.h>\nint main(void) { return 0; }\n' |
    "$1" -x "$2" "${@:3}" - -o /dev/null
}

fuzzes() { compiles clang c -Dmain=LLVMFuzzerTestOneInput -fsanitize=fuzzer; }

# packages NEED COLUMN: the packages of a need on a system.
packages() {
  awk -F '|' -v need="$1" -v column="$2" '$1 == need { print $column }' <<<"$needs"
}

missing() {
  local need check
  for need; do
    check=$(packages "$need" 2)
    $check >/dev/null 2>&1 || echo "$need"
  done
}

# require NEED...: installs what is missing, or says how to.
require() {
  local absent list
  mapfile -t absent < <(missing "$@")
  [ ${#absent[@]} = 0 ] && return
  if ! command -v apt-get >/dev/null; then
    printf 'dev: missing: %s. Install, with your package manager:\n' "${absent[*]}" >&2
    local column=3 system
    for system in Debian Fedora Arch Homebrew; do
      printf '  %-9s %s\n' "$system" "$(package_list $column "${absent[@]}")" >&2
      column=$((column + 1))
    done
    exit 1
  fi
  list=$(package_list 3 "${absent[@]}")
  apt_install "$list"
  mapfile -t absent < <(missing "$@")
  [ ${#absent[@]} = 0 ] || die "still missing after installing $list: ${absent[*]}"
}

# package_list COLUMN NEED...: one line.
package_list() {
  local need
  for need in "${@:2}"; do packages "$need" "$1"; done | tr ' ' '\n' | sort -u | paste -sd ' '
}

apt_install() {
  local list=$1 root=() log=build/apt.log
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "as root, please: apt-get install $list"
    root=(sudo)
  fi
  local apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y
    -o Acquire::Retries=3)
  # A bare system knows no packages yet, and an old one has a list of those that are gone.
  echo "installing $list"
  # shellcheck disable=SC2046,SC2086 # words are meant
  "${apt[@]}" install --no-install-recommends $(versioned $list) >$log 2>&1 || {
    "${apt[@]}" update >$log 2>&1 &&
      "${apt[@]}" install --no-install-recommends $(versioned $list) >>$log 2>&1
  } || {
    cat $log >&2
    die "apt-get could not install $list"
  }
}

# The run-time library of clang has the version of clang in its name.
versioned() {
  local version
  version=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p')
  printf '%s\n' "${@/#libclang-rt-dev/libclang-rt-$version-dev}"
}

# require_library [NEED...]: what the library needs, and more.
require_library() {
  require cc cmake ninja pkg-config libuv libsodium libgcrypt "$@"
}
