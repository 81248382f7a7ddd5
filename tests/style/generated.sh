#!/bin/sh
# SPDX-License-Identifier: MIT
# The pages that are made from the headers are up to date.
# usage: generated.sh ROOT TABLES   (TABLES is the program of docs/gen/tables.c)
bad=0
for page in errors stats; do
  "$2" $page | diff -u --label "docs/$page.md" --label "made anew" "$1/docs/$page.md" - || bad=1
done
[ $bad = 0 ] || echo 'run ./dev docs'
exit $bad
