// SPDX-License-Identifier: MIT

package interop

import (
	"encoding/binary"
	"math/rand"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.brendoncarroll.net/p2p/s/udpswarm"
)

// Weather is what happens to datagrams on their way.
type Weather struct {
	loss      float64
	duplicate float64
	delay     time.Duration // up to this, by chance: so they overtake each other
}

// Kinds of datagrams, as the header tells them.
type kind int

const (
	initHello kind = iota
	respHello
	initDone
	respDone
	sign // 4 to 15: of life, from us only
	data
	extension // never sent to the reference
	kinds
)

// Flow is what a relay has seen in one direction.
type Flow struct {
	came, lost [kinds]int
	longest    [kinds]int // datagram, in bytes
}

// Relay stands between a node of the reference and a peer of ours; each finds the other at an
// address of the relay.
type Relay struct {
	ours, theirs *net.UDPConn   // where our peer, and the reference, send to
	peer, node   netip.AddrPort // where they are
	weather      atomic.Pointer[Weather]
	mu           sync.Mutex
	rng          *rand.Rand
	fromUs       Flow
	fromThem     Flow
}

func socketOf(addr Addr) netip.AddrPort {
	return netip.AddrPortFrom(addr.Addr.IP.Unmap(), addr.Addr.Port)
}

func listen(t testing.TB) *net.UDPConn {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadBuffer(4 << 20)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// newRelay starts a relay, which ends with the test.
func newRelay(t testing.TB, node *Node, peer *Peer, weather Weather) *Relay {
	t.Helper()
	r := &Relay{
		ours: listen(t), theirs: listen(t),
		peer: socketOf(peer.addr), node: socketOf(node.addr),
		rng: rand.New(rand.NewSource(1)),
	}
	r.weather.Store(&weather)
	go r.run(r.ours, r.theirs, r.node, &r.fromUs)
	go r.run(r.theirs, r.ours, r.peer, &r.fromThem)
	return r
}

// at is who, found behind the relay.
func (r *Relay) at(who Addr, conn *net.UDPConn) Addr {
	where := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return Addr{ID: who.ID, Addr: udpswarm.Addr{IP: where.Addr(), Port: where.Port()}}
}

func kindOf(datagram []byte) kind {
	if len(datagram) < 4 {
		return extension
	}
	switch nonce := binary.BigEndian.Uint32(datagram); {
	case nonce < 4:
		return kind(nonce)
	case nonce < 16:
		return sign
	case nonce < 0xfffffffe:
		return data
	}
	return extension
}

func (r *Relay) run(from, out *net.UDPConn, to netip.AddrPort, flow *Flow) {
	buffer := make([]byte, 65536)
	for {
		n, _, err := from.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		datagram := append([]byte(nil), buffer[:n]...)
		for _, delay := range r.fate(datagram, flow) {
			if delay == 0 {
				out.WriteToUDPAddrPort(datagram, to)
			} else {
				time.AfterFunc(delay, func() { out.WriteToUDPAddrPort(datagram, to) })
			}
		}
	}
}

// fate counts a datagram and says when it arrives: once, twice or never.
func (r *Relay) fate(datagram []byte, flow *Flow) (delays []time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	weather := r.weather.Load()
	k := kindOf(datagram)
	flow.came[k]++
	flow.longest[k] = max(flow.longest[k], len(datagram))
	if r.rng.Float64() < weather.loss {
		flow.lost[k]++
		return nil
	}
	delay := func() time.Duration {
		return time.Duration(r.rng.Float64() * float64(weather.delay))
	}
	delays = append(delays, delay())
	if r.rng.Float64() < weather.duplicate {
		delays = append(delays, delay())
	}
	return delays
}

// flows is what the relay has seen: from us, and from the reference.
func (r *Relay) flows() (fromUs, fromThem Flow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fromUs, r.fromThem
}

// total is the number of datagrams.
func (f Flow) total() (n int) {
	for _, came := range f.came {
		n += came
	}
	return n
}
