package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// root returns the content of the only document in data, nil where it reports an error.
func (r *report) root(data []byte) *yaml.Node {
	docs, err := documents(data)
	switch {
	case err != nil:
		r.addAt(syntaxLine(data, err), "", "YAML: %s", syntaxProblem(err))
		return nil
	case len(docs) == 0 || isNull(docs[0].Content[0]):
		r.addAt(1, "", "the file is empty; allowed: a YAML mapping with the keys %s", keyList(configFields()))
		return nil
	case len(docs) > 1:
		r.addAt(docs[1].Line, "", "a second YAML document begins; allowed: one document")
		return nil
	}
	r.lines[""] = docs[0].Content[0].Line
	return docs[0].Content[0]
}

// documents returns each YAML document in data: a node with one in it.
func documents(data []byte) ([]*yaml.Node, error) {
	var docs []*yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, err
		}
		if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
			docs = append(docs, &n)
		}
	}
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func syntaxProblem(err error) string { return yamlError.ReplaceAllString(err.Error(), "") }

// searchLines bounds the prefixes that syntaxLine tries.
const searchLines = 1000

// syntaxLine returns the line that a syntax error is in: the one after the longest run of lines from the start that is YAML by itself.
// The line that the YAML package names is missing in some errors, one less in others, and in most that of the section in which the
// wrong line is; it serves as the place to search from in a long file.
func syntaxLine(data []byte, err error) int {
	lines := bytes.SplitAfter(data, []byte("\n"))
	first := 0
	if m := yamlError.FindStringSubmatch(err.Error()); m != nil && m[1] != "" && len(lines) > searchLines {
		named, _ := strconv.Atoi(m[1])
		first = min(max(named-1, 0), len(lines))
	}
	found, size := first, 0
	for _, line := range lines[:first] {
		size += len(line)
	}
	for i := first; i < min(len(lines), first+searchLines); i++ {
		size += len(lines[i])
		if _, bad := documents(data[:size]); bad == nil {
			found = i + 1
		}
	}
	return min(found+1, len(lines))
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// describe names a node in an error.
func describe(n *yaml.Node) string {
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		return "a value with the tag " + n.Tag
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "an empty value"
	}
	return strconv.Quote(n.Value)
}
