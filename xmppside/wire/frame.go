package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrStreamClosed is the regular end of a stream, </stream:stream>.
var ErrStreamClosed = errors.New("stream closed by peer")

// errFraming is wrapped by errors after which no next stanza can be found.
var errFraming = errors.New("stream is not well-formed")

// framer cuts a stream into the elements directly below its root. It only
// looks at what that takes (tags, quotes, CDATA); the parser checks the rest.
type framer struct {
	r    *bufio.Reader
	max  int
	buf  []byte // the element so far, at most max bytes of it
	size int    // its size so far

	state state
	depth int
	quote byte // the one that ends the attribute value
	slash bool // the tag's last byte was a slash
	match int  // bytes matched of cdataStart or cdataEnd
}

// state is where in the text of an element the framer stands.
type state uint8

const (
	inText   state = iota
	inLess         // after <
	inTag          // in a start tag
	inValue        // in a quoted attribute value
	inEndTag       // after </
	inBang         // after <!
	inCDATA
)

const (
	cdataStart = "[CDATA["
	cdataEnd   = "]]>"
)

// next returns the next element, valid until the next call. Of one larger
// than max it returns the beginning, with errTooLarge. Any other error ends
// the stream: ErrStreamClosed, io.EOF, or what the connection said.
func (f *framer) next() ([]byte, error) {
	if cap(f.buf) > keepBuffer {
		f.buf = nil
	}
	f.buf, f.size = f.buf[:0], 0
	for {
		if _, err := f.r.Peek(1); err != nil {
			if err == io.EOF && (f.depth > 0 || f.size > 0) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		chunk, _ := f.r.Peek(f.r.Buffered())
		if f.depth == 0 && f.size == 0 {
			// Whitespace between stanzas is only a sign of life.
			if blank := len(chunk) - len(bytes.TrimLeft(chunk, " \t\r\n")); blank > 0 {
				f.r.Discard(blank)
				continue
			}
		}
		n, done, err := f.scan(chunk)
		f.keep(chunk[:n])
		f.r.Discard(n)
		switch {
		case err != nil:
			return nil, err
		case done && f.size > f.max:
			return f.buf, errTooLarge
		case done:
			return f.buf, nil
		}
	}
}

// keepBuffer is the capacity up to which the framer holds on to its buffer.
const keepBuffer = 64 << 10

var errTooLarge = errors.New("larger than the limit")

func (f *framer) keep(b []byte) {
	f.size += len(b)
	f.buf = append(f.buf, b[:min(len(b), f.max-len(f.buf))]...)
}

// scan goes on with b. It returns how many bytes belong to the element and
// whether it ended there.
func (f *framer) scan(b []byte) (n int, done bool, err error) {
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch f.state {
		case inText:
			k := bytes.IndexByte(b[i:], '<')
			if f.depth == 0 && k != 0 {
				return i, false, fmt.Errorf("%w: text between stanzas", errFraming)
			}
			if k < 0 {
				return len(b), false, nil
			}
			i += k
			f.state = inLess
		case inLess:
			if err := f.less(c); err != nil {
				return i, false, err
			}
		case inTag:
			switch c {
			case '>':
				f.state = inText
				if f.slash {
					f.depth--
				}
				if f.depth == 0 {
					return i + 1, true, nil
				}
			case '"', '\'':
				f.state, f.quote = inValue, c
			}
			f.slash = c == '/'
		case inValue:
			k := bytes.IndexByte(b[i:], f.quote)
			if k < 0 {
				return len(b), false, nil
			}
			i += k
			f.state = inTag
		case inEndTag:
			if c != '>' {
				continue
			}
			f.state = inText
			if f.depth--; f.depth == 0 {
				return i + 1, true, nil
			}
		case inBang, inCDATA:
			if err := f.cdata(c); err != nil {
				return i, false, err
			}
		}
	}
	return len(b), false, nil
}

// less decides by the byte after a <.
func (f *framer) less(c byte) error {
	switch c {
	case '/':
		if f.depth == 0 {
			return ErrStreamClosed
		}
		f.state = inEndTag
	case '!':
		if f.depth == 0 {
			return fmt.Errorf("%w: markup that is not allowed", errFraming)
		}
		f.state, f.match = inBang, 0
	case '?', '>', '<', '"', '\'':
		return fmt.Errorf("%w: markup that is not allowed", errFraming)
	default:
		f.state, f.slash = inTag, false
		f.depth++
	}
	return nil
}

// cdata takes the next byte of a CDATA section or of its start. Comments and
// document types, which start alike, are restricted (RFC 6120 §11.1).
func (f *framer) cdata(c byte) error {
	if f.state == inBang {
		if c != cdataStart[f.match] {
			return fmt.Errorf("%w: markup that is not allowed", errFraming)
		}
		if f.match++; f.match == len(cdataStart) {
			f.state, f.match = inCDATA, 0
		}
		return nil
	}
	switch {
	case c == cdataEnd[f.match]:
		if f.match++; f.match == len(cdataEnd) {
			f.state = inText
		}
	case c == ']': // "]]]>" ends too
	default:
		f.match = 0
	}
	return nil
}
