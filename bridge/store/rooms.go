package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"isthmus/bridge"
)

// roomNumbers turns rooms into the numbers that stand for them in the
// database: a keyed hash, so that a room needs no row of its own and the
// database does not tell who was where. It is the writer's own.
type roomNumbers struct {
	mac  hash.Hash
	text []byte                // reused
	busy map[bridge.Room]int64 // those of rooms that were asked for of late
}

// maxBusy is how many rooms' numbers are known without computing them.
const maxBusy = 64

func newRoomNumbers(key []byte) *roomNumbers {
	return &roomNumbers{mac: hmac.New(sha256.New, key), busy: map[bridge.Room]int64{}}
}

// number is the same for a room as long as the key is. Nobody without the key
// can make two rooms share one; that chance does is harmless unless both
// networks also give a message the same id.
func (n *roomNumbers) number(r bridge.Room) int64 {
	if number, known := n.busy[r]; known {
		return number
	}
	n.text = n.text[:0]
	for _, part := range [...]string{r.Network, r.ID, r.Owner.Network, r.Owner.ID} {
		n.text = binary.AppendUvarint(n.text, uint64(len(part)))
		n.text = append(n.text, part...)
	}
	n.mac.Reset()
	n.mac.Write(n.text)
	var sum [sha256.Size]byte
	number := int64(binary.BigEndian.Uint64(n.mac.Sum(sum[:0])))
	if len(n.busy) >= maxBusy {
		clear(n.busy)
	}
	n.busy[r] = number
	return number
}
