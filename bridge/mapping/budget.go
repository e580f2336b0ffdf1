package mapping

import "time"

// The budget of a room's comings and goings: so much at once, then one each
// time. Those of a session are seen by all of its network, 20 at once and then
// 5 a second; of who is relayed, by gateway users alone.
const (
	budgetBurst = 1000
	budgetEvery = 4 * time.Millisecond

	costSession = 50
	costRelayed = 1
)

// bucket is a rate limit whose clock is the caller's. The zero bucket is full.
type bucket struct {
	spent int
	since time.Time
}

// take reports whether a cost is within the budget, and counts it.
func (b *bucket) take(now time.Time, cost int) bool {
	if back := int(now.Sub(b.since) / budgetEvery); back >= b.spent {
		b.spent, b.since = 0, now
	} else {
		b.spent -= back
		b.since = b.since.Add(time.Duration(back) * budgetEvery)
	}
	if b.spent+cost > budgetBurst {
		return false
	}
	b.spent += cost
	return true
}

// next is when there is room for one more session, after take has refused.
func (b *bucket) next() time.Time {
	return b.since.Add(time.Duration(b.spent+costSession-budgetBurst) * budgetEvery)
}
