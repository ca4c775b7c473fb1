package config

import (
	"flag"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var rewrite = flag.Bool("rewrite", false, "write CONFIG.md")

func TestDocIsCurrent(t *testing.T) {
	const path = "../CONFIG.md"
	var b strings.Builder
	if err := WriteDoc(&b); err != nil {
		t.Fatal(err)
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("CONFIG.md is not what the types say; write it with: go test ./config -run Doc -rewrite\n(-want +got):\n%s", diff)
	}
}

func TestDocExamplesAreAccepted(t *testing.T) {
	f := func(text string) {
		t.Helper()
		if _, err := Parse("example.yml", []byte(text), testUnitsOnly()); err != nil {
			t.Error(err)
		}
	}
	f(example)
	f(exampleEmbedded)
	f(exampleReadback)
}

func testUnitsOnly() Checks { return Checks{Unit: testChecks.Unit, Expr: testChecks.Expr} }

// The full examples hold every key, and each key has a comment.
func TestDocNamesEveryKey(t *testing.T) {
	shown := map[string]bool{}
	for _, text := range []string{example, exampleEmbedded, exampleReadback} {
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(text), &n); err != nil {
			t.Fatal(err)
		}
		keysOf(n.Content[0], "", shown)
	}
	comments, err := parseComments(typesSource, typesPoolSource, typesKubernetesSource)
	if err != nil {
		t.Fatal(err)
	}
	var walk func(typ reflect.Type, path string)
	walk = func(typ reflect.Type, path string) {
		fields, _ := fieldsOf(typ)
		for _, f := range fields {
			at := join(path, f.name)
			if !shown[at] {
				t.Errorf("no example has %s", at)
			}
			if comments[typ.Name()+"."+f.goName] == "" {
				t.Errorf("%s has no comment", at)
			}
			if inner, suffix := f.inner(); inner != nil {
				walk(inner, at+suffix)
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
}

func keysOf(n *yaml.Node, path string, into map[string]bool) {
	into[path] = true
	for i, c := range n.Content {
		switch {
		case n.Kind == yaml.SequenceNode:
			keysOf(c, path+"[]", into)
		case i%2 == 1:
			keysOf(c, join(path, n.Content[i-1].Value), into)
		}
	}
}

// The units are those of package series, which this package does not import.
func TestDocNamesEveryUnit(t *testing.T) {
	source, err := os.ReadFile("../series/series.go")
	if err != nil {
		t.Fatal(err)
	}
	units := regexp.MustCompile(`\bUnit += "(\w+)"`).FindAllSubmatch(source, -1)
	if len(units) < 5 {
		t.Fatalf("found only the units %q", units)
	}
	comments, err := parseComments(typesSource, typesPoolSource)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range units {
		if !regexp.MustCompile(`\b` + string(u[1]) + `\b`).MatchString(comments["Demand.Unit"]) {
			t.Errorf("CONFIG.md does not name the unit %s", u[1])
		}
	}
}
