# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completions of p2p for bash.

_p2p_options() {
  case $1 in
  listen)
    echo --count --timeout --from --raw --no-newline --echo --answer --answer-timeout \
      --answer-jobs --answer-size --key --allow --mtu --json --stats --verbose --help
    ;;
  tell)
    echo --message --file --whole --rate --timeout --bind --key --mtu --json --stats --verbose \
      --help
    ;;
  ask)
    echo --timeout --file --raw --answer --answer-timeout --answer-size --bind --json --stats \
      --verbose --help
    ;;
  ping)
    echo --count --interval --size --timeout --bind --key --mtu --json --stats --verbose --help
    ;;
  doctor) echo --timeout --key --echo --bind --json --help ;;
  keygen) echo --out --force --format --from-go-p2p --json --help ;;
  id) echo --key --from-go-p2p --quic --public --json --help ;;
  errors | version) echo --json --help ;;
  help) echo --help ;;
  esac
}

_p2p() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  local commands='listen tell ask ping doctor keygen id errors version help'
  COMPREPLY=()
  if [ "$COMP_CWORD" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
    return
  fi
  case $before in
  --key | -k | --out | -o | --from-go-p2p)
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
    return
    ;;
  --file | -f)
    # -f of listen is --from, that of keygen --force: they take no file.
    if [ "${COMP_WORDS[1]}" = tell ] || [ "${COMP_WORDS[1]}" = ask ]; then
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return
    fi
    ;;
  --format | -F)
    mapfile -t COMPREPLY < <(compgen -W 'pem der go-p2p' -- "$word")
    return
    ;;
  --answer | -a)
    mapfile -t COMPREPLY < <(compgen -c -- "$word")
    return
    ;;
  --count | -c | --timeout | -t | --answer-timeout | --answer-jobs | --answer-size | --mtu | -m | \
    --message | -M | --rate | -R | --bind | -b | --interval | -i | --size | -S | --allow | -A)
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
