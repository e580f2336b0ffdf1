package xmppside

import (
	"slices"
	"strconv"
	"strings"

	"isthmus/xmppside/wire"
)

// nsRSM is that of result set management (XEP-0059): long lists, page by page.
const nsRSM = "http://jabber.org/protocol/rsm"

// paging is which part of a list is asked for.
type paging struct {
	asked      bool // by somebody who knows of pages
	max        int  // rows at most; -1 for as many as there is place for, 0 for the number of all
	after      string
	backwards  bool
	before     string // "" for the end of the list
	index      int    // of the first row; -1 if nobody says
	incoherent bool
}

// maxUID bounds the ids in what is asked, in bytes: those that we give are shorter.
const maxUID = 2048

// readPaging reads the <set/> in what was asked.
func readPaging(q wire.Element) paging {
	p := paging{max: -1, index: -1}
	var set wire.Element
	if set, p.asked = q.Child(nsRSM, "set"); !p.asked {
		return p
	}
	number := func(name string) int {
		c, given := set.Child(nsRSM, name)
		if !given {
			return -1
		}
		n, err := strconv.Atoi(strings.TrimSpace(c.Text()))
		p.incoherent = p.incoherent || err != nil || n < 0
		return n
	}
	p.max, p.index = number("max"), number("index")
	p.after = strings.Clone(set.ChildText(nsRSM, "after"))
	var before wire.Element
	before, p.backwards = set.Child(nsRSM, "before")
	p.before = strings.Clone(before.Text())
	p.incoherent = p.incoherent || len(p.after) > maxUID || len(p.before) > maxUID
	return p
}

// page is a part of a list, as it is answered.
type page struct {
	rows        []roomRow
	first, last string // ids of the rows at its ends
	index       int    // of the first in the whole list; -1 if nobody knows
	total       int    // rows of the whole list; 0 if nobody knows
	whole       bool   // there is nothing before or behind it
}

// appendSet tells which part of a list a page is (XEP-0059 §2.2, §2.7), to who
// has asked for one, or has to know.
func (p page) appendSet(b []byte, asked bool) []byte {
	if p.whole && !asked {
		return b
	}
	b = append(b, "<set xmlns='"+nsRSM+"'>"...)
	if len(p.rows) > 0 {
		b = append(b, "<first"...)
		if p.index >= 0 {
			b = wire.AppendField(b, " index='", strconv.Itoa(p.index))
		}
		b = wire.AppendText(append(b, '>'), p.first)
		b = wire.AppendElement(append(b, "</first>"...), "last", p.last)
	}
	if p.total > 0 || len(p.rows) == 0 && p.whole {
		b = wire.AppendElement(b, "count", strconv.Itoa(p.total))
	}
	return append(b, "</set>"...)
}

// cut returns the page of a whole list that is asked for, of most rows or as
// many as weigh no more than weight; false if it names a row that there is not.
func (p paging) cut(all []roomRow, most, weight int) (page, bool) {
	if p.max >= 0 {
		most = min(most, p.max)
	}
	find := func(id string) int { return slices.IndexFunc(all, func(r roomRow) bool { return r.id == id }) }
	from, end := 0, len(all)
	switch {
	case p.backwards:
		if p.before != "" {
			if end = find(p.before); end < 0 {
				return page{}, false
			}
		}
		from = end
		for from > 0 && end-from < most && weight > 0 {
			from--
			weight -= all[from].weight()
		}
	case p.after != "":
		if from = find(p.after) + 1; from == 0 {
			return page{}, false
		}
	case p.index > len(all):
		return page{}, false
	case p.index >= 0:
		from = p.index
	}
	if !p.backwards {
		for end = from; end < len(all) && end-from < most && weight > 0; end++ {
			weight -= all[end].weight()
		}
	}
	out := page{rows: all[from:end], index: from, total: len(all), whole: end-from == len(all)}
	if end > from {
		out.first, out.last = all[from].id, all[end-1].id
	}
	return out, true
}
