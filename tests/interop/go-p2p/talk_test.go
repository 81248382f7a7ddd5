// SPDX-License-Identifier: MIT

package interop

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"go.brendoncarroll.net/p2p/f/x509"
	"go.brendoncarroll.net/p2p/s/p2pkeswarm"
	"go.brendoncarroll.net/p2p/s/udpswarm"
)

const (
	localhost = "127.0.0.1:0"
	patience  = 10 * time.Second
)

// at is a node's address with another IP.
func at(addr Addr, ip string) Addr {
	return Addr{ID: addr.ID, Addr: udpswarm.Addr{IP: netip.MustParseAddr(ip), Port: addr.Addr.Port}}
}

// checkTalk lets one begin, and the other answer to where that came from.
func checkTalk(t *testing.T, node *Node, peer *Peer, nodeAddr, peerAddr Addr, oursFirst bool,
	size int) {
	t.Helper()
	if oursFirst {
		peer.send(nodeAddr, 1, 1, size, 1000)
		if !eventually(patience, func() bool { return node.has(1) }) {
			t.Fatal("the reference does not hear us")
		}
		node.inbox.mu.Lock()
		peerAddr = node.inbox.src
		node.inbox.mu.Unlock()
		if peerAddr.ID != peer.addr.ID {
			t.Errorf("the reference takes us for %v", peerAddr.ID)
		}
	}
	if err := node.tell(peerAddr, 1, size, patience); err != nil {
		t.Fatal(err)
	}
	if c := peer.await(1, patience); c != (Counts{received: 1}) {
		t.Fatalf("of one message came %+v", c)
	}
	if up := peer.expect("up ", patience); up != textOf(nodeAddr) && up[:43] != nodeAddr.ID.String() {
		t.Errorf("we take the reference for %s", up)
	}
	if !oursFirst {
		peer.send(nodeAddr, 1, 1, size, 1000)
		if !eventually(patience, func() bool { return node.has(1) }) {
			t.Fatal("the reference does not hear us")
		}
	}
	if c := node.counts(); c.received != 1 || c.repeated+c.damaged+c.empty > 0 {
		t.Errorf("the reference heard %+v", c)
	}
}

// TestTalk: each side begins, with and without our extensions, and with messages of all sizes. The
// reference sends no more than 1260 bytes, but takes all that UDP can carry.
func TestTalk(t *testing.T) {
	t.Parallel()
	for _, oursFirst := range []bool{true, false} {
		for _, flags := range [][]string{nil, {"no-extensions"}} {
			t.Run(fmt.Sprint("ours first ", oursFirst, flags), func(t *testing.T) {
				for _, size := range []int{4, 64, 1200, 1260} {
					node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost, flags...)
					checkTalk(t, node, peer, node.addr, peer.addr, oursFirst, size)
				}
				node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost, flags...)
				peer.send(node.addr, 7, 1, 65507-20, 1000)
				if !eventually(patience, func() bool { return node.has(7) }) {
					t.Error("the longest message that UDP can carry did not arrive")
				}
			})
		}
	}
}

// TestAddresses: IPv6, and sockets that are bound to everything.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		node, peer string
		ip         string
		oursFirst  bool
	}{
		{"[::1]:0", "[::1]:0", "::1", true},
		{"[::1]:0", "[::1]:0", "::1", false},
		{localhost, "[::]:0", "127.0.0.1", true},
		{localhost, "[::]:0", "127.0.0.1", false},
		{"[::]:0", localhost, "127.0.0.1", true},
		{"[::]:0", "[::]:0", "::1", true},
		{"[::]:0", "[::]:0", "::1", false},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			node, peer := newNode(t, 1, c.node), startPeer(t, 2, c.peer)
			checkTalk(t, node, peer, at(node.addr, c.ip), at(peer.addr, c.ip), c.oursFirst, 64)
		})
	}
	// A reference on a wildcard socket cannot begin with a plain IPv4 address, for the answer comes
	// from another text of it. It can with that text.
	t.Run("mapped", func(t *testing.T) {
		node, peer := newNode(t, 1, "[::]:0"), startPeer(t, 2, localhost)
		if node.tell(peer.addr, 1, 64, time.Second) == nil {
			t.Log("the reference now reaches plain IPv4 addresses from a wildcard socket")
		}
		mapped := at(peer.addr, "::ffff:127.0.0.1")
		if err := node.tell(mapped, 2, 64, patience); err != nil {
			t.Error(err)
		}
	})
}

