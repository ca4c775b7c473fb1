// Package modelfiles turns fitted models into files, one of each fleet, so that a process that begins again need not fit them.
//
// A file is replaced as a whole, so that a crash leaves the one before or the new one, and holds a checksum, so that what a disk has
// damaged is never taken for a model.
package modelfiles

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// magic begins every file; its number is the version of the format.
const magic = "forethought model 1\n"

// largest bounds what is read: a thousand times what a model takes.
const largest = 64 << 20

// Store keeps models in a folder. It is safe for concurrent use by one process.
type Store struct {
	folder string
	mu     sync.Mutex
}

// New returns a Store in a folder, which is made when the first model is kept.
func New(folder string) *Store { return &Store{folder: folder} }

// path returns the file of a fleet. A name that would lead elsewhere is refused.
func (s *Store) path(fleet string) (string, error) {
	if fleet == "" || strings.HasPrefix(fleet, ".") || strings.ContainsAny(fleet, `/\:`) || !filepath.IsLocal(fleet) {
		return "", fmt.Errorf("%q can not be the name of a file", fleet)
	}
	return filepath.Join(s.folder, fleet+".model"), nil
}

// Save replaces what is kept of a fleet. It returns when the new file is on the disk.
func (s *Store) Save(fleet string, boundary time.Time, fingerprint string, state []byte) error {
	path, err := s.path(fleet)
	if err != nil {
		return fmt.Errorf("keep the model of %s: %w", fleet, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err = write(path, encode(boundary, fingerprint, state)); err != nil {
		return fmt.Errorf("keep the model of %s: %w", fleet, err)
	}
	return nil
}

func write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the new name last over a crash of the machine.
func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Load returns what is kept of a fleet under the fingerprint. The boundary is zero where that is nothing: no file, or one of another
// fingerprint. A file that can't be read, that is damaged or no model is an error.
func (s *Store) Load(fleet, fingerprint string) (boundary time.Time, state []byte, err error) {
	path, err := s.path(fleet)
	if err != nil {
		return time.Time{}, nil, fmt.Errorf("read the kept model of %s: %w", fleet, err)
	}
	data, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil, nil
	}
	var found string
	if err == nil {
		boundary, found, state, err = decode(data)
	}
	if err != nil {
		return time.Time{}, nil, fmt.Errorf("read the kept model of %s: %s: %w", fleet, path, err)
	}
	if found != fingerprint {
		return time.Time{}, nil, nil
	}
	return boundary, state, nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, largest+1))
	if err == nil && len(data) > largest {
		err = fmt.Errorf("it has more than %d bytes", largest)
	}
	return data, err
}

// encode returns the content of a file: the magic line, the boundary, the fingerprint and the state with their lengths, and the SHA-256 of
// all that.
func encode(boundary time.Time, fingerprint string, state []byte) []byte {
	var b bytes.Buffer
	b.WriteString(magic)
	b.Write(binary.BigEndian.AppendUint64(nil, uint64(boundary.UnixNano())))
	for _, part := range [][]byte{[]byte(fingerprint), state} {
		b.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		b.Write(part)
	}
	sum := sha256.Sum256(b.Bytes())
	b.Write(sum[:])
	return b.Bytes()
}

func decode(data []byte) (boundary time.Time, fingerprint string, state []byte, err error) {
	body, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok {
		return boundary, "", nil, errors.New("it is no model of this version")
	}
	damaged := errors.New("it is damaged")
	end := len(body) - sha256.Size
	if end < 8 || sha256.Sum256(data[:len(data)-sha256.Size]) != [sha256.Size]byte(body[end:]) {
		return boundary, "", nil, damaged
	}
	at, body := int64(binary.BigEndian.Uint64(body)), body[8:end]
	name, body, ok := part(body)
	if !ok {
		return boundary, "", nil, damaged
	}
	state, body, ok = part(body)
	if !ok || len(body) > 0 {
		return boundary, "", nil, damaged
	}
	return time.Unix(0, at).UTC(), string(name), state, nil
}

// part takes the first part of data.
func part(data []byte) (first, rest []byte, ok bool) {
	if len(data) < 8 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint64(data)
	if data = data[8:]; n > uint64(len(data)) {
		return nil, nil, false
	}
	return data[:n], data[n:], true
}
