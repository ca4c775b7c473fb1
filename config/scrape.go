package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func marshalList(items []*yaml.Node) ([]byte, error) {
	return yaml.Marshal(&yaml.Node{Kind: yaml.SequenceNode, Content: items})
}

// scrapeConfigs checks each scrape configuration by itself, and where none is wrong all of them together, for what a list can have wrong
// such as a job name used twice.
func (k *checker) scrapeConfigs(s *ScrapeConfigs, path string) {
	if k.checks.ScrapeConfigs == nil || s.YAML == nil || !k.sound(path) {
		return
	}
	for i, item := range s.items {
		k.scrapeItems([]*yaml.Node{item}, fmt.Sprintf("%s[%d]", path, i), item.Line)
	}
	if k.clean(path) {
		k.scrapeItems(s.items, path, s.Line)
	}
}

func (k *checker) scrapeItems(items []*yaml.Node, path string, line int) {
	text, err := marshalList(items)
	if err == nil {
		err = k.checks.ScrapeConfigs(text)
	}
	if err == nil {
		return
	}
	lines := originalLines(text, items)
	if m := listPrefix.FindStringSubmatch(err.Error()); m != nil && len(items) > 1 {
		if n, _ := strconv.Atoi(m[1]); n >= 1 && n <= len(items) {
			path, line = fmt.Sprintf("%s[%d]", path, n-1), items[n-1].Line
		}
	}
	for _, problem := range problems(err) {
		at, rest := locate(problem, lines, line)
		k.addAt(at, path, "%s", rest)
	}
}

// listPrefix is how a check names the list, or one of its items counted from 1. The key of the error says the same.
var listPrefix = regexp.MustCompile(`^scrape configs?(?: (\d+))?: `)

// typeErrors is how an error of the YAML package begins that lists several, each in a line of its own.
const typeErrors = "yaml: unmarshal errors:\n"

// problems returns the single problems that an error of a check lists, each on one line and with what stands before the list.
func problems(err error) []string {
	before, list, several := strings.Cut(listPrefix.ReplaceAllString(err.Error(), ""), typeErrors)
	if !several {
		return []string{strings.Join(strings.Fields(before), " ")}
	}
	var out []string
	for one := range strings.SplitSeq(strings.TrimSpace(list), "\n") {
		out = append(out, before+strings.TrimSpace(one))
	}
	return out
}

var namedLine = regexp.MustCompile(`(?:yaml: )?line (\d+): `)

// locate returns a problem without the line that it names, and that line in the file; line where it names none.
func locate(problem string, lines map[int]int, line int) (int, string) {
	m := namedLine.FindStringSubmatchIndex(problem)
	if m == nil {
		return line, problem
	}
	n, _ := strconv.Atoi(problem[m[2]:m[3]])
	if original, ok := lines[n]; ok {
		line = original
	}
	return line, problem[:m[0]] + problem[m[1]:]
}

// originalLines maps each line of text, the YAML of items, to the line of the file that it comes from.
func originalLines(text []byte, items []*yaml.Node) map[int]int {
	lines := map[int]int{}
	docs, err := documents(text)
	if err != nil || len(docs) != 1 {
		return lines
	}
	var walk func(written, original *yaml.Node)
	walk = func(written, original *yaml.Node) {
		if _, seen := lines[written.Line]; !seen && original.Line > 0 {
			lines[written.Line] = original.Line
		}
		for i := range min(len(written.Content), len(original.Content)) {
			walk(written.Content[i], original.Content[i])
		}
	}
	walk(docs[0].Content[0], &yaml.Node{Content: items})
	return lines
}
