// SPDX-License-Identifier: MIT

// Speed measures the reference, both ends in this process, all by its own functions. It prints how
// many nanoseconds an operation takes: on one thread or on one per processor, whichever is faster.
//
//	speed tell SIZE COUNT       messages between two nodes, over UDP on loopback
//	speed seal SIZE COUNT       messages through two channels, without any network
//	speed handshake SIZE COUNT  two new channels each time, until the first message is there
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"math"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"go.brendoncarroll.net/p2p"
	"go.brendoncarroll.net/p2p/f/x509"
	"go.brendoncarroll.net/p2p/p/p2pke"
	"go.brendoncarroll.net/p2p/s/p2pkeswarm"
	"go.brendoncarroll.net/p2p/s/udpswarm"
)

var measures = map[string]func(message []byte, count int) float64{
	"tell": tell, "seal": seal, "handshake": handshake,
}

var ctx = context.Background()

func main() {
	log.SetFlags(0)
	log.SetPrefix("speed: ")
	if len(os.Args) != 4 {
		log.Fatal("usage: speed tell|seal|handshake SIZE COUNT")
	}
	measure := measures[os.Args[1]]
	size, sizeErr := strconv.Atoi(os.Args[2])
	count, countErr := strconv.Atoi(os.Args[3])
	if measure == nil || sizeErr != nil || countErr != nil || size < 1 || count < 1 {
		log.Fatal("usage: speed tell|seal|handshake SIZE COUNT")
	}
	time.AfterFunc(time.Minute, func() { log.Fatal("this takes longer than a minute") })
	message := make([]byte, size)
	best := math.Inf(1)
	for _, threads := range []int{1, runtime.NumCPU()} {
		runtime.GOMAXPROCS(threads)
		measure(message, count/10+1) // to warm up
		best = min(best, measure(message, count))
	}
	fmt.Printf("%.1f\n", best)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func privateKey(number byte) x509.PrivateKey {
	return x509.PrivateKey{Algorithm: x509.Algo_Ed25519, Data: bytes.Repeat([]byte{number}, 32)}
}

// channels makes two channels that give their datagrams to each other at once.
func channels() (a, b *p2pke.Channel, delivered *int) {
	delivered = new(int)
	channel := func(key byte, to **p2pke.Channel) *p2pke.Channel {
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

func seal(message []byte, count int) float64 {
	a, b, delivered := channels()
	defer a.Close()
	defer b.Close()
	check(a.Send(ctx, p2p.IOVec{message}))
	*delivered = 0
	began := time.Now()
	for i := 0; i < count; i++ {
		check(a.Send(ctx, p2p.IOVec{message}))
	}
	return perOperation(time.Since(began), *delivered)
}

func handshake(message []byte, count int) float64 {
	sum := 0
	began := time.Now()
	for i := 0; i < count; i++ {
		a, b, delivered := channels()
		check(a.Send(ctx, p2p.IOVec{message}))
		a.Close()
		b.Close()
		sum += *delivered
	}
	return perOperation(time.Since(began), sum)
}

func node(key byte) *p2pkeswarm.Swarm[udpswarm.Addr] {
	inner, err := udpswarm.New("127.0.0.1:0")
	check(err)
	return p2pkeswarm.New[udpswarm.Addr](inner, privateKey(key))
}

// tell sends as fast as the other side takes it. Nothing slows a sender of the reference down, and
// what does not fit into the receiver's socket is lost; so at most 32 messages are under way, which
// keeps it busy and loses next to nothing. What arrives counts, up to the last arrival.
func tell(message []byte, count int) float64 {
	const patience = 20 * time.Millisecond
	sender, receiver := node(1), node(2)
	defer sender.Close()
	defer receiver.Close()
	room := make(chan struct{}, 32)
	var arrived, last atomic.Int64
	began := time.Now()
	go func() {
		for receiver.Receive(ctx, func(p2p.Message[p2pkeswarm.Addr[udpswarm.Addr]]) {
			arrived.Add(1)
			last.Store(int64(time.Since(began)))
			select {
			case <-room:
			default:
			}
		}) == nil {
		}
	}()
	addr := receiver.LocalAddrs()[0]
	flood := func(count int) {
		for ; count > 0; count-- {
			select {
			case room <- struct{}{}:
			default:
				select {
				case room <- struct{}{}:
				case <-time.After(patience): // one of them is lost
				}
			}
			check(sender.Tell(ctx, addr, p2p.IOVec{message}))
		}
		for n := int64(-1); n != arrived.Load(); time.Sleep(patience) {
			n = arrived.Load()
		}
	}
	flood(1) // the handshake
	before, start := arrived.Load(), time.Since(began)
	flood(count)
	return perOperation(time.Duration(last.Load())-start, int(arrived.Load()-before))
}

func perOperation(took time.Duration, count int) float64 {
	if count < 1 {
		log.Fatal("nothing arrived")
	}
	return float64(took.Nanoseconds()) / float64(count)
}
