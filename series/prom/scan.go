package prom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A JSON scanner that holds one token at a time: an answer of 40,320 points is read without building it, which encoding/json cannot.
// It takes exactly the grammar of RFC 8259.

const (
	scanBuffer = 64 << 10
	maxToken   = 1 << 20
	maxDepth   = 64
)

// scanner reads JSON tokens from r.
type scanner struct {
	r        io.Reader
	buf      []byte // what has been read; the token under way is always in one piece
	pos, end int    // of what is unread in buf
	before   int64  // bytes that were read and dropped ahead of buf
}

func newScanner(r io.Reader) *scanner {
	return &scanner{r: r, buf: make([]byte, scanBuffer)}
}

// errorf returns an error that names the place.
func (s *scanner) errorf(format string, args ...any) error {
	return fmt.Errorf("answer is not what query_range returns: byte %d: %w", s.before+int64(s.pos), fmt.Errorf(format, args...))
}

// more reads further bytes behind those unread, which move to the front of the buffer.
func (s *scanner) more() error {
	if s.pos > 0 {
		copy(s.buf, s.buf[s.pos:s.end])
		s.before += int64(s.pos)
		s.end -= s.pos
		s.pos = 0
	}
	if s.end == len(s.buf) {
		if len(s.buf) >= maxToken {
			return s.errorf("a token longer than %d bytes", maxToken)
		}
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	n, err := s.r.Read(s.buf[s.end:])
	for tries := 0; n == 0 && err == nil; tries++ {
		if tries == 100 {
			return io.ErrNoProgress
		}
		n, err = s.r.Read(s.buf[s.end:])
	}
	s.end += n
	if n > 0 {
		return nil // an error will come again
	}
	return err
}

// torn turns the end of the input inside a value into a broken connection, which it is when the server is not at fault.
func torn(err error) error {
	if errors.Is(err, io.EOF) {
		return &brokenError{errors.New("answer broke off: unexpected end")}
	}
	return err
}

// peek skips white space and returns the next byte without taking it.
func (s *scanner) peek() (byte, error) {
	for {
		for s.pos < s.end {
			switch c := s.buf[s.pos]; c {
			case ' ', '\t', '\n', '\r':
				s.pos++
			default:
				return c, nil
			}
		}
		if err := s.more(); err != nil {
			return 0, torn(err)
		}
	}
}

// take takes the byte c, after white space.
func (s *scanner) take(c byte) error {
	got, err := s.peek()
	if err != nil {
		return err
	}
	if got != c {
		return s.errorf("want %q, found %q", c, got)
	}
	s.pos++
	return nil
}

// atEnd takes white space up to the end of the input and refuses anything else.
func (s *scanner) atEnd() error {
	for {
		for s.pos < s.end {
			switch s.buf[s.pos] {
			case ' ', '\t', '\n', '\r':
				s.pos++
			default:
				return s.errorf("something follows the answer")
			}
		}
		if err := s.more(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// str takes a string. The bytes are valid until the next call.
func (s *scanner) str() ([]byte, error) {
	if err := s.take('"'); err != nil {
		return nil, err
	}
	s.pos-- // keep the quote with the token
	plain := true
	for n := 1; ; n++ {
		for s.pos+n >= s.end {
			if err := s.more(); err != nil {
				return nil, torn(err)
			}
		}
		switch c := s.buf[s.pos+n]; {
		case c == '"':
			token := s.buf[s.pos : s.pos+n+1]
			s.pos += n + 1
			if plain {
				return token[1:n], nil
			}
			return s.unescape(token)
		case c == '\\':
			plain = false
			n++ // whatever is escaped does not end the string
		case c < ' ':
			return nil, s.errorf("control character in a string")
		case c >= 0x80:
			plain = false // may be invalid UTF-8
		}
	}
}

func (s *scanner) unescape(token []byte) ([]byte, error) {
	var text string
	if err := json.Unmarshal(token, &text); err != nil {
		return nil, s.errorf("%w", err)
	}
	return []byte(text), nil
}

// num takes a number. The bytes are valid until the next call.
func (s *scanner) num() ([]byte, error) {
	if _, err := s.peek(); err != nil {
		return nil, err
	}
	n := 0
	for {
		for s.pos+n < s.end && numeric[s.buf[s.pos+n]] {
			n++
		}
		if s.pos+n < s.end {
			break
		}
		if err := s.more(); err != nil {
			return nil, torn(err) // a number never ends an answer
		}
	}
	token := s.buf[s.pos : s.pos+n]
	if !isNumber(token) {
		return nil, s.errorf("want a number, found %.20q", s.buf[s.pos:min(s.end, s.pos+max(n, 1))])
	}
	s.pos += n
	return token, nil
}

// numeric holds the bytes that can be part of a number.
var numeric = [256]bool{
	'0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true, '8': true, '9': true,
	'-': true, '+': true, '.': true, 'e': true, 'E': true,
}

// isNumber says whether b is a number of RFC 8259, section 6.
func isNumber(b []byte) bool {
	b = bytes.TrimPrefix(b, []byte("-"))
	whole := digits(b)
	if whole == 0 || (whole > 1 && b[0] == '0') {
		return false
	}
	b = b[whole:]
	if len(b) > 0 && b[0] == '.' {
		n := digits(b[1:])
		if n == 0 {
			return false
		}
		b = b[n+1:]
	}
	if len(b) > 0 && (b[0] == 'e' || b[0] == 'E') {
		b = b[1:]
		if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
			b = b[1:]
		}
		n := digits(b)
		return n > 0 && n == len(b)
	}
	return len(b) == 0
}

// digits returns how many digits b begins with.
func digits(b []byte) int {
	for i, c := range b {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(b)
}

// word takes the literal w.
func (s *scanner) word(w string) error {
	if _, err := s.peek(); err != nil {
		return err
	}
	for i := range len(w) {
		for s.pos >= s.end {
			if err := s.more(); err != nil {
				return torn(err)
			}
		}
		if s.buf[s.pos] != w[i] {
			return s.errorf("want %s", w)
		}
		s.pos++
	}
	return nil
}

// object takes an object or null and calls each for every member; each must take the member's value, and may keep the key.
func (s *scanner) object(each func(key []byte) error) error {
	return s.group('{', '}', func() error {
		key, err := s.str()
		if err != nil {
			return err
		}
		kept := bytes.Clone(key) // reading on may move the buffer
		if err = s.take(':'); err != nil {
			return err
		}
		return each(kept)
	})
}

// array takes an array or null and calls each for every element; each must take it.
func (s *scanner) array(each func() error) error { return s.group('[', ']', each) }

func (s *scanner) group(first, last byte, each func() error) error {
	c, err := s.peek()
	if err != nil {
		return err
	}
	if c == 'n' {
		return s.word("null")
	}
	if err = s.take(first); err != nil {
		return err
	}
	if c, err = s.peek(); err != nil {
		return err
	}
	for c != last {
		if err = each(); err != nil {
			return err
		}
		if c, err = s.peek(); err != nil {
			return err
		}
		if c == ',' {
			s.pos++
			if c, err = s.peek(); err != nil {
				return err
			}
			if c == last {
				return s.errorf("a comma before %q", last)
			}
			continue
		}
		if c != last {
			return s.errorf("want a comma or %q, found %q", last, c)
		}
	}
	s.pos++
	return nil
}

// skip takes any value.
func (s *scanner) skip(depth int) error {
	if depth > maxDepth {
		return s.errorf("nested deeper than %d", maxDepth)
	}
	c, err := s.peek()
	if err != nil {
		return err
	}
	switch c {
	case '{':
		return s.object(func([]byte) error { return s.skip(depth + 1) })
	case '[':
		return s.array(func() error { return s.skip(depth + 1) })
	case '"':
		_, err = s.str()
	case 't':
		err = s.word("true")
	case 'f':
		err = s.word("false")
	case 'n':
		err = s.word("null")
	default:
		_, err = s.num()
	}
	return err
}
