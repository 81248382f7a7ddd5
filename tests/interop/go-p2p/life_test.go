// SPDX-License-Identifier: MIT

package interop

import (
	"flag"
	"fmt"
	"net"
	"testing"
	"time"

	"go.brendoncarroll.net/p2p/f/x509"
	"go.brendoncarroll.net/p2p/p/p2pke"
)

var long = flag.Bool("long", false, "also the tests that take minutes")

// TestTraffic: 36 seconds of messages, while the reference makes a new handshake each 15 seconds.
// Nothing is lost: neither when both talk, nor when only one does and the other has no reason to
// begin a handshake.
func TestTraffic(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		oursFirst, ours, theirs bool
		perSecond               int
	}{
		{true, true, true, 200},
		{false, true, true, 200},
		{true, true, false, 200},
		{false, true, false, 1},
		{true, false, true, 200},
		{false, false, true, 1},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			t.Parallel()
			node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost)
			r := newRelay(t, node, peer, Weather{})
			open(t, node, peer, r, c.oursFirst)
			peer.counts()
			count, refused := 36*c.perSecond, 0
			if c.ours {
				peer.send(r.at(node.addr, r.ours), 1, uint32(count), 64, c.perSecond)
			}
			if c.theirs {
				refused = node.send(r.at(peer.addr, r.theirs), 1, uint32(count), 64, c.perSecond)
			}
			if c.ours {
				peer.expect("sent ", time.Minute)
			}
			time.Sleep(time.Second)
			us, them := r.flows()
			t.Logf("from us %v, from the reference %v", us.came, them.came)
			checkAll := func(who string, c Counts, expected bool) {
				t.Logf("%s heard %+v", who, c)
				if want := map[bool]int{true: count, false: 0}[expected]; c.received != want ||
					c.repeated+c.damaged+c.empty > 0 {
					t.Errorf("%s should have heard %d", who, want)
				}
			}
			checkAll("the reference", node.counts(), c.ours)
			checkAll("our peer", peer.counts(), c.theirs)
			if handshakes := us.came[initHello] + them.came[initHello]; handshakes < 3 ||
				handshakes > 8 || refused > 0 {
				t.Errorf("%d handshakes, and %d messages were refused", handshakes, refused)
			}
		})
	}
}

// until sends messages until one arrives, and returns how long that took.
func until(t *testing.T, limit time.Duration, send func(number uint32),
	arrived func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for number := uint32(1 << 16); time.Since(began) < limit; number++ {
		send(number)
		pause := 100 * time.Millisecond
		if time.Since(began) > 2*time.Second {
			pause = time.Second // a queue has room for that
		}
		if eventually(pause, arrived) {
			return time.Since(began)
		}
	}
	t.Errorf("nothing arrives for %v", limit)
	return limit
}

// fromUs sends one of our messages, and fromThem one of the reference's.
func fromUs(peer *Peer, dst Addr) func(uint32) {
	return func(number uint32) {
		peer.send(dst, number, 1, 64, 1000)
		peer.expect("sent ", patience)
	}
}

func fromThem(node *Node, dst Addr) func(uint32) {
	return func(number uint32) { node.tell(dst, number, 64, time.Second) }
}

// TestRestart: one side loses its memory and comes back at the same address. Who has lost it is
// heard as soon as it sends; the other finds out by itself within 15 seconds or so.
func TestRestart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ours, oursFirst bool // who restarts; who then sends
	}{{true, true}, {true, false}, {false, true}, {false, false}} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			t.Parallel()
			node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost)
			checkTalk(t, node, peer, node.addr, peer.addr, true, 64)
			if c.ours {
				peer.kill()
				peer = startPeer(t, 2, socketOf(peer.addr).String())
			} else {
				node.close()
				node = newNode(t, 1, socketOf(node.addr).String())
			}
			peer.counts()
			limit := 3 * time.Second
			if c.ours != c.oursFirst {
				limit = 17 * time.Second
			}
			heard := node.counts().received
			var took time.Duration
			if c.oursFirst {
				took = until(t, limit, fromUs(peer, node.addr),
					func() bool { return node.counts().received > heard })
			} else {
				took = until(t, limit, fromThem(node, peer.addr),
					func() bool { return peer.counts().received > 0 })
			}
			t.Logf("it took %v", took)
			until(t, 3*time.Second, fromThem(node, peer.addr),
				func() bool { return peer.counts().received > 0 })
			heard = node.counts().received
			until(t, 3*time.Second, fromUs(peer, node.addr),
				func() bool { return node.counts().received > heard })
		})
	}
}

