#!/bin/sh
# SPDX-License-Identifier: MIT
# What the compiled library must not hold. RULE is one of:
#   data   no writable data: state lives in objects, not in globals
#   pure   the protocols and formats take time and randomness, they never ask for them
#   quiet  the library never ends the program, prints, or handles signals
#   memory memory comes from an allocator; the default one, in core/alloc.c, is malloc's only user
# usage: objects.sh RULE OBJECT...
rule=$1
shift

# Nothing to look at is no success.
for object; do [ -e "$object" ] || { echo "no such object: $object"; exit 2; }; done

# undefined PATTERN: which of the objects' undefined symbols match.
undefined() {
  [ "$objects" ] || { echo 'no objects'; bad=1; }
  # _FORTIFY_SOURCE calls the same functions by another name.
  for object in $objects; do
    nm -u "$object" | awk -v object="$object" -v pattern="^($1)\$" '
      {
        name = $2
        sub(/@.*/, "", name)
        if (sub(/^__/, "", name)) sub(/_chk$/, "", name)
        if (name ~ pattern) { printf "%s: uses %s\n", object, name; bad = 1 }
      }
      END { exit bad }' || bad=1
  done
}

# only PATTERN / except PATTERN: chooses from the objects by path.
# shellcheck disable=SC2086 # words are meant
only() { objects=$(printf '%s\n' $objects | grep -E "$1"); }
# shellcheck disable=SC2086
except() { objects=$(printf '%s\n' $objects | grep -Ev "$1"); }

bad=0
objects=$*
case $rule in
data)
  [ "$objects" ] || bad=1
  # Tables of pointers are constant once the loader has filled them in: .data.rel.ro.
  for object in $objects; do
    readelf -SW "$object" | sed 's/^ *\[ *[0-9]*\] *//' | awk -v object="$object" '
      $1 ~ /^\.(data|bss|tdata|tbss)/ && $1 !~ /^\.data\.rel\.ro/ && $5 !~ /^0*$/ {
        printf "%s: writable data in %s\n", object, $1
        bad = 1
      }
      END { exit bad }' || { nm "$object" | grep -E ' [bBdDC] '; bad=1; }
  done
  ;;
pure)
  only '/src/(protocol|format)/'
  time='clock|clock_.*|time|gettimeofday|nanosleep|usleep|sleep|localtime.*|gmtime.*'
  random='s?rand|rand_r|s?random|.rand48|getrandom|getentropy|arc4random.*|randombytes.*'
  keys='crypto_[a-z]+(_(ed25519|x25519|curve25519[a-z0-9]*))?_keypair|crypto_.*_keygen'
  gcrypt='gcry_random.*|gcry_randomize|gcry_create_nonce|gcry_pk_genkey'
  sockets='socket|socketpair|bind|connect|listen|accept4?|send|sendto|sendm?msg|recv|recvfrom'
  files='recvm?msg|poll|select|epoll_.*|open|openat|read|write|fopen(64)?|fread|fwrite|getenv'
  threads='secure_getenv|pthread_.*|thrd_.*|mtx_.*|cnd_.*|uv_.*'
  undefined "$time|$random|$keys|$gcrypt|$sockets|$files|$threads"
  ;;
quiet)
  ends='abort|exit|_exit|quick_exit|assert_fail|raise|kill|signal|sigaction'
  prints='v?printf|puts|putchar|perror|std(in|out|err)'
  undefined "$ends|$prints"
  ;;
memory)
  except '/src/core/alloc\.c'
  calls='malloc|calloc|realloc|reallocarray|free|strn?dup|v?asprintf|aligned_alloc'
  undefined "$calls|posix_memalign|sodium_malloc|sodium_free"
  ;;
*)
  echo "no such rule: $rule" >&2
  exit 2
  ;;
esac
exit $bad
