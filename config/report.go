package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is one thing that is wrong with a file.
type Error struct {
	File string
	// Line counts from 1, and Column too where it is not 0.
	Line, Column int
	// Key is the path of the key, such as fleets[0].demand.unit. It is empty where the file as a whole is wrong.
	Key string
	// Problem says what is wrong and what is allowed.
	Problem string
}

// Error returns FILE:LINE: KEY: PROBLEM, or FILE:LINE:COLUMN: KEY: PROBLEM.
func (e *Error) Error() string {
	if e.Column > 0 {
		return fmt.Sprintf("%s:%d:%d: %s: %s", e.File, e.Line, e.Column, e.Key, e.Problem)
	}
	if e.Key == "" {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Key, e.Problem)
}

// report gathers what is wrong with one file.
type report struct {
	file string
	// lines holds the line of each key that is present.
	lines map[string]int
	// failed holds each key that has an error, so that what follows from it is not reported again.
	failed map[string]bool
	errs   []*Error
}

// add records a problem of key at the line of the key, or where that is absent of the closest section around it.
func (r *report) add(key, format string, args ...any) {
	r.addAt(r.line(key), key, format, args...)
}

func (r *report) addAt(line int, key, format string, args ...any) {
	r.failed[key] = true
	r.errs = append(r.errs, &Error{File: r.file, Line: line, Key: key, Problem: fmt.Sprintf(format, args...)})
}

func (r *report) line(key string) int {
	for {
		if line, ok := r.lines[key]; ok {
			return line
		}
		if key == "" {
			return 1
		}
		key = parent(key)
	}
}

// given reports whether the file has the key.
func (r *report) given(key string) bool {
	_, ok := r.lines[key]
	return ok
}

// sound reports whether neither the keys nor a section around one of them has an error.
func (r *report) sound(keys ...string) bool {
	for _, key := range keys {
		for ; key != ""; key = parent(key) {
			if r.failed[key] {
				return false
			}
		}
	}
	return true
}

// clean reports whether nothing inside the section has an error.
func (r *report) clean(section string) bool {
	for key := range r.failed {
		if key == section || strings.HasPrefix(key, section+".") || strings.HasPrefix(key, section+"[") {
			return false
		}
	}
	return true
}

// err returns all problems joined, in the order of lines, those of another file last, nil where there are none.
func (r *report) err() error {
	slices.SortStableFunc(r.errs, func(a, b *Error) int {
		if other := a.File != r.file; other != (b.File != r.file) {
			return map[bool]int{false: -1, true: 1}[other]
		}
		return cmp.Compare(a.Line, b.Line)
	})
	errs := make([]error, len(r.errs))
	for i, e := range r.errs {
		errs[i] = e
	}
	return errors.Join(errs...)
}

// parent returns the key of the section or list around key, empty for the file.
func parent(key string) string { return key[:max(strings.LastIndexAny(key, ".["), 0)] }

// join returns the path of a key inside a section.
func join(section, key string) string {
	if section == "" {
		return key
	}
	return section + "." + key
}