// TestWrongID: somebody is dialled under a name that is not his.
func TestWrongID(t *testing.T) {
	t.Parallel()
	t.Run("by us", func(t *testing.T) {
		t.Parallel()
		node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost)
		r := newRelay(t, node, peer, Weather{})
		wrong := r.at(node.addr, r.ours)
		wrong.ID[5] ^= 1
		peer.send(wrong, 1, 1, 64, 1000)
		peer.expect("failed "+textOf(wrong)+" P2P_ERR_REFUSED", 5*time.Second)
		us, them := r.flows()
		t.Logf("from us %v, from the reference %v", us.came, them.came)
		if node.counts().received > 0 || us.total()+them.total() > 20 {
			t.Error("this is too much")
		}
		right := r.at(node.addr, r.ours)
		took := until(t, 50*time.Second, fromUs(peer, right),
			func() bool { return node.counts().received > 0 })
		t.Logf("the right one was reached after %v", took)
	})
	// The reference then makes one handshake after the other, as fast as it can, and each leaves
	// timers behind. We bear it: our limits say how much of it costs us anything.
	t.Run("by the reference", func(t *testing.T) {
		t.Parallel()
		node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost)
		r := newRelay(t, node, peer, Weather{})
		wrong := r.at(peer.addr, r.theirs)
		wrong.ID[5] ^= 1
		if node.tell(wrong, 1, 64, 2*time.Second) == nil {
			t.Error("the reference speaks to us under a wrong name")
		}
		us, them := r.flows()
		t.Logf("in 2 s from us %v, from the reference %v", us.came, them.came)
		t.Logf("answered handshakes %d, refused %d", peer.stat("pke_handshakes_answered"),
			peer.stat("pke_rx_drop_refused"))
		other := newNode(t, 3, localhost)
		took := until(t, patience, fromThem(other, peer.addr),
			func() bool { return peer.counts().received > 0 })
		t.Logf("somebody else reached us after %v", took)
	})
}

// TestCrowd: 600 strangers of our address begin handshakes that they do not go on with. The
// reference cannot prove its address, but it gets in when they are done.
func TestCrowd(t *testing.T) {
	t.Parallel()
	node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost)
	for i := 0; i < 600; i++ {
		session := p2pke.NewSession(p2pke.SessionConfig{
			Registry: x509.DefaultRegistry(), PrivateKey: privateKey(uint64(100 + i)), IsInit: true,
			Now: time.Now(), RejectAfter: time.Minute,
		})
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(socketOf(peer.addr)))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write(session.Handshake(nil))
	}
	took := until(t, patience, fromThem(node, peer.addr),
		func() bool { return peer.counts().received > 0 })
	t.Logf("it took %v; %d were answered, %d refused", took, peer.stat("pke_handshakes_answered"),
		peer.stat("pke_rx_drop_refused")+peer.stat("pke_rx_drop_limit"))
}

// TestKeyChange: another identity appears at an address that is known.
func TestKeyChange(t *testing.T) {
	t.Parallel()
	t.Run("theirs", func(t *testing.T) {
		t.Parallel()
		node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost)
		checkTalk(t, node, peer, node.addr, peer.addr, true, 64)
		node.close()
		other := newNode(t, 3, socketOf(node.addr).String())
		if err := other.tell(peer.addr, 1<<16, 64, patience); err != nil {
			t.Fatal(err)
		}
		if c := peer.await(1, patience); c.received != 1 {
			t.Fatal("the new one is not heard")
		}
		peer.expect("gone "+textOf(node.addr), patience)
		peer.expect("up "+textOf(other.addr), patience)
		// What is for the old one does not reach the new one.
		peer.send(node.addr, 2, 1, 64, 1000)
		peer.expect("failed "+textOf(node.addr)+" P2P_ERR_REFUSED", patience)
		until(t, 3*time.Second, fromUs(peer, other.addr),
			func() bool { return other.counts().received > 0 })
		if other.has(2) {
			t.Error("the new one heard what was for the old one")
		}
	})
	// The reference holds on to the key that it knows until it forgets the channel, or dials the new
	// one itself.
	t.Run("ours, it dials", func(t *testing.T) {
		t.Parallel()
		node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost)
		checkTalk(t, node, peer, node.addr, peer.addr, true, 64)
		peer.kill()
		other := startPeer(t, 3, socketOf(peer.addr).String())
		took := until(t, 5*time.Second, fromThem(node, other.addr),
			func() bool { return other.counts().received > 0 })
		t.Logf("it took %v", took)
	})
	t.Run("ours, we dial", func(t *testing.T) {
		t.Parallel()
		node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost)
		checkTalk(t, node, peer, node.addr, peer.addr, true, 64)
		peer.kill()
		other := startPeer(t, 3, socketOf(peer.addr).String())
		heard := node.counts().received
		took := until(t, time.Minute, fromUs(other, node.addr),
			func() bool { return node.counts().received > heard })
		t.Logf("it took %v", took)
	})
}

// TestIdle: after a long silence the first message of each side arrives.
func TestIdle(t *testing.T) {
	t.Parallel()
	pauses := []time.Duration{17 * time.Second, 40 * time.Second}
	if *long {
		pauses = append(pauses, 130*time.Second, 200*time.Second, 400*time.Second)
	}
	for _, pause := range pauses {
		for _, dialled := range []bool{true, false} {
			for _, oursFirst := range []bool{true, false} {
				name := fmt.Sprint(pause, " dialled by us ", dialled, " ours first ", oursFirst)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost)
					checkTalk(t, node, peer, node.addr, peer.addr, dialled, 64)
					time.Sleep(pause)
					if oursFirst {
						peer.send(node.addr, 10, 1, 64, 1000)
						if !eventually(2*time.Second, func() bool { return node.has(10) }) {
							t.Error("our first message did not arrive")
						}
					}
					if err := node.tell(peer.addr, 10, 64, patience); err != nil {
						t.Error(err)
					}
					if peer.await(1, 2*time.Second).received != 1 {
						t.Error("the reference's first message did not arrive")
					}
					peer.send(node.addr, 11, 1, 64, 1000)
					if !eventually(2*time.Second, func() bool { return node.has(11) }) {
						t.Error("our next message did not arrive")
					}
				})
			}
		}
	}
}
