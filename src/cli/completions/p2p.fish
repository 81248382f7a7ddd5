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
complete -c p2p -n __p2p_begins -a doctor -d 'explain why a peer can or cannot be reached'
complete -c p2p -n __p2p_begins -a keygen -d 'make a key, and print its peer id'
complete -c p2p -n __p2p_begins -a id -d 'print the peer id of a key'
complete -c p2p -n __p2p_begins -a errors -d 'list the error codes and exit statuses'
complete -c p2p -n __p2p_begins -a version -d 'print the version'
complete -c p2p -n __p2p_begins -a help -d 'explain a command'
complete -c p2p -n '__p2p_uses help' -a 'listen tell ask ping doctor keygen id errors version help'

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
complete -c p2p -n '__p2p_uses listen' -s k -l key -r -F -d 'the key of this node'
complete -c p2p -n '__p2p_uses listen' -s A -l allow -x -d 'let in this peer'
complete -c p2p -n '__p2p_uses listen' -s m -l mtu -x -d 'longest message to send'

complete -c p2p -n '__p2p_uses tell' -s M -l message -x -d 'send this text'
complete -c p2p -n '__p2p_uses tell' -s f -l file -r -F -d 'send the lines of a file'
complete -c p2p -n '__p2p_uses tell' -s w -l whole -d 'send all of the input as one message'
complete -c p2p -n '__p2p_uses tell' -s R -l rate -x -d 'messages per second'
complete -c p2p -n '__p2p_uses tell' -s b -l bind -x -d 'send from this local address'
complete -c p2p -n '__p2p_uses tell' -s t -l timeout -x -d 'give up if it takes longer'
complete -c p2p -n '__p2p_uses tell' -s k -l key -r -F -d 'the key of this node'
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
complete -c p2p -n '__p2p_uses ping' -s k -l key -r -F -d 'the key of this node'
complete -c p2p -n '__p2p_uses ping' -s m -l mtu -x -d 'longest message to send'

complete -c p2p -n '__p2p_uses doctor' -s t -l timeout -x -d 'wait this long for each answer'
complete -c p2p -n '__p2p_uses doctor' -s k -l key -r -F -d 'the key of this node'
complete -c p2p -n '__p2p_uses doctor' -s e -l echo -d 'the peer sends back: try several sizes'
complete -c p2p -n '__p2p_uses doctor' -s b -l bind -x -d 'send from this local address'

complete -c p2p -n '__p2p_uses keygen' -s o -l out -r -F -d 'where to write it'
complete -c p2p -n '__p2p_uses keygen' -s f -l force -d 'replace a file that is there'
complete -c p2p -n '__p2p_uses keygen' -s F -l format -x -a 'pem der go-p2p' -d 'how to write it'
complete -c p2p -n '__p2p_uses keygen id' -l from-go-p2p -r -F -d 'a key in the form of go-p2p'

complete -c p2p -n '__p2p_uses id' -s k -l key -r -F -d 'the key'
complete -c p2p -n '__p2p_uses id' -s q -l quic -d 'print the id that QUIC swarms use'
complete -c p2p -n '__p2p_uses id' -s p -l public -d 'print the public key'

complete -c p2p -n '__p2p_uses listen tell ask ping doctor keygen id errors version' -s j -l json -d 'print JSON'
complete -c p2p -n '__p2p_uses listen tell ask ping doctor keygen id errors version help' -s h -l help -d 'show the help'
complete -c p2p -n '__p2p_uses listen tell ask ping' -s s -l stats -d 'print the counters at the end'
complete -c p2p -n '__p2p_uses listen tell ask ping' -s v -l verbose -d 'print the log of the library'
