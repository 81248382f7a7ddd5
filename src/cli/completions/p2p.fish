# SPDX-License-Identifier: MIT
# Completions of p2p for fish.

function __p2p_begins
    test (count (commandline -opc)) -eq 1
end

# Whether the command is one of these.
function __p2p_uses
    set -l words (commandline -opc)
    test (count $words) -ge 2; and contains -- $words[2] $argv
end

complete -c p2p -f
complete -c p2p -n __p2p_begins -a listen -d 'receive messages, and print them'
complete -c p2p -n __p2p_begins -a tell -d 'send messages: lines of the input, of a file, or texts'
complete -c p2p -n __p2p_begins -a ask -d 'send a request, and print the response'
complete -c p2p -n __p2p_begins -a ping -d 'measure round trips to a p2p listen --echo'
complete -c p2p -n __p2p_begins -a errors -d 'list the error codes and exit statuses'
complete -c p2p -n __p2p_begins -a version -d 'print the version'
complete -c p2p -n __p2p_begins -a help -d 'explain a command'
complete -c p2p -n '__p2p_uses help' -a 'listen tell ask ping errors version help'

complete -c p2p -n '__p2p_uses listen' -s c -l count -x -d 'end after N messages'
complete -c p2p -n '__p2p_uses listen' -s t -l timeout -x -d 'end when nothing came for this time'
complete -c p2p -n '__p2p_uses listen' -s f -l from -d 'put the sender before each message'
complete -c p2p -n '__p2p_uses listen' -s r -l raw -d 'print messages as they are'
complete -c p2p -n '__p2p_uses listen' -s n -l no-newline -d 'print no newline after a message'
complete -c p2p -n '__p2p_uses listen' -s e -l echo -d 'send each message back'
complete -c p2p -n '__p2p_uses listen' -s a -l answer -x -d 'answer requests with a command'
complete -c p2p -n '__p2p_uses listen' -l answer-timeout -x -d 'the command is killed after this'
complete -c p2p -n '__p2p_uses listen' -l answer-jobs -x -d 'commands at the same time'
complete -c p2p -n '__p2p_uses listen' -l answer-size -x -d 'longest output of the command'
complete -c p2p -n '__p2p_uses listen' -s m -l mtu -x -d 'longest message to send'

complete -c p2p -n '__p2p_uses tell' -s M -l message -x -d 'send this text'
complete -c p2p -n '__p2p_uses tell' -s f -l file -r -F -d 'send the lines of a file'
complete -c p2p -n '__p2p_uses tell' -s w -l whole -d 'send all of the input as one message'
complete -c p2p -n '__p2p_uses tell' -s R -l rate -x -d 'messages per second'
complete -c p2p -n '__p2p_uses tell' -s b -l bind -x -d 'send from this local address'
complete -c p2p -n '__p2p_uses tell' -s m -l mtu -x -d 'longest message to send'

complete -c p2p -n '__p2p_uses ask' -s t -l timeout -x -d 'wait this long for the response'
complete -c p2p -n '__p2p_uses ask' -s f -l file -r -F -d 'the request is what is in this file'
complete -c p2p -n '__p2p_uses ask' -s r -l raw -d 'print the response as it is'
complete -c p2p -n '__p2p_uses ask' -s a -l answer -x -d 'make the other node too'
complete -c p2p -n '__p2p_uses ask' -l answer-timeout -x -d 'the command is killed after this'
complete -c p2p -n '__p2p_uses ask' -l answer-size -x -d 'longest output of the command'
complete -c p2p -n '__p2p_uses ask' -s b -l bind -x -d 'send from this local address'

complete -c p2p -n '__p2p_uses ping' -s c -l count -x -d 'send N pings'
complete -c p2p -n '__p2p_uses ping' -s i -l interval -x -d 'time from one ping to the next'
complete -c p2p -n '__p2p_uses ping' -s S -l size -x -d 'length of a ping'
complete -c p2p -n '__p2p_uses ping' -s t -l timeout -x -d 'a ping is lost after this time'
complete -c p2p -n '__p2p_uses ping' -s b -l bind -x -d 'send from this local address'
complete -c p2p -n '__p2p_uses ping' -s m -l mtu -x -d 'longest message to send'

complete -c p2p -n '__p2p_uses listen tell ask ping errors version' -s j -l json -d 'print JSON'
complete -c p2p -n '__p2p_uses listen tell ask ping errors version help' -s h -l help -d 'show the help'
complete -c p2p -n '__p2p_uses listen tell ask ping' -s s -l stats -d 'print the counters at the end'
complete -c p2p -n '__p2p_uses listen tell ask ping' -s v -l verbose -d 'print the log of the library'
