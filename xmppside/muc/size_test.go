package muc

import (
	"fmt"
	"runtime"
	"testing"
	"unsafe"
)

// There may be many thousands of occupants, most of whom have nothing but a name.
func TestSizeOfOccupant(t *testing.T) {
	if n := unsafe.Sizeof(occupant{}); n > 64 {
		t.Errorf("%d bytes", n)
	}
}

// A large room of Matrix, where everybody has an account and some a picture. The
// strings are the core's, which has them anyway.
func TestMemoryOfAccounts(t *testing.T) {
	const count, most = 20_000, 220 // bytes of each
	list := make([]Member, count)
	for i := range list {
		list[i] = Member{Nick: fmt.Sprintf("Person %d", i), Account: fmt.Sprintf("@person%d:server.org", i), Role: RoleParticipant}
		if i%5 == 0 {
			list[i].Avatar = "0123456789abcdef0123456789abcdef01234567"
		}
	}
	p := newPlay(t)
	p.open(Options{Addresses: people("matrix")})
	before := heap()
	p.room.SetMembers(list, false)
	used := heap() - before
	t.Logf("%d bytes each", int(used)/count)
	if used > count*most {
		t.Errorf("%d bytes for %d people", used, count)
	}
	if len(p.room.people) != count {
		t.Error("not all are here")
	}
	runtime.KeepAlive(list)
}
