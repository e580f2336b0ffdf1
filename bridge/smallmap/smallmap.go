// Package smallmap has a map that costs next to nothing while little is in it:
// most rooms have a handful of people, and a Go map is made for eight at least.
//
//	var m smallmap.Map[string, int]
//	m.Set("a", 1)
//	n, ok := m.Get("a")
package smallmap

import (
	"iter"
	"slices"
)

// most is how many entries are looked through one by one.
const most = 8

// Map is a map that is a slice while it is small. The zero Map is empty and
// ready; it must not be copied once in use. Like Go's own, it is for one
// goroutine at a time.
type Map[K comparable, V any] struct {
	few  []entry[K, V]
	many map[K]V // instead, when there are more than most
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

func (m *Map[K, V]) index(k K) int {
	for i := range m.few {
		if m.few[i].key == k {
			return i
		}
	}
	return -1
}

// Get returns what is kept under k, and whether there is anything.
func (m *Map[K, V]) Get(k K) (v V, ok bool) {
	if m.many != nil {
		v, ok = m.many[k]
	} else if i := m.index(k); i >= 0 {
		return m.few[i].value, true
	}
	return v, ok
}

// Set keeps v under k, instead of what was there.
func (m *Map[K, V]) Set(k K, v V) {
	if m.many != nil {
		m.many[k] = v
		return
	}
	if i := m.index(k); i >= 0 {
		m.few[i].value = v
		return
	}
	if len(m.few) < most {
		m.few = append(m.few, entry[K, V]{k, v})
		return
	}
	m.many = make(map[K]V, 2*most)
	for _, e := range m.few {
		m.many[e.key] = e.value
	}
	m.many[k], m.few = v, nil
}

// Delete removes k, if it is there. The memory of a map that was large is kept
// until it is empty.
func (m *Map[K, V]) Delete(k K) {
	if m.many != nil {
		if delete(m.many, k); len(m.many) == 0 {
			m.many = nil
		}
	} else if i := m.index(k); i >= 0 {
		m.few = slices.Delete(m.few, i, i+1)
	}
}

// Clear removes everything.
func (m *Map[K, V]) Clear() { m.few, m.many = nil, nil }

// Len is how many entries there are.
func (m *Map[K, V]) Len() int { return len(m.few) + len(m.many) }

// All goes through all entries, in no particular order. The one in hand may be
// deleted meanwhile; whether one that is added is met is open.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for k, v := range m.many {
			if !yield(k, v) {
				return
			}
		}
		for _, e := range slices.Backward(m.few) { // a deletion moves what is behind
			if !yield(e.key, e.value) {
				return
			}
		}
	}
}

// Values goes through all values, as All does.
func (m *Map[K, V]) Values() iter.Seq[V] {
	return func(yield func(V) bool) {
		for _, v := range m.All() {
			if !yield(v) {
				return
			}
		}
	}
}