// TestEmpty: we hear the reference's empty messages; it loses ours (wire.md 2.6), and goes on.
func TestEmpty(t *testing.T) {
	t.Parallel()
	node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost)
	checkTalk(t, node, peer, node.addr, peer.addr, true, 64)
	if err := node.tell(peer.addr, 0, 0, patience); err != nil {
		t.Fatal(err)
	}
	peer.send(node.addr, 0, 1, 0, 1000)
	peer.expect("sent ", patience)
	peer.send(node.addr, 2, 1, 64, 1000)
	if !eventually(patience, func() bool { return node.has(2) }) {
		t.Error("after an empty message the reference does not hear us")
	}
	if c := node.counts(); c.empty != 0 {
		t.Logf("the reference now hears empty messages: %+v", c)
	}
	var c Counts
	if !eventually(patience, func() bool { c = c.plus(peer.counts()); return c.empty == 1 }) {
		t.Errorf("of an empty message came %+v", c)
	}
}

// TestLookup: each side asks for the other's key, which takes a handshake without a message. The one
// who then speaks first is heard.
func TestLookup(t *testing.T) {
	t.Parallel()
	key := func(node *Node) string {
		key := node.swarm.PublicKey()
		return fmt.Sprintf("%x", x509.MarshalPublicKey(nil, &key))
	}
	for _, oursFirst := range []bool{true, false} {
		t.Run(fmt.Sprint("by the reference, ours first ", oursFirst), func(t *testing.T) {
			node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			found, err := node.swarm.LookupPublicKey(ctx, peer.addr)
			if err != nil || p2pkeswarm.DefaultFingerprinter(&found) != peer.addr.ID {
				t.Fatalf("the reference found %v, %v", found, err)
			}
			checkTalk(t, node, peer, node.addr, peer.addr, oursFirst, 64)
		})
		t.Run(fmt.Sprint("by us, ours first ", oursFirst), func(t *testing.T) {
			node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost)
			peer.do("lookup %s", textOf(node.addr))
			if found := peer.expect("key ", patience); found != "ok "+key(node) {
				t.Fatalf("we found %s", found)
			}
			checkTalk(t, node, peer, node.addr, peer.addr, oursFirst, 64)
		})
	}
}

// TestWire: what we send has the lengths of the reference's messages, but for the announcement of
// our extensions in the InitHello; nothing of an extension follows.
func TestWire(t *testing.T) {
	t.Parallel()
	for _, oursFirst := range []bool{true, false} {
		for _, flags := range [][]string{nil, {"no-extensions"}} {
			t.Run(fmt.Sprint("ours first ", oursFirst, flags), func(t *testing.T) {
				node, peer := newNode(t, 1, localhost), startPeer(t, 2, localhost, flags...)
				r := newRelay(t, node, peer, Weather{})
				checkTalk(t, node, peer, r.at(node.addr, r.ours), r.at(peer.addr, r.theirs),
					oursFirst, 64)
				time.Sleep(time.Second) // for what is sent again
				us, them := r.flows()
				t.Logf("from us %v, from the reference %v", us, them)
				first, second := &us, &them
				if !oursFirst {
					first, second = second, first
				}
				hello := 166
				if oursFirst && flags == nil {
					hello = us.longest[initHello]
					if hello <= 166 || hello > 180 {
						t.Errorf("our InitHello has %d bytes", hello)
					}
				}
				checkLengths(t, first.longest, [kinds]int{hello, 0, 86, 0, 0, 84, 0})
				checkLengths(t, second.longest, [kinds]int{0, 164, 0, 20, 0, 84, 0})
				if first.came[initHello] != 1 || second.came[respDone] != 1 {
					t.Error("a handshake without loss sends messages again")
				}
			})
		}
	}
}

func checkLengths(t *testing.T, longest, expected [kinds]int) {
	t.Helper()
	for k := range longest {
		if kind(k) != sign && longest[k] != expected[k] {
			t.Errorf("of kind %d the longest has %d bytes, not %d", k, longest[k], expected[k])
		}
	}
}
