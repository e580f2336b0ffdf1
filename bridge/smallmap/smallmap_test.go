package smallmap

import (
	"maps"
	"math/rand/v2"
	"testing"
)

// Whatever is done to it, it holds what Go's own map does.
func TestIsAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var m Map[int, int]
	want := map[int]int{}
	for step := range 20_000 {
		k := r.IntN(2 * most)
		switch r.IntN(20) {
		case 0:
			if step%10 == 0 {
				m.Clear()
				clear(want)
			}
		case 1, 2, 3, 4, 5, 6, 7:
			m.Delete(k)
			delete(want, k)
		default:
			m.Set(k, step)
			want[k] = step
		}
		if got := maps.Collect(m.All()); !maps.Equal(got, want) || m.Len() != len(want) {
			t.Fatalf("%v (%d), want %v", got, m.Len(), want)
		}
		v, ok := m.Get(k)
		if w, there := want[k]; v != w || ok != there {
			t.Fatalf("%d: %d %t, want %d %t", k, v, ok, w, there)
		}
	}
}

// Every entry is met once, though each is deleted when it is.
func TestDeleteWhileGoingThrough(t *testing.T) {
	for _, size := range []int{1, most, 3 * most} {
		var m Map[int, bool]
		for k := range size {
			m.Set(k, true)
		}
		met := 0
		for k := range m.All() {
			met++
			m.Delete(k)
		}
		if met != size || m.Len() != 0 {
			t.Errorf("met %d of %d, %d left", met, size, m.Len())
		}
	}
}

// What is small costs no Go map.
func TestSmallIsNoMap(t *testing.T) {
	var m Map[int, int]
	for k := range most {
		m.Set(k, k)
	}
	if m.many != nil {
		t.Error("a map of", most)
	}
	if m.Set(most, most); m.few != nil {
		t.Error("no map of", m.Len())
	}
}
