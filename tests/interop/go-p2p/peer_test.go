// SPDX-License-Identifier: MIT

package interop

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.brendoncarroll.net/p2p/s/udpswarm"
)

var peerProgram = flag.String("peer", "", "the program of tests/interop/peer.c")

// Peer is one of ours: a process that is driven by lines.
type Peer struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	addr   Addr
	text   string
	mu     sync.Mutex
	lines  []string
	log    bytes.Buffer
	exited chan error
}

// start starts a program of ours. How it ends is the caller's affair.
func start(t testing.TB, program string, args ...string) *Peer {
	t.Helper()
	p := &Peer{t: t, exited: make(chan error, 1)}
	p.cmd = exec.Command(program, args...)
	p.cmd.Stderr = &p.log
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stdout)
	return p
}

// startPeer starts a peer, which ends with the test if not before.
func startPeer(t testing.TB, key uint64, bind string, flags ...string) *Peer {
	t.Helper()
	p := start(t, *peerProgram, append([]string{fmt.Sprint(key), bind}, flags...)...)
	t.Cleanup(p.quit)
	p.text = p.expect("listening ", 10*time.Second)
	if err := p.parse(p.text); err != nil {
		t.Fatal(err)
	}
	return p
}

// parse reads the text of an address. The reference cannot read IPv6 addresses that it wrote, but
// those with brackets.
func (p *Peer) parse(text string) error {
	id, where, _ := strings.Cut(text, "@")
	if err := p.addr.ID.UnmarshalText([]byte(id)); err != nil {
		return err
	}
	var err error
	p.addr.Addr, err = udpswarm.ParseAddr([]byte(where))
	return err
}

func (p *Peer) read(stdout io.Reader) {
	scanner := bufio.NewScanner(stdout)
	for scanner.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, scanner.Text())
		p.mu.Unlock()
	}
	p.exited <- p.cmd.Wait()
}

// take removes the first line that begins so, if there is one, and returns the rest of it.
func (p *Peer) take(prefix string) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, line := range p.lines {
		if strings.HasPrefix(line, prefix) {
			p.lines = append(p.lines[:i:i], p.lines[i+1:]...)
			return line[len(prefix):], true
		}
	}
	return "", false
}

// expect waits for such a line.
func (p *Peer) expect(prefix string, patience time.Duration) (rest string) {
	p.t.Helper()
	ok := eventually(patience, func() (ok bool) {
		rest, ok = p.take(prefix)
		return ok
	})
	if !ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.t.Fatalf("our peer does not say %q; it says %q", prefix, p.lines)
	}
	return rest
}

// do writes a line.
func (p *Peer) do(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.stdin, format+"\n", args...); err != nil {
		p.t.Fatal(err)
	}
}

// send lets it send numbered messages at a rate.
func (p *Peer) send(dst Addr, first, count uint32, size int, perSecond int) {
	p.t.Helper()
	p.do("send %s %d %d %d %d", textOf(dst), first, count, size, perSecond)
}

// counts says what arrived since it was asked last.
func (p *Peer) counts() (c Counts) {
	p.t.Helper()
	p.do("counts")
	var microseconds int64
	line := p.expect("counts ", 10*time.Second)
	if _, err := fmt.Sscan(line, &c.received, &c.repeated, &c.damaged, &c.empty,
		&microseconds); err != nil {
		p.t.Fatalf("%q: %v", line, err)
	}
	c.gap = time.Duration(microseconds) * time.Microsecond
	return c
}

// plus adds what arrived later.
func (c Counts) plus(d Counts) Counts {
	return Counts{c.received + d.received, c.repeated + d.repeated, c.damaged + d.damaged,
		c.empty + d.empty, max(c.gap, d.gap)}
}

// await waits until so many messages have arrived, and returns what did.
func (p *Peer) await(received int, patience time.Duration) (c Counts) {
	p.t.Helper()
	eventually(patience, func() bool {
		c = c.plus(p.counts())
		return c.received >= received
	})
	return c
}

// stat is one of its counters.
func (p *Peer) stat(name string) (value int) {
	p.t.Helper()
	p.do("stats")
	line := p.expect("stats ", 10*time.Second)
	for _, field := range strings.Fields(line) {
		if rest, ok := strings.CutPrefix(field, name+"="); ok {
			fmt.Sscan(rest, &value)
			return value
		}
	}
	p.t.Fatalf("no counter %s in %q", name, line)
	return 0
}

// kill ends it without a word, as a crash does.
func (p *Peer) kill() {
	p.cmd.Process.Kill()
	<-p.exited
	p.exited <- nil
}

// quit ends it, and checks that it ends well.
func (p *Peer) quit() {
	p.stdin.Close()
	select {
	case err := <-p.exited:
		p.exited <- nil
		if err != nil {
			p.t.Errorf("our peer: %v", err)
		}
	case <-time.After(10 * time.Second):
		p.cmd.Process.Kill()
		p.t.Error("our peer does not end")
	}
	if p.t.Failed() {
		p.t.Logf("our peer's log:\n%s", &p.log)
	}
}

// textOf writes an address; the reference itself forgets the brackets of IPv6.
func textOf(addr Addr) string {
	return fmt.Sprintf("%v@%v", addr.ID, socketOf(addr))
}

// eventually waits until something is so.
func eventually(patience time.Duration, is func() bool) bool {
	for end := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}
