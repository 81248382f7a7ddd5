# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completions of p2p for bash.

_p2p_options() {
  case $1 in
  listen)
    echo --count --timeout --from --raw --no-newline --echo --answer --answer-timeout \
      --answer-jobs --answer-size --mtu --json --stats --verbose --help
    ;;
  tell) echo --message --file --whole --rate --bind --mtu --json --stats --verbose --help ;;
  ask)
    echo --timeout --file --raw --answer --answer-timeout --answer-size --bind --json --stats \
      --verbose --help
    ;;
  ping)
    echo --count --interval --size --timeout --bind --mtu --json --stats --verbose --help
    ;;
  errors | version) echo --json --help ;;
  help) echo --help ;;
  esac
}

_p2p() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  local commands='listen tell ask ping errors version help'
  COMPREPLY=()
  if [ "$COMP_CWORD" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
    return
  fi
  case $before in
  --file | -f)
    # -f of listen is --from, which takes no file.
    if [ "${COMP_WORDS[1]}" != listen ]; then
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return
    fi
    ;;
  --answer | -a)
    mapfile -t COMPREPLY < <(compgen -c -- "$word")
    return
    ;;
  --count | -c | --timeout | -t | --answer-timeout | --answer-jobs | --answer-size | --mtu | -m | \
    --message | -M | --rate | -R | --bind | -b | --interval | -i | --size | -S)
    return
    ;;
  esac
  case ${COMP_WORDS[1]},$word in
  help,[!-]* | help,)
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
    ;;
  *,-*)
    mapfile -t COMPREPLY < <(compgen -W "$(_p2p_options "${COMP_WORDS[1]}")" -- "$word")
    ;;
  esac
}

complete -F _p2p p2p
