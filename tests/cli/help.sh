#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The help of each command; and that the completions, the manual page and docs/cli.md know each
# command and each option, and no others.
. "$(dirname "$0")/lib/common.sh"

completions=$root/src/cli/completions
manual=$root/docs/man/p2p.1

expect 0 help
commands=$(sed -n 's/^  \([a-z]*\)  *[a-z].*/\1/p' "$work/out" | sed '/^help$/q')
[ "$(echo "$commands" | wc -l)" -ge 7 ] || fail "too few commands: $commands"
for way in --help -h; do
  cp "$work/out" "$work/help"
  expect 0 "$way"
  cmp "$work/help" "$work/out" || fail "p2p $way"
done
expect 0 --version
prints '^p2p [0-9]*\.[0-9]*\.[0-9]*'

# options TEXT: the long options that it names, sorted.
options() {
  grep -o -e '--[a-z][a-z0-9-]*' "$1" | sort -u
}

# section FILE COMMAND: the part of the manual, or of the page, that is about a command.
manual_section() {
  awk -v command="$2" '
    /^\.S[sh] / { inside = ($0 ~ "^\\.Ss p2p " command "($| )") }
    inside' "$1" | sed -n 's/^\.It .*Fl -\([a-z0-9-]*\).*/--\1/p' | sort -u
}
page_section() {
  awk -v command="$2" '
    /^## / { inside = ($0 ~ "^## p2p " command "$") }
    inside && /^\|/' "$1" | grep -o -e '`--[a-z0-9-]*' | tr -d '`' | sort -u
}

for command in $commands; do
  expect 0 help "$command"
  silent
  cp "$work/out" "$work/help"
  expect 0 "$command" --help
  cmp "$work/help" "$work/out" || fail "p2p $command --help and p2p help $command differ"
  prints "^usage: p2p $command"
  prints '^examples:$'
  awk -v command="$command" '
    length($0) > 100 { print command ": a long line: " $0; bad = 1 }
    END { exit bad }' "$work/out" || fail 'too wide'
  # The examples use options that there are, and each of them is right.
  sed -n 's/^  *\(-[a-zA-Z], \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p' "$work/out" | sort -u \
    >"$work/options"
  options "$work/out" | comm -23 - "$work/options" >"$work/unknown"
  case $command in
  ping) sed -i '/^--echo$/d' "$work/unknown" ;;
  # What is spoken of, but belongs to another command.
  doctor) sed -i '/^--allow$/d' "$work/unknown" ;;
  esac
  [ ! -s "$work/unknown" ] || fail "$command: unknown: $(tr '\n' ' ' <"$work/unknown")"

  # In the same order as the help, so that the table is the one source.
  manual_section "$manual" "$command" | diff "$work/options" - || fail "$manual: $command"
  page_section "$root/docs/cli.md" "$command" | diff "$work/options" - ||
    fail "docs/cli.md: $command"

  # What bash offers for the command.
  bash -c '. "$1"; COMP_WORDS=(p2p "$2" --); COMP_CWORD=2; _p2p p2p -- "$2"
    printf "%s\n" "${COMPREPLY[@]}"' - "$completions/p2p.bash" "$command" | sort -u |
    diff "$work/options" - || fail "p2p.bash: $command"
  # The other two are read as text.
  awk -v command="$command" '
    $0 ~ "^    " command "\\)$" { inside = 1; next }
    /^      ;;$/ { inside = 0 }
    inside' "$completions/_p2p" | grep -o -e '--[a-z][a-z0-9-]*' | sort -u |
    diff "$work/options" - || fail "_p2p: $command"
  awk -v command="$command" '
    /^complete / && $0 ~ "__p2p_uses [a-z]" { line = $0; sub(/.*__p2p_uses /, "", line)
      sub(/[^a-z ].*/, "", line)
      if (index(" " line " ", " " command " ") && match($0, / -l [a-z0-9-]+/))
        print "--" substr($0, RSTART + 4, RLENGTH - 4) }' "$completions/p2p.fish" | sort -u |
    diff "$work/options" - || fail "p2p.fish: $command"
  grep -q "^    '$command:" "$completions/_p2p" || fail "_p2p: no command $command"
  grep -q -e "-a $command -d" "$completions/p2p.fish" || fail "p2p.fish: no command $command"
done

bash -c '. "$1"; COMP_WORDS=(p2p ""); COMP_CWORD=1; _p2p p2p "" p2p
  printf "%s\n" "${COMPREPLY[@]}"' - "$completions/p2p.bash" | sort >"$work/offered"
echo "$commands" | sort | diff - "$work/offered" || fail 'p2p.bash: commands'
! command -v zsh >"$work/which" || zsh -n "$completions/_p2p" || fail '_p2p: syntax'
! command -v fish >"$work/which" || fish -n "$completions/p2p.fish" || fail 'p2p.fish: syntax'
if command -v mandoc >"$work/which"; then
  mandoc -Tlint -Wwarning "$manual" || fail 'mandoc'
fi

# Every exit status and error code is explained.
expect 0 errors
prints '^  -1  P2P_ERR_AGAIN '
prints '^   3  NO_ANSWER '
for page in "$manual" "$root/docs/cli.md"; do
  for exit in 0 1 2 3 4 5 128; do
    grep -qE "^(\\.It |\\| )$exit( |\$)" "$page" || fail "$page: exit status $exit"
  done
done

finish
