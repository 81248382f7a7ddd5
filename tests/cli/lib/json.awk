# SPDX-License-Identifier: MIT
# Fails unless each line is one object of JSON (RFC 8259). Run it with LC_ALL=C.

function bad(why) {
  if (!wrong) printf "%s:%d: %s: %s\n", FILENAME, FNR, why, $0
  wrong = 1
}

# Takes what the expression matches off the front of `rest`.
function take(expression) {
  if (!match(rest, "^" expression)) return 0
  rest = substr(rest, RSTART + RLENGTH)
  return 1
}

function string() {
  return take("\"([^\"\\\\\001-\037]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F])*\"")
}

function value() {
  if (take("\\{")) return members()
  if (take("\\[")) return elements()
  if (string() || take("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?")) return 1
  if (take("true") || take("false") || take("null")) return 1
  bad("no value")
  return 0
}

function members() {
  if (take("\\}")) return 1
  do {
    if (!string() || !take(":") || !value()) {
      bad("no member")
      return 0
    }
  } while (take(","))
  if (!take("\\}")) bad("no end of the object")
  return 1
}

function elements() {
  if (take("\\]")) return 1
  do if (!value()) return 0
  while (take(","))
  if (!take("\\]")) bad("no end of the array")
  return 1
}

{
  rest = $0
  if (!take("\\{")) bad("no object")
  else members()
  if (rest != "") bad("something behind the object")
  if (wrong) exit 1
  lines++
}
END { if (!wrong && !lines) { print FILENAME ": no line"; exit 1 } exit wrong }
