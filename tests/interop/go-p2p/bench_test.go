// SPDX-License-Identifier: MIT

package interop

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"go.brendoncarroll.net/p2p"
	"go.brendoncarroll.net/p2p/f/x509"
	"go.brendoncarroll.net/p2p/p/p2pke"
	"go.brendoncarroll.net/p2p/s/p2pkeswarm"
	"go.brendoncarroll.net/p2p/s/udpswarm"
)

// The reference's own speed, for comparison: both ends in one process, all by its own functions.

// channels makes two channels that give their datagrams to each other at once.
func channels() (a, b *p2pke.Channel, delivered *int) {
	delivered = new(int)
	channel := func(key uint64, to **p2pke.Channel) *p2pke.Channel {
		return p2pke.NewChannel(p2pke.ChannelConfig{
			PrivateKey: privateKey(key),
			AcceptKey:  func(*x509.PublicKey) bool { return true },
			Send: func(data []byte) {
				if out, _ := (*to).Deliver(nil, data); out != nil {
					*delivered++
				}
			},
		})
	}
	a, b = channel(1, &b), channel(2, &a)
	return a, b, delivered
}

// BenchmarkSeal: a message is encrypted and decrypted, without any network.
func BenchmarkSeal(b *testing.B) {
	for _, size := range []int{64, 1200} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			x, y, delivered := channels()
			defer x.Close()
			defer y.Close()
			ctx := context.Background()
			message := makeMessage(1, size)
			if err := x.Send(ctx, p2p.IOVec{message}); err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				if err := x.Send(ctx, p2p.IOVec{message}); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			if *delivered < b.N {
				b.Fatalf("%d of %d were delivered", *delivered, b.N)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tells/s")
		})
	}
}

// BenchmarkHandshake: two new channels until the first message is there, without any network.
func BenchmarkHandshake(b *testing.B) {
	for i := 0; i < b.N; i++ {
		x, y, delivered := channels()
		if err := x.Send(context.Background(), p2p.IOVec{makeMessage(1, 64)}); err != nil {
			b.Fatal(err)
		}
		x.Close()
		y.Close()
		if *delivered != 1 {
			b.Fatal("nothing was delivered")
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "handshakes/s")
}

// listener starts a node that only counts what arrives.
func listener(b *testing.B) (addr Addr, arrived *atomic.Int64) {
	swarm := newSwarm(b, 2, localhost)
	arrived = new(atomic.Int64)
	go func() {
		for swarm.Receive(context.Background(), func(p2p.Message[Addr]) { arrived.Add(1) }) == nil {
		}
	}()
	return swarm.LocalAddrs()[0], arrived
}

// BenchmarkTell: nodes over UDP, both ends in this process. One sends as fast as the other takes it:
// at most 100 messages are under way, so that next to none is lost in the receiver's socket.
func BenchmarkTell(b *testing.B) {
	for _, size := range []int{64, 1200} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			swarm := newSwarm(b, 1, localhost)
			addr, arrived := listener(b)
			message := makeMessage(1, size)
			ctx := context.Background()
			if err := swarm.Tell(ctx, addr, p2p.IOVec{message}); err != nil {
				b.Fatal(err)
			}
			var lost, before int64 = 0, arrived.Load()
			b.ResetTimer()
			for i := int64(0); i < int64(b.N); i++ {
				if err := swarm.Tell(ctx, addr, p2p.IOVec{message}); err != nil {
					b.Fatal(err)
				}
				underWay := func() int64 { return i - lost - (arrived.Load() - before) }
				for began := time.Now(); underWay() > 100; runtime.Gosched() {
					if time.Since(began) > 100*time.Millisecond {
						lost += underWay()
					}
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(arrived.Load()-before)/b.Elapsed().Seconds(), "tells/s")
			b.ReportMetric(float64(lost), "lost")
		})
	}
}

// BenchmarkDial: a new node each time, until its first message is sent to the same other one, over
// UDP.
func BenchmarkDial(b *testing.B) {
	addr, _ := listener(b)
	message := makeMessage(1, 64)
	for i := 0; i < b.N; i++ {
		inner, err := udpswarm.New(localhost)
		if err != nil {
			b.Fatal(err)
		}
		swarm := p2pkeswarm.New[udpswarm.Addr](inner, privateKey(1))
		if err := swarm.Tell(context.Background(), addr, p2p.IOVec{message}); err != nil {
			b.Fatal(err)
		}
		swarm.Close()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "handshakes/s")
}
