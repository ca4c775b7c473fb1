package modelfiles

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/loop"
)

var _ loop.ModelStore = (*Store)(nil)

var boundary = time.Date(2026, 3, 2, 12, 5, 0, 0, time.UTC)

func TestSaveAndLoad(t *testing.T) {
	s := New(filepath.Join(t.TempDir(), "a", "models"))
	f := func(fleet, fingerprint string, wantBoundary time.Time, wantState string) {
		t.Helper()
		b, state, err := s.Load(fleet, fingerprint)
		if err != nil || !b.Equal(wantBoundary) || string(state) != wantState {
			t.Errorf("Load(%q, %q) = %s, %q, %v", fleet, fingerprint, b, state, err)
		}
	}
	f("web", "f", time.Time{}, "") // there is no folder yet
	save := func(fleet string, at time.Time, fingerprint, state string) {
		t.Helper()
		if err := s.Save(fleet, at, fingerprint, []byte(state)); err != nil {
			t.Error(err)
		}
	}
	save("web", boundary, "f", "one")
	save("batch-2.a_b", boundary, "g", "")
	f("web", "f", boundary, "one")
	f("web", "g", time.Time{}, "") // other settings
	f("other", "f", time.Time{}, "")
	f("batch-2.a_b", "g", boundary, "")
	save("web", boundary.Add(time.Hour), "f", "two")
	f("web", "f", boundary.Add(time.Hour), "two")
	if again := New(s.folder); again != nil {
		if b, state, err := again.Load("web", "f"); err != nil || !b.Equal(boundary.Add(time.Hour)) || string(state) != "two" {
			t.Errorf("another process loads %s, %q, %v", b, state, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(s.folder, "*.tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDamageIsSeen(t *testing.T) {
	s := New(t.TempDir())
	if err := s.Save("web", boundary, "f", []byte("the state of a model")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.folder, "web.model")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := func(what string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		b, state, err := s.Load("web", "f")
		if err == nil || !b.IsZero() || state != nil || !strings.HasPrefix(err.Error(), "read the kept model of web: "+path+": it is ") {
			t.Errorf("%s: %s, %q, %v", what, b, state, err)
		}
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		f(fmt.Sprintf("byte %d changed", i), bad)
		f(fmt.Sprintf("cut after %d bytes", i), good[:i])
	}
	f("bytes added", append(bytes.Clone(good), 0))
	f("a file of something else", []byte("kill-switches: {}\n"))
	signed := func(body string) []byte {
		sum := sha256.Sum256([]byte(body))
		return append([]byte(body), sum[:]...)
	}
	f("nothing in it", signed(magic))
	f("a length too large", signed(magic+"12345678\xff\xff\xff\xff\xff\xff\xff\xff"))
	f("bytes at its end", signed(string(good[:len(good)-sha256.Size])+"x"))
}

func TestErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(folder, fleet, want string) {
		t.Helper()
		if err := New(folder).Save(fleet, boundary, "f", nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Save: %v, want %q in it", err, want)
		}
	}
	f(file, "web", "keep the model of web: ")
	f(t.TempDir(), "../web", `"../web" can not be the name of a file`)
	f(t.TempDir(), "", `"" can not be the name of a file`)
	f(t.TempDir(), "a/b", "can not be")
	f(t.TempDir(), ".hidden", "can not be")
	if _, _, err := New(file).Load("web", "f"); err == nil {
		t.Error("a file in place of the folder is no error")
	}
	if _, _, err := New(t.TempDir()).Load("a/b", "f"); err == nil {
		t.Error("a name that is no name of a file is loaded")
	}
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "web.model"), 0o750); err != nil {
		t.Fatal(err)
	}
	f(folder, "web", "web.model")
	if _, err := os.Stat(filepath.Join(folder, "web.model.tmp")); !os.IsNotExist(err) {
		t.Errorf("the temporary file stays: %v", err)
	}
	if _, _, err := New(folder).Load("web", "f"); err == nil {
		t.Error("a folder in place of the file is loaded")
	}
}

func TestOneStoreForManyFleets(t *testing.T) {
	s := New(t.TempDir())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 20 {
				state := fmt.Sprint(i, k)
				if err := s.Save("web", boundary, "f", []byte(state)); err != nil {
					t.Error(err)
				}
				if _, _, err := s.Load("web", "f"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(boundary, "f", []byte("state")))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		at, fingerprint, state, err := decode(data)
		if err == nil && !bytes.Equal(encode(at, fingerprint, state), data) {
			t.Errorf("%q is taken for a model", data)
		}
	})
}
