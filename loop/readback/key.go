package readback

import (
	"strconv"
	"strings"
)

// key is what the name and the labels of a series say: the labels that every exporter gives it, and those that were added on its way, by
// which its exporter is known.
type key struct {
	name                                                        string // without the prefix
	fleet, unit, horizon, probability, pool, class, state, mode string
	// exporter is {instance="a", job="b"}, or {} where no label was added; instance is that label's value.
	exporter, instance string
}

// keys parses keys, and keeps one copy of each text that they share.
type keys struct {
	known map[string]string
	added []byte // the labels added on the way of the key under way
}

func newKeys() *keys { return &keys{known: map[string]string{}} }

// parse reads a key as series/prom prints it: name{label="value", other="value"}. ok is false for anything else.
func (p *keys) parse(text string) (k key, ok bool) {
	name, rest, labelled := strings.Cut(text, "{")
	k.name = strings.TrimPrefix(p.keep(name), prefix)
	p.added = append(p.added[:0], '{')
	for labelled && rest != "}" {
		label, value, after, found := cutLabel(rest)
		if !found {
			return key{}, false
		}
		if own := k.own(label); own != nil {
			*own = p.keep(value)
		} else {
			p.add(rest[:len(rest)-len(after)])
		}
		if label == "instance" {
			k.instance = p.keep(value)
		}
		rest = strings.TrimPrefix(after, ", ")
	}
	k.exporter = p.keepBytes(append(p.added, '}'))
	return k, true
}

// own returns where a label that exporters give belongs, nil for any other.
func (k *key) own(label string) *string {
	switch label {
	case "fleet":
		return &k.fleet
	case "unit":
		return &k.unit
	case "horizon":
		return &k.horizon
	case "probability":
		return &k.probability
	case "pool":
		return &k.pool
	case "class":
		return &k.class
	case "state":
		return &k.state
	case "mode":
		return &k.mode
	}
	return nil
}

func (p *keys) add(label string) {
	if len(p.added) > 1 {
		p.added = append(p.added, ", "...)
	}
	p.added = append(p.added, label...)
}

// cutLabel cuts label="value" off the front of text.
func cutLabel(text string) (label, value, rest string, ok bool) {
	label, rest, ok = strings.Cut(text, "=")
	if !ok {
		return "", "", "", false
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return "", "", "", false
	}
	value, err = strconv.Unquote(quoted)
	return label, value, rest[len(quoted):], err == nil
}

func (p *keys) keep(s string) string {
	if known, ok := p.known[s]; ok {
		return known
	}
	s = strings.Clone(s) // so that the key itself can go
	p.known[s] = s
	return s
}

func (p *keys) keepBytes(b []byte) string {
	if known, ok := p.known[string(b)]; ok {
		return known
	}
	return p.keep(string(b))
}
