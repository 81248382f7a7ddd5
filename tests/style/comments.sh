#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public function has a comment above it, or above the group that it stands in without a blank
# line between.
# usage: comments.sh ROOT
cd "$1" || exit 2

find include -name '*.h' | sort | xargs awk '
  FNR == 1 { commented = inside = 0 }
  /^[ ]*\/\*/ { inside = commented = 1 }
  inside { if (/\*\//) inside = 0; next }
  /^$/ || /^P2P_(BEGIN|END)_DECLS/ { commented = 0 }
  /^P2P_API/ && !commented { printf "%s:%d: no comment: %s\n", FILENAME, FNR, $0; bad = 1 }
  END { exit bad }
'
