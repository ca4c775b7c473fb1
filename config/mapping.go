package config

import (
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// entry is one key of a mapping with its value.
type entry struct {
	// key is the name as paths show it, node what stands in the file.
	key   string
	node  *yaml.Node
	line  int
	value *yaml.Node
}

// entries returns the keys of a mapping and then those that its merge keys (<<) bring in, where the mapping has none of its own. It
// reports duplicates and keys that are not strings.
func (d *decoder) entries(n *yaml.Node, path string) []entry {
	var own []entry
	var merges []*yaml.Node
	seen := map[string]int{}
	d.values += len(n.Content) / 2 // A mapping may be merged many times.
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := d.resolve(n.Content[i]), n.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode:
			d.addAt(k.Line, path, "%s is used as a key; allowed: a word", describe(k))
		case k.ShortTag() == "!!merge":
			merges = append(merges, v)
		default:
			e := entry{key: keyName(k.Value), node: k, line: n.Content[i].Line, value: v}
			if first, dup := seen[e.key]; dup {
				d.addAt(e.line, join(path, e.key), "duplicate key, first in line %d; allowed: once", first)
				continue
			}
			seen[e.key] = e.line
			own = append(own, e)
		}
	}
	for _, m := range merges {
		own = d.merge(own, seen, m, path)
	}
	return own
}

// merge adds the entries of a merge key's value that are not yet seen. Of several mappings the first that has a key wins.
func (d *decoder) merge(own []entry, seen map[string]int, m *yaml.Node, path string) []entry {
	if !d.enter(m, path) {
		return own
	}
	defer d.leave()
	switch m = d.resolve(m); m.Kind {
	case yaml.MappingNode:
		for _, e := range d.entries(m, path) {
			if _, dup := seen[e.key]; !dup {
				seen[e.key] = e.line
				own = append(own, e)
			}
		}
	case yaml.SequenceNode:
		for _, item := range m.Content {
			own = d.merge(own, seen, item, path)
		}
	default:
		d.addAt(m.Line, path, "%s is merged; allowed: a mapping, or a list of mappings", describe(m))
	}
	return own
}

// plainKey matches the keys that are shown as they are.
var plainKey = regexp.MustCompile(`^[-_/A-Za-z0-9]+$`)

// keyName quotes a key that would blur the path it is a part of.
func keyName(key string) string {
	if plainKey.MatchString(key) {
		return key
	}
	return strconv.Quote(key)
}
