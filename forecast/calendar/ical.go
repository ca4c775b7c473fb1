package calendar

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// property is a content line of RFC 5545, section 3.1.
type property struct {
	line  int // of the file, counted from 1
	name  string
	value string
	// zone is the parameter TZID; date says that VALUE is DATE. Other parameters do not matter here.
	zone string
	date bool
}

// errorf returns an error that names the line and the property.
func (p property) errorf(format string, a ...any) error {
	return fmt.Errorf("line %d: %s: %w", p.line, p.name, fmt.Errorf(format, a...))
}

// mostFile and mostLine bound the file and a line of it, in bytes.
const (
	mostFile = 8 << 20
	mostLine = 1 << 20
)

// errLarge says that the file is larger than mostFile.
var errLarge = fmt.Errorf("larger than %d bytes, which is the most that is read of an iCalendar file", mostFile)

// limited reads up to mostFile bytes and then fails.
type limited struct {
	r    io.Reader
	read int
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.read += n; l.read > mostFile {
		return 0, errLarge
	}
	return n, err
}

// lines unfolds content lines.
type lines struct {
	scanner *bufio.Scanner
	number  int    // of the line that was read last
	ahead   string // the line that was read last
	have    bool   // ahead has not been used
	done    bool   // there is nothing more to read
}

func newLines(r io.Reader) *lines {
	s := bufio.NewScanner(&limited{r: r})
	s.Buffer(nil, mostLine)
	return &lines{scanner: s}
}

// next returns the next content line that is not empty and the line of the file at which it begins. The error is io.EOF at the end.
func (l *lines) next() (text string, number int, err error) {
	for text == "" && err == nil {
		text, number, err = l.unfold()
	}
	return text, number, err
}

// unfold returns the next line with those that continue it; it may be blank.
func (l *lines) unfold() (text string, number int, err error) {
	if !l.have && !l.read() {
		return "", 0, l.end()
	}
	text, number, l.have = l.ahead, l.number, false
	var whole strings.Builder
	for l.read() {
		if len(l.ahead) == 0 || l.ahead[0] != ' ' && l.ahead[0] != '\t' {
			l.have = true
			break
		}
		if whole.Len() == 0 {
			whole.WriteString(text)
		}
		if whole.WriteString(l.ahead[1:]); whole.Len() > mostLine {
			return "", number, fmt.Errorf("line %d: longer than %d bytes", number, mostLine)
		}
	}
	if whole.Len() > 0 {
		text = whole.String()
	}
	return text, number, nil
}

// read reads a line of the file into ahead.
func (l *lines) read() bool {
	if l.done || !l.scanner.Scan() || l.scanner.Err() != nil { // what precedes an error may be half a line
		l.done = true
		return false
	}
	l.number++
	l.ahead = strings.TrimSuffix(l.scanner.Text(), "\r")
	if l.number == 1 {
		l.ahead = strings.TrimPrefix(l.ahead, "\ufeff")
	}
	return true
}

// end returns io.EOF or what stopped the scanner.
func (l *lines) end() error {
	switch err := l.scanner.Err(); {
	case err == nil:
		return io.EOF
	case errors.Is(err, errLarge):
		return err
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("line %d: longer than %d bytes", l.number+1, mostLine)
	default:
		return fmt.Errorf("line %d: %w", l.number+1, err)
	}
}

// parseProperty takes a content line apart: NAME;PARAM=VALUE;PARAM="VALUE":VALUE.
func parseProperty(text string, line int) (property, error) {
	i := strings.IndexAny(text, ":;")
	if i <= 0 {
		return property{}, fmt.Errorf("line %d: %q is not NAME:VALUE", line, shorten(text))
	}
	p := property{line: line, name: strings.ToUpper(text[:i])}
	rest := text[i:]
	for rest[0] == ';' {
		name, after, ok := strings.Cut(rest[1:], "=")
		if !ok {
			return p, p.errorf("parameter %q has no value", shorten(rest[1:]))
		}
		end := endOfParameter(after)
		if end < 0 {
			return p, p.errorf("no colon after the parameters")
		}
		value := strings.Trim(after[:end], `"`)
		switch strings.ToUpper(name) {
		case "TZID":
			p.zone = value
		case "VALUE":
			p.date = strings.EqualFold(value, "DATE")
		}
		rest = after[end:]
	}
	p.value = strings.TrimSpace(rest[1:])
	return p, nil
}

// endOfParameter returns the index of the colon or semicolon outside quotes that ends a parameter's value, -1 where there is none.
func endOfParameter(s string) int {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case !quoted && (s[i] == ':' || s[i] == ';'):
			return i
		}
	}
	return -1
}

// shorten keeps the beginning of a text for an error message.
func shorten(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// unescape returns the text that a value stands for (RFC 5545, section 3.3.11).
func unescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\,`, `,`, `\;`, `;`, `\n`, " ", `\N`, " ").Replace(s)
}

// list splits a value at its commas, not at escaped ones.
func list(s string) []string {
	var out []string
	from := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ',':
			out = append(out, unescape(s[from:i]))
			from = i + 1
		}
	}
	return append(out, unescape(s[from:]))
}
