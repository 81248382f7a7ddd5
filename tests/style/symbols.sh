#!/bin/sh
# SPDX-License-Identifier: MIT
# What the shared libraries export is what the public headers declare and what symbols.txt says.
# usage: symbols.sh ROOT LIBRARY...            compares
#        symbols.sh --update ROOT LIBRARY...   writes symbols.txt
update=
[ "$1" = --update ] && update=1 && shift
root=$1
shift
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
export LC_ALL=C

for library; do
  name=${library##*/}
  nm -D --defined-only "$library" |
    awk -v name="${name%%.*}" '{ sub(/@.*/, "", $3); print name, $3 }'
done | sort >"$work/exported"
if [ "$update" ]; then
  cp "$work/exported" "$root/symbols.txt"
  exit
fi

bad=0
diff -u --label symbols.txt --label exported "$root/symbols.txt" "$work/exported" || bad=1

# A declaration may go on over several lines; the name is the word before the first parenthesis.
find "$root/include" -name '*.h' -exec awk '
  /^P2P_API/ { gathering = 1; text = "" }
  gathering { text = text " " $0 }
  gathering && /\(/ {
    sub(/ P2P_MUST_USE/, "", text)
    sub(/\(.*$/, "", text)
    sub(/^.*[ *]/, "", text)
    print text
    gathering = 0
  }' {} + | sort >"$work/declared"
sed 's/.* //' "$work/exported" | sort >"$work/names"
diff -u --label declared --label exported "$work/declared" "$work/names" || bad=1
exit $bad
