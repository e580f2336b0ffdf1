package actor

import (
	"runtime"
	"sync"
	"testing"
)

func TestOrderAndNoOverlap(t *testing.T) {
	const senders, each = 8, 2000
	var mu sync.Mutex // shows an overlap as a failed TryLock
	last := make([]int, senders)
	got := 0
	box := New(64, new(Pool[[2]int]), func(batch [][2]int) {
		if !mu.TryLock() {
			t.Error("two handlers at once")
			return
		}
		defer mu.Unlock()
		for _, v := range batch {
			if v[1] != last[v[0]]+1 {
				t.Errorf("sender %d: %d came after %d", v[0], v[1], last[v[0]])
			}
			last[v[0]] = v[1]
			got++
		}
	})
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				put := box.Post
				if (s+i)%2 == 0 {
					put = box.Do
				}
				if !put([2]int{s, i + 1}) {
					t.Error("open mailbox refused")
				}
			}
		})
	}
	wg.Wait()
	box.Close()
	if got != senders*each {
		t.Fatalf("handled %d of %d", got, senders*each)
	}
	if box.Post([2]int{}) || box.Offer([2]int{}) {
		t.Fatal("a closed mailbox took a value")
	}
}

func TestOfferSaysFull(t *testing.T) {
	started, release := make(chan bool), make(chan bool)
	box := New(2, new(Pool[int]), func([]int) { started <- true; <-release })
	box.Offer(1)
	<-started // 1 is being handled and counts
	if !box.Offer(2) {
		t.Fatal("one place was free")
	}
	if box.Offer(3) {
		t.Fatal("took more than the bound")
	}
	posted := make(chan bool)
	go func() { posted <- box.Post(4) }()
	select {
	case <-posted:
		t.Fatal("Post did not wait for a place")
	default:
	}
	release <- true
	go func() {
		for range started {
			release <- true
		}
	}()
	if !<-posted {
		t.Fatal("Post failed though a place came free")
	}
	box.Close()
	close(started)
}

func TestDoRunsHere(t *testing.T) {
	n := 0 // unguarded: the race detector sees another goroutine
	box := New(2, new(Pool[int]), func(batch []int) { n += len(batch) })
	for range 10 {
		box.Do(1)
	}
	if n != 10 {
		t.Errorf("%d of 10 are done when Do returns", n)
	}
}

func TestCloseWakesPost(t *testing.T) {
	started, release := make(chan bool), make(chan bool)
	box := New(1, new(Pool[int]), func([]int) { started <- true; <-release })
	box.Offer(1)
	<-started
	posted := make(chan bool)
	go func() { posted <- box.Post(2) }()
	go box.Close()
	if <-posted {
		t.Fatal("a waiting Post must fail when the mailbox closes")
	}
	release <- true
	box.Close()
}

func TestCloseIf(t *testing.T) {
	started, release := make(chan bool), make(chan bool)
	box := New(4, new(Pool[int]), func([]int) { started <- true; <-release })
	box.Offer(1)
	<-started
	yes, no := func() bool { return true }, func() bool { return false }
	if box.CloseIf(yes) || box.Idle() {
		t.Fatal("a mailbox at work is not idle")
	}
	release <- true
	for !box.Idle() {
		runtime.Gosched()
	}
	if box.CloseIf(no) || !box.CloseIf(yes) {
		t.Fatal("an idle mailbox closes when it is not needed, and only then")
	}
	if box.Offer(2) {
		t.Fatal("closed mailbox took a value")
	}
}

func BenchmarkPost(b *testing.B) {
	box := New(1024, new(Pool[int]), func([]int) {})
	for i := range b.N {
		box.Post(i)
	}
	box.Close()
}

func BenchmarkDo(b *testing.B) {
	box := New(1024, new(Pool[int]), func([]int) {})
	for i := range b.N {
		box.Do(i)
	}
	box.Close()
}

func TestFewGoroutinesWait(t *testing.T) {
	const boxes = 10 * spareWorkers
	var inside sync.WaitGroup
	inside.Add(boxes)
	all := make([]*Mailbox[int], boxes)
	for i := range all {
		all[i] = New(1, new(Pool[int]), func([]int) {
			inside.Done()
			inside.Wait() // each has a goroutine of its own until all are here
		})
		all[i].Post(1)
	}
	for _, box := range all {
		box.Close()
	}
	for spare.Load() > spareWorkers {
		runtime.Gosched() // those beyond are about to end
	}
}
