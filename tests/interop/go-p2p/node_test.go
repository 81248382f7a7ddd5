// SPDX-License-Identifier: MIT

package interop

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.brendoncarroll.net/p2p"
	"go.brendoncarroll.net/p2p/f/x509"
	"go.brendoncarroll.net/p2p/s/p2pkeswarm"
	"go.brendoncarroll.net/p2p/s/udpswarm"
)

// Addr is an address of the reference: who, and where.
type Addr = p2pkeswarm.Addr[udpswarm.Addr]

// Node is a node of the reference.
type Node struct {
	swarm *p2pkeswarm.Swarm[udpswarm.Addr]
	addr  Addr
	ctx   context.Context
	close func()
	inbox Inbox
	echo  atomic.Bool // send back what comes
}

// Counts says what arrived.
type Counts struct {
	received, repeated, damaged, empty int
	gap                                time.Duration // the longest between two messages
}

// Inbox collects numbered messages.
type Inbox struct {
	mu     sync.Mutex
	counts Counts
	seen   map[uint32]bool
	texts  map[string]int // how often each message came, numbered or not
	last   time.Time
	src    Addr // of the latest message
}

// privateKey is a test key: its seed is a number.
func privateKey(number uint64) x509.PrivateKey {
	seed := make([]byte, 32)
	binary.BigEndian.PutUint64(seed[24:], number)
	return x509.PrivateKey{Algorithm: x509.Algo_Ed25519, Data: seed}
}

// newSwarm makes a swarm of the reference, which ends with the test.
func newSwarm(t testing.TB, key uint64, bind string) *p2pkeswarm.Swarm[udpswarm.Addr] {
	t.Helper()
	inner, err := udpswarm.New(bind)
	if err != nil {
		t.Fatal(err)
	}
	swarm := p2pkeswarm.New[udpswarm.Addr](inner, privateKey(key))
	t.Cleanup(func() { swarm.Close() })
	return swarm
}

// newNode starts a node, which ends with the test if not before.
func newNode(t testing.TB, key uint64, bind string) *Node {
	t.Helper()
	n := &Node{swarm: newSwarm(t, key, bind)}
	ctx, cancel := context.WithCancel(context.Background())
	n.ctx = ctx
	n.close = func() {
		cancel()
		n.swarm.Close()
	}
	t.Cleanup(cancel)
	n.addr = n.swarm.LocalAddrs()[0]
	n.inbox.seen = map[uint32]bool{}
	n.inbox.texts = map[string]int{}
	go n.receive()
	return n
}

func (n *Node) receive() {
	for {
		var m p2p.Message[Addr]
		if err := p2p.Receive[Addr](n.ctx, n.swarm, &m); err != nil {
			return
		}
		n.inbox.add(m)
		if n.echo.Load() {
			n.swarm.Tell(n.ctx, m.Src, p2p.IOVec{m.Payload})
		}
	}
}

func (in *Inbox) add(m p2p.Message[Addr]) {
	in.mu.Lock()
	defer in.mu.Unlock()
	now := time.Now()
	if !in.last.IsZero() {
		in.counts.gap = max(in.counts.gap, now.Sub(in.last))
	}
	in.last = now
	in.src = m.Src
	in.texts[string(m.Payload)]++
	number, ok := readMessage(m.Payload)
	switch {
	case len(m.Payload) == 0:
		in.counts.empty++
	case !ok:
		in.counts.damaged++
	case in.seen[number]:
		in.counts.repeated++
	default:
		in.counts.received++
	}
	in.seen[number] = true
}

// counts says what arrived since the test began.
func (n *Node) counts() Counts {
	n.inbox.mu.Lock()
	defer n.inbox.mu.Unlock()
	return n.inbox.counts
}

// has says whether a message arrived.
func (n *Node) has(number uint32) bool {
	n.inbox.mu.Lock()
	defer n.inbox.mu.Unlock()
	return n.inbox.seen[number]
}

// heard says how often a text arrived, and from whom the latest message was.
func (n *Node) heard(text string) (times int, src Addr) {
	n.inbox.mu.Lock()
	defer n.inbox.mu.Unlock()
	return n.inbox.texts[text], n.inbox.src
}

// makeMessage makes what peer.c describes.
func makeMessage(number uint32, size int) []byte {
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(number) + byte(i)
	}
	if size >= 4 {
		binary.BigEndian.PutUint32(out, number)
	}
	return out
}

func readMessage(data []byte) (uint32, bool) {
	if len(data) < 4 {
		return 0, false
	}
	number := binary.BigEndian.Uint32(data)
	return number, string(makeMessage(number, len(data))) == string(data)
}

// tell sends one message; it waits for a handshake if there has to be one.
func (n *Node) tell(dst Addr, number uint32, size int, patience time.Duration) error {
	return n.say(dst, string(makeMessage(number, size)), patience)
}

// say sends a text likewise.
func (n *Node) say(dst Addr, text string, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(n.ctx, patience)
	defer cancel()
	return n.swarm.Tell(ctx, dst, p2p.IOVec{[]byte(text)})
}

// send sends numbered messages at a rate, and returns how many of them were refused.
func (n *Node) send(dst Addr, first, count uint32, size int, perSecond int) (refused int) {
	began := time.Now()
	for i := uint32(0); i < count && n.ctx.Err() == nil; i++ {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(perSecond))))
		if n.tell(dst, first+i, size, 5*time.Second) != nil {
			refused++
		}
	}
	return refused
}
