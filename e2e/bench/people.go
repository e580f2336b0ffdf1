package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Users are numbered; number 7 is u7@users.test/bench with the nick u7.
// Natives of IRC are numbered too; their nicks are n0, n1x, n2xx and so on,
// of many lengths as nicks are. Nicks have an index over both: natives
// first, users from firstUser on.
const firstUser = 5000

const gateway = "gw.test"

func jid(user int) string { return fmt.Sprintf("u%d@users.test/bench", user) }

func nickOfUser(user int) int { return firstUser + user }

// userIndex is the number of the user whose JID this is, or -1.
func userIndex(jid []byte) int {
	local, _, _ := bytes.Cut(jid, []byte("@"))
	return number(local, 'u')
}

// nickIndex is the index of a nick, or -1.
func nickIndex(nick []byte) int {
	if n := number(nick, 'n'); n >= 0 {
		return n
	}
	if u := number(nick, 'u'); u >= 0 {
		return nickOfUser(u)
	}
	return -1
}

func number(name []byte, letter byte) int {
	if len(name) < 2 || name[0] != letter {
		return -1
	}
	n, err := strconv.Atoi(string(bytes.TrimRight(name[1:], "x")))
	if err != nil {
		return -1
	}
	return n
}

// natives are the nicks of the first n natives.
func natives(n int) []string {
	nicks := make([]string, n)
	for i := range nicks {
		nicks[i] = fmt.Sprintf("n%d%s", i, strings.Repeat("x", i%7))
	}
	return nicks
}

// upTo is from, from+1, ... to-1.
func upTo(from, to int) []int {
	users := make([]int, 0, to-from)
	for u := from; u < to; u++ {
		users = append(users, u)
	}
	return users
}
