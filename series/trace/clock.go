package trace

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// form is how a file writes its timestamps.
type form int

const (
	unknown form = iota
	seconds      // since the Unix epoch
	milliseconds
	text
)

// clock parses the timestamps of one file, all of which are in the form of the first.
type clock struct {
	form   form
	layout int // index in layouts of the one that served last
}

// firstMillis is the number above which Unix time must be in milliseconds: as seconds it is the year 5138, as milliseconds 1973.
const firstMillis = 1e11

// layouts are the texts that are timestamps: RFC 3339, with a blank for its T too, and both without a zone, which is UTC then.
var layouts = []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", time.DateTime, "2006-01-02T15:04:05"}

// Times from earliest on and before latest: any two are less than 2^63 nanoseconds apart.
var (
	earliest = time.Date(1850, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2140, 1, 1, 0, 0, 0, 0, time.UTC)
)

// parse returns the time in b in nanoseconds since the Unix epoch.
func (c *clock) parse(b []byte) (int64, error) {
	number, frac, ok := decimal(b)
	if !ok {
		return c.parseText(b)
	}
	is := seconds
	if number > firstMillis || number < -firstMillis {
		is = milliseconds
	}
	if err := c.keep(is, b); err != nil {
		return 0, err
	}
	t := time.Unix(number, frac)
	if is == milliseconds {
		t = time.UnixMilli(number).Add(time.Duration(frac / 1000))
	}
	return nanos(t, b)
}

// keep refuses a form other than that of the first timestamp.
func (c *clock) keep(is form, b []byte) error {
	if c.form == unknown {
		c.form = is
	}
	if c.form == is {
		return nil
	}
	names := map[form]string{seconds: "Unix seconds", milliseconds: "Unix milliseconds", text: "date and time"}
	return fmt.Errorf("timestamp %.40q is in %s, those before it are in %s", b, names[is], names[c.form])
}

// parseText returns the time of a timestamp that is not a plain decimal number.
func (c *clock) parseText(b []byte) (int64, error) {
	s := string(b)
	for i := range layouts {
		k := (c.layout + i) % len(layouts)
		t, err := time.Parse(layouts[k], s)
		if err != nil {
			continue
		}
		c.layout = k
		if err = c.keep(text, b); err != nil {
			return 0, err
		}
		return nanos(t, b)
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) < 1e15 {
		return c.parse(strconv.AppendFloat(nil, f, 'f', 3, 64)) // 1.4e9, as spreadsheets write it
	}
	return 0, fmt.Errorf("timestamp %.40q is neither Unix time nor like 2006-01-02T15:04:05Z or 2006-01-02 15:04:05", b)
}

// nanos returns t as nanoseconds since the Unix epoch.
func nanos(t time.Time, b []byte) (int64, error) {
	if t.Before(earliest) || !t.Before(latest) {
		return 0, fmt.Errorf("timestamp %.40q is not within the years 1850 to 2139", b)
	}
	return t.UnixNano(), nil
}

// decimal reads [-]digits[.digits] exactly: the whole part, and the decimals as billionths, with the sign of the number. ok is false
// where b is anything else, has more than 15 digits before the point or a decimal beyond the ninth that is not 0.
func decimal(b []byte) (whole, frac int64, ok bool) {
	sign := int64(1)
	if len(b) > 0 && b[0] == '-' {
		sign, b = -1, b[1:]
	}
	digits, scale := 0, int64(0) // scale is 0 before the point and what the next decimal counts after it
	for i, c := range b {
		switch {
		case c == '.' && scale == 0 && digits > 0 && i+1 < len(b):
			scale = 100_000_000
		case c < '0' || c > '9':
			return 0, 0, false
		case scale > 0:
			frac += int64(c-'0') * scale
			if scale /= 10; scale == 0 {
				return sign * whole, sign * frac, zeros(b[i+1:])
			}
		default:
			whole = whole*10 + int64(c-'0')
			if digits++; digits > 15 {
				return 0, 0, false
			}
		}
	}
	return sign * whole, sign * frac, digits > 0
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != '0' {
			return false
		}
	}
	return true
}
