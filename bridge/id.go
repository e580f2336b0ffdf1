package bridge

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"sync/atomic"
	"time"
)

var (
	idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)
	idSequence atomic.Uint32
	idProcess  = func() (b [4]byte) { rand.Read(b[:]); return }()
)

// NewID makes an id that no other event has had or will have: 26 characters
// of lower-case letters and digits that sort by time to the millisecond. It
// tells when it was made and is no secret.
func NewID() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(time.Now().UnixMilli()))
	copy(b[8:12], idProcess[:])
	binary.BigEndian.PutUint32(b[12:], idSequence.Add(1))
	return idEncoding.EncodeToString(b[:])
}

// FirstID is less than every id that NewID makes at t or later, and greater
// than every one that it made in an earlier millisecond.
func FirstID(t time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(t.UnixMilli()))
	return idEncoding.EncodeToString(b[:])
}
