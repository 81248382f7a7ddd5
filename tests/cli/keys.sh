#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# p2p keygen and p2p id: files that are their owner's alone, that are never lost by accident, and
# that other programs read; the ids that keys have.
. "$(dirname "$0")/lib/common.sh"

default=$HOME/.config/p2p/key.pem

# is_id FILE: whether its one line is a peer id.
is_id() {
  [ "$(wc -l <"$1")" = 1 ] || fail "not one line: $(cat "$1")"
  grep -qxE '[-0-9A-Z_a-z]{43}' "$1" || fail "no peer id: $(cat "$1")"
}

# The default file: made once, for its owner alone, and kept.
expect 1 id
says 'there is no such file; p2p keygen makes one'
expect 0 keygen
silent
is_id "$work/out"
cp "$work/out" "$work/id"
[ "$(stat -c %a "$default" "$HOME/.config/p2p")" = "$(printf '600\n700')" ] || fail 'modes'
cp "$default" "$work/key"
expect 1 keygen
says 'there is a key in .*key.pem already, and it stays; .*--force replaces it'
[ ! -s "$work/out" ] || fail 'an id of no key'
cmp "$default" "$work/key" || fail 'the key was replaced'
expect 0 id
cmp "$work/id" "$work/out" || fail 'p2p id and p2p keygen differ'
expect 0 keygen --force
cmp -s "$default" "$work/key" && fail 'the key was not replaced'
[ "$(stat -c %a "$default")" = 600 ] || fail 'the mode of a key that was replaced'
mkdir "$work/xdg"
XDG_CONFIG_HOME=$work/xdg expect 0 keygen
[ -f "$work/xdg/p2p/key.pem" ] || fail 'XDG_CONFIG_HOME'
HOME='' expect 1 keygen
says 'no place for keys, as HOME is not set'

# All that is known about one key. Its ids are those of test key 0 of the wire's description: the
# private key is bytes 0 to 31.
seed=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
hex() {
  # shellcheck disable=SC2001 # each pair of digits
  printf '%b' "$(sed 's/../\\x&/g' <<<"$1")"
}
hex "302e020100300506032b657004220420$seed" >"$work/known.der"
chmod 600 "$work/known.der"
expect 0 id --key "$work/known.der" --public
cp "$work/out" "$work/public"
expect 0 id --key "$work/known.der"
known=$(cat "$work/out")
expect 0 id --key "$work/known.der" --quic
is_id "$work/out"
quic=$(cat "$work/out")
[ "$known" != "$quic" ] || fail 'both ids are the same'
expect 0 id --key "$work/known.der" --json
json "$work/out"
prints "\"event\":\"key\",\"id\":\"$known\",\"quic_id\":\"$quic\",\"file\":\"$work/known.der\""
grep -q PRIVATE "$work/out" && fail 'a private key'
if command -v openssl >"$work/which"; then
  openssl pkey -inform DER -in "$work/known.der" -pubout | cmp - "$work/public" ||
    fail 'openssl has another public key'
  # The peer id is the first 32 bytes of SHAKE256 of the public key, the other one SHA3-256.
  openssl pkey -inform DER -in "$work/known.der" -pubout -outform DER >"$work/spki"
  alphabet='-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz'
  standard='ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  for hash in "-shake256 -xoflen 32:$known" "-sha3-256:$quic"; do
    # shellcheck disable=SC2086 # words are meant
    openssl dgst ${hash%:*} -binary "$work/spki" | base64 | tr -d '=\n' |
      sed "y|$standard|$alphabet|" | grep -qxe "${hash##*:}" || fail "id of $hash"
  done
  # What openssl makes, in both forms.
  for form in PEM DER; do
    openssl genpkey -algorithm ed25519 -outform $form -out "$work/openssl.$form"
    chmod 600 "$work/openssl.$form"
    expect 0 id --key "$work/openssl.$form" --public
    silent
    openssl pkey -inform $form -in "$work/openssl.$form" -pubout | cmp - "$work/out" ||
      fail "a key of openssl, $form"
  done
  # And what p2p makes.
  for form in pem der; do
    expect 0 keygen --out "$work/mine.$form" --format $form
    openssl pkey -inform $form -in "$work/mine.$form" -noout || fail "openssl does not read $form"
  done
  openssl genpkey -algorithm x25519 -out "$work/x25519"
  expect 1 id --key "$work/x25519"
  says 'another algorithm than Ed25519'
  openssl pkcs8 -topk8 -in "$work/openssl.PEM" -out "$work/encrypted" -passout pass:secret
  expect 1 id --key "$work/encrypted"
  says 'it holds an ENCRYPTED PRIVATE KEY; .*without a passphrase'
fi

# The form of go-p2p is never guessed, in either direction.
expect 0 keygen --out "$work/go" --format go-p2p
cp "$work/out" "$work/id"
[ "$(stat -c '%s %a' "$work/go")" = '44 600' ] || fail 'the form of go-p2p'
expect 1 id --key "$work/go"
says 'a public key, or a private one in the form of go-p2p, which looks the same; .*--from-go-p2p'
expect 0 id --from-go-p2p "$work/go"
cmp "$work/id" "$work/out" || fail 'the id of a key of go-p2p'
expect 1 id --from-go-p2p "$work/known.der"
says 'not a private key in the form of go-p2p'
expect 0 keygen --from-go-p2p "$work/go" --out "$work/converted"
expect 0 id --key "$work/converted"
cmp "$work/id" "$work/out" || fail 'a key that was converted'
hex "302a300506032b6570032100$seed" >"$work/go-known"
chmod 600 "$work/go-known"
expect 0 id --from-go-p2p "$work/go-known"
[ "$(cat "$work/out")" = "$known" ] || fail 'the form of go-p2p has another seed'
expect 0 keygen --from-go-p2p "$work/go-known" --format der --out -
cmp "$work/known.der" "$work/out" || fail 'keygen --out -'

# Others that may read it.
chmod 640 "$work/mine.pem"
expect 0 id --key "$work/mine.pem"
says '^p2p: warning: the key in .*mine.pem is no secret, .*: chmod 600$'

# What is no key.
echo nonsense >"$work/nonsense"
expect 1 id --key "$work/nonsense"
says 'not a private key in PKCS#8, PEM or DER'
expect 1 id --key "$work/public"
says 'it is a public key'
: >"$work/empty"
expect 1 id --key "$work/empty"
expect 1 id --key "$work"
says 'it is not a file'
head -c 20000 /dev/zero >"$work/long"
expect 1 id --key "$work/long"
says 'too long for a key'
expect 1 keygen --out "$work/nowhere/key.pem"
says 'there is no such folder'
expect 1 listen --key "$work/nothing" pke+udp://127.0.0.1:0
says 'cannot use the key in .*nothing: there is no such file; p2p keygen --out makes one'
expect 2 keygen --format p12
says 'none of pem, der and go-p2p'
expect 2 keygen --format go-p2p
says 'needs --out'
expect 2 id --public --quic
expect 2 id --key x --from-go-p2p y

# No output but --out - has ever had the secret: here it is known.
for arguments in "id --key $work/known.der" "id --key $work/known.der --json" \
  "id --key $work/known.der --public" "tell pke+udp://$known@127.0.0.1:9 -k $work/known.der -M x \
  -t 50ms -vv --json --stats"; do
  # shellcheck disable=SC2086 # words are meant
  p2p $arguments
  secret=$(hex $seed | base64 | cut -c 4-36)
  cat "$work/out" "$work/err" | grep -qaF -e "$secret" -e "$seed" && fail "a secret: $arguments"
done

finish
