package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var rewrite = flag.Bool("rewrite", false, "write generated files and expected outputs anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"forethought": func() { os.Exit(execute(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the binary's commands on files, and compares what they print.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *rewrite,
		Setup: func(env *testscript.Env) error {
			env.Setenv("FORETHOUGHT_DATA", os.Getenv("FORETHOUGHT_DATA"))
			return nil
		},
	})
}

func TestFlagsDoc(t *testing.T) {
	app, _ := newCommandLine()
	var want bytes.Buffer
	if err := writeFlags(&want, app); err != nil {
		t.Fatal(err)
	}
	generated(t, "FLAGS.md", want.Bytes())
}

// generated compares a file of the repository's root with what generates it, and writes it where asked to.
func generated(t *testing.T, name string, want []byte) {
	t.Helper()
	path := filepath.Join("..", "..", name)
	if *rewrite {
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what generates it; write it anew with: go test ./cmd/forethought -run Doc -rewrite", name)
	}
}

func TestWrongCommandLine(t *testing.T) {
	f := func(want int, args ...string) {
		t.Helper()
		if got := execute(context.Background(), args, io.Discard, io.Discard); got != want {
			t.Errorf("forethought %q ends with %d, want %d", args, got, want)
		}
	}
	f(2, "no-such-command")
	f(2, "forecast")
	f(2, "serve", "--no-such-flag")
	f(1, "check", "config", "no-such-file.yml")
	f(0, "--help")
	f(0, "--version")
}
