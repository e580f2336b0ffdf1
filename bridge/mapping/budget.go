package mapping

import "time"

// Comings and goings that other networks see: so many at once, then one after
// the other.
const (
	budgetBurst = 20
	budgetEvery = 200 * time.Millisecond
)

// bucket is a rate limit whose clock is the caller's. The zero bucket is full.
type bucket struct {
	spent int
	since time.Time
}

// take reports whether one more is within the budget, and counts it.
func (b *bucket) take(now time.Time) bool {
	if back := int(now.Sub(b.since) / budgetEvery); back >= b.spent {
		b.spent, b.since = 0, now
	} else {
		b.spent -= back
		b.since = b.since.Add(time.Duration(back) * budgetEvery)
	}
	if b.spent >= budgetBurst {
		return false
	}
	b.spent++
	return true
}

// next is when there is room for one more.
func (b *bucket) next(now time.Time) time.Time {
	if b.spent < budgetBurst {
		return now
	}
	return b.since.Add(budgetEvery)
}
