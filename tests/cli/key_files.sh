#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Files that hold no key p2p can use: each is an error that says what the file is, and only where
# there is no file at all a node gets a key for this time.
. "$(dirname "$0")/lib/common.sh"

default=$HOME/.config/p2p/key.pem
expect 0 keygen
cp "$default" "$work/good"

# refuses PATTERN: what id and a listener say of the file in the default place.
refuses() {
  expect 1 id
  says "cannot use the key in .*key.pem: .*$1"
  grep -q 'keygen makes one' "$work/err" && fail "$1: as if there were no file"
  expect 1 listen --timeout 1ms pke+udp://127.0.0.1:0
  says "cannot use the key in .*key.pem: .*$1"
  grep -q 'this time only' "$work/err" && fail "$1: a listener with a key of its own"
  [ ! -s "$work/out" ] || fail "$1: it listened"
}

# PEM of other kinds, by its label alone.
pem() {
  sed "s/PRIVATE KEY/$1/" "$work/good" >"$default"
}
pem 'ENCRYPTED PRIVATE KEY'
refuses 'it holds an ENCRYPTED PRIVATE KEY; .*without a passphrase: openssl pkey -in'
expect 1 doctor "pke+udp://$(p2p id --key "$work/good" && cat "$work/out")@127.0.0.1:9"
prints '^key  *failed '
pem 'EC PRIVATE KEY'
refuses 'it holds an EC PRIVATE KEY; p2p reads PKCS#8 with a key of Ed25519'
pem 'OPENSSH PRIVATE KEY'
refuses 'it holds an OPENSSH PRIVATE KEY; p2p reads PKCS#8'
pem 'CERTIFICATE'
refuses 'it holds a CERTIFICATE; '
pem 'PUBLIC KEY'
refuses 'it is a public key, and the private one is needed'

# What stands around the key, or is missing.
{ cat "$work/good" && echo; } >"$default"
refuses 'blank lines behind it'
{ cat "$work/good" && echo 'ED25519 Private-Key:'; } >"$default"
refuses 'something behind it; p2p wants it alone: openssl pkey -in .* -out'
{ cat "$work/good" "$work/good"; } >"$default"
refuses 'something behind it'
{ echo 'a key' && cat "$work/good"; } >"$default"
refuses 'something before it; p2p wants it alone: openssl pkey -in .* -out'
{ printf '\357\273\277' && cat "$work/good"; } >"$default"
refuses 'a byte order mark before it, which an editor has put there'
head -n 2 "$work/good" >"$default"
refuses 'the line -----END PRIVATE KEY----- is missing'
sed '2s/^/ /' "$work/good" >"$default"
refuses 'base64 in lines of 64 characters'
sed '1s/ KEY-----/ KEY/' "$work/good" >"$default"
refuses 'its first line is not whole'
: >"$default"
refuses 'it is empty'
{ head -n 1 "$work/good" && echo AAAA && tail -n 1 "$work/good"; } >"$default"
refuses 'it is not a private key in PKCS#8'

# What is no file, and what is not there but should be.
rm "$default"
ln -s "$work/unplugged/key.pem" "$default"
refuses 'it is a link to a file that is not there'
rm "$default"
ln -s key.pem "$default"
refuses 'Too many levels of symbolic links'
rm "$default"
mkdir "$default"
refuses 'it is not a file'
rmdir "$default"
expect 3 listen --timeout 1ms pke+udp://127.0.0.1:0
says 'there is no key file, so this node is .* this time only'

# Version 2 of PKCS#8 has the public key as well: that of the seed, or none.
hex() {
  # shellcheck disable=SC2001 # each pair of digits
  printf '%b' "$(sed 's/../\\x&/g' <<<"$1")"
}
seed=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
public=03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8
hex "3051020101300506032b657004220420${seed}812100$public" >"$work/version2"
chmod 600 "$work/version2"
expect 0 id --key "$work/version2"
silent
hex "3051020101300506032b657004220420${seed}812100${public/03/04}" >"$default"
refuses 'its public key does not belong to its private key'

# As openssl makes them.
if command -v openssl >"$work/which"; then
  openssl pkcs8 -topk8 -in "$work/good" -out "$default" -passout pass:secret
  refuses 'it holds an ENCRYPTED PRIVATE KEY'
  openssl pkcs8 -topk8 -in "$work/good" -outform DER -out "$default" -passout pass:secret
  refuses 'encrypted with a passphrase; .*: openssl pkey -inform DER -in'
  openssl pkey -in "$work/good" -text >"$default"
  refuses 'something behind it'
  openssl ecparam -name prime256v1 -genkey -noout -out "$default"
  refuses 'it holds an EC PRIVATE KEY'
  # The advice is right.
  openssl pkey -in "$work/good" -text | openssl pkey -out "$work/again"
  expect 0 id --key "$work/again"
fi

# A key that cannot be written: which file, and why.
mkdir "$work/folder"
for out in "$work/folder" "$work/folder/" "$work/new/"; do
  for force in '' --force; do
    expect 1 keygen --out "$out" ${force:+"$force"}
    says "cannot write $out: it is a folder, and the key needs the name of a file"
  done
done
[ -z "$(ls -A "$work/folder")" ] || fail 'something is left in the folder'
ln -s loop "$work/loop"
expect 1 keygen --out "$work/loop/key"
says "cannot write $work/loop/key: Too many levels of symbolic links"
expect 1 keygen --out "$work/loop/key" --force
says "cannot write $work/loop/key: Too many levels of symbolic links"
expect 1 keygen --force --json --out "$work/$(printf '%300s' '' | tr ' ' n)"
says 'File name too long.*"error":"P2P_ERR_IO"'

finish
