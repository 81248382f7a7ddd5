// SPDX-License-Identifier: MIT

package interop

import (
	"fmt"
	"testing"
	"time"
)

// both lets each side send to the other through a relay, at the same time, and checks what arrives:
// nothing twice, nothing damaged, and all that the relay let pass.
func both(t *testing.T, node *Node, peer *Peer, r *Relay, count, perSecond int) {
	t.Helper()
	us0, them0 := r.flows()
	peer.counts()
	peer.send(r.at(node.addr, r.ours), 1, uint32(count), 64, perSecond)
	refused := node.send(r.at(peer.addr, r.theirs), 1, uint32(count), 64, perSecond)
	peer.expect("sent ", patience)
	time.Sleep(time.Second) // for what is on its way
	us, them := r.flows()
	lostOfUs := us.lost[data] - us0.lost[data]
	lostOfThem := them.lost[data] - them0.lost[data]
	t.Logf("of %d each way the relay lost %d and %d", count, lostOfUs, lostOfThem)
	check := func(who string, c Counts, lost int) {
		t.Helper()
		t.Logf("%s heard %+v", who, c)
		if c.repeated+c.damaged+c.empty > 0 {
			t.Errorf("%s heard what was not sent: %+v", who, c)
		}
		// The system may drop some more if the machine is busy.
		if missing := count - lost - c.received; missing < 0 || missing > count/100 {
			t.Errorf("%s misses %d that the relay let pass", who, missing)
		}
	}
	check("the reference", node.counts(), lostOfUs)
	check("our peer", peer.counts(), lostOfThem+refused)
	if refused > 0 {
		t.Errorf("the reference could not send %d", refused)
	}
}

// open lets one side begin, and waits until both have heard each other.
func open(t *testing.T, node *Node, peer *Peer, r *Relay, oursFirst bool) {
	t.Helper()
	const tries = 20
	for number := uint32(1 << 20); number < 1<<20+tries; number++ {
		if oursFirst {
			peer.send(r.at(node.addr, r.ours), number, 1, 64, 1000)
			peer.expect("sent ", patience)
			if !eventually(time.Second, func() bool { return node.has(number) }) {
				continue
			}
		}
		if node.tell(r.at(peer.addr, r.theirs), number, 64, patience) == nil &&
			peer.await(1, time.Second).received > 0 {
			node.inbox.mu.Lock()
			node.inbox.counts = Counts{}
			node.inbox.mu.Unlock()
			return
		}
	}
	t.Fatal("they do not hear each other")
}

// TestLoss: 10,000 messages each way, in a time that takes several handshakes. Every twentieth
// datagram is lost, those of the handshakes as well.
func TestLoss(t *testing.T) {
	t.Parallel()
	count := 10000
	if *long {
		count = 100000
	}
	for _, oursFirst := range []bool{true, false} {
		t.Run(fmt.Sprint("ours first ", oursFirst), func(t *testing.T) {
			t.Parallel()
			node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost)
			r := newRelay(t, node, peer, Weather{loss: 0.05})
			open(t, node, peer, r, oursFirst)
			both(t, node, peer, r, count, 290)
		})
	}
}

// TestReordering: messages overtake each other and come twice.
func TestReordering(t *testing.T) {
	t.Parallel()
	node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost)
	r := newRelay(t, node, peer, Weather{delay: 20 * time.Millisecond, duplicate: 0.1})
	open(t, node, peer, r, true)
	both(t, node, peer, r, 5000, 145)
}

// TestHandshakesUnderLoss: each side begins, new each time, while every fifth datagram is lost.
func TestHandshakesUnderLoss(t *testing.T) {
	t.Parallel()
	rounds := 40
	if *long {
		rounds = 400
	}
	peer := startPeer(t, 2, localhost)
	var slowest time.Duration
	for i := 0; i < rounds; i++ {
		began := time.Now()
		node := newNode(t, uint64(10+i), localhost)
		r := newRelay(t, node, peer, Weather{loss: 0.2, delay: 5 * time.Millisecond})
		r.mu.Lock()
		r.rng.Seed(int64(i))
		r.mu.Unlock()
		base := uint32(i * 1000)
		talking := func(number uint32) bool {
			if number%2 == uint32(i%2) {
				peer.send(r.at(node.addr, r.ours), number, 1, 64, 1000)
				peer.expect("sent ", patience)
			}
			err := node.tell(r.at(peer.addr, r.theirs), number, 64, 5*time.Second)
			time.Sleep(30 * time.Millisecond)
			return err == nil && node.counts().received > 0 && peer.counts().received > 0
		}
		ok := false
		for try := uint32(0); try < 60 && !ok; try++ {
			ok = talking(base + try)
		}
		if !ok {
			us, them := r.flows()
			t.Errorf("round %d: they do not hear each other: from us %v, from them %v", i, us, them)
		}
		slowest = max(slowest, time.Since(began))
		node.close()
	}
	t.Logf("%d handshakes, the slowest took %v", rounds, slowest)
}

// TestBothAtOnce: both sides begin at the same moment, a few milliseconds apart, and what they send
// overtakes itself.
func TestBothAtOnce(t *testing.T) {
	t.Parallel()
	rounds := 200
	if *long {
		rounds = 2000
	}
	peer := startPeer(t, 2, localhost)
	ties := 0
	for i := 0; i < rounds; i++ {
		node := newNode(t, uint64(1000+i), localhost)
		r := newRelay(t, node, peer, Weather{delay: 5 * time.Millisecond})
		r.mu.Lock()
		r.rng.Seed(int64(i))
		apart := time.Duration(r.rng.Int63n(int64(3 * time.Millisecond)))
		r.mu.Unlock()
		base := uint32(4 * i)
		told := make(chan error, 1)
		go func() { told <- node.tell(r.at(peer.addr, r.theirs), base, 64, patience) }()
		time.Sleep(apart)
		peer.send(r.at(node.addr, r.ours), base, 1, 64, 1000)
		if err := <-told; err != nil {
			t.Errorf("round %d: the reference cannot send: %v", i, err)
		}
		peer.expect("sent ", patience)
		// Both can also send a second time.
		if err := node.tell(r.at(peer.addr, r.theirs), base+1, 64, patience); err != nil {
			t.Errorf("round %d: the reference cannot send again: %v", i, err)
		}
		c := peer.await(2, patience)
		peer.send(r.at(node.addr, r.ours), base+1, 1, 64, 1000)
		peer.expect("sent ", patience)
		eventually(patience, func() bool { return node.counts().received == 2 })
		if d := node.counts(); c.received != 2 || d.received != 2 {
			us, them := r.flows()
			t.Errorf("round %d: we heard %+v, the reference %+v; from us %v, from them %v", i, c, d,
				us, them)
		}
		if us, them := r.flows(); us.came[initHello] > 0 && them.came[initHello] > 0 {
			ties++
		}
		node.close()
	}
	t.Logf("%d of %d rounds had two handshakes", ties, rounds)
}
