package replay

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"
)

// Options is what is compared.
type Options struct {
	Load Load
	// Site is what the load runs on, behind each of Actuators in turn; its own Actuator does not count.
	Site      Site
	Actuators []Actuator
	Parts     Parts
	Policies  []Policy
	// Targets are shares of violation minutes, each in (0, 1), for which a setting is chosen on the validation part.
	Targets []float64
	// Subject is the name of the policy that the others are compared with at equal violations; empty for none.
	Subject string
	// WorstDay asks for the worst day of the subject minute by minute. It and Decisions are about the first target and the first
	// actuator, and take a second pass with the chosen settings.
	WorstDay bool
	// Decisions, where not nil, is given every minute of validation and test under the subject's chosen setting, in order.
	Decisions func(Minute) error
	// Workers is how many policies are run at a time.
	Workers int
	// Progress, where not nil, is told how many of how many minutes of all policies are over, by one goroutine at a time.
	Progress func(done, total int)
	// Config goes into the manifest's checksum: what else the policies depend on, such as a configuration file.
	Config []byte
}

// Minute is one minute of one run.
type Minute struct {
	At     time.Time
	Load   float64
	Wanted []int // by pool; not to be kept
	Usage  Usage
}

// validate says what of o makes no comparison.
func (o Options) validate() error {
	if err := o.complete(); err != nil {
		return err
	}
	if err := o.parts(); err != nil {
		return fmt.Errorf("compare on %s: %w", o.Load.Name, err)
	}
	for _, a := range o.Actuators {
		s := o.Site
		s.Actuator = a
		if err := s.Validate(); err != nil {
			return fmt.Errorf("compare on %s: %w", o.Load.Name, err)
		}
	}
	if lead, train := leadMinutes(o.Site.Pools), o.Parts.Train.To-o.Parts.Train.From; lead >= train {
		return fmt.Errorf("compare on %s: a lead time of %d minutes is longer than the %d of the training part", o.Load.Name, lead, train)
	}
	return nil
}

// complete says what is missing, double or unknown.
func (o Options) complete() error {
	names, actuators := map[string]bool{}, map[string]bool{}
	for _, p := range o.Policies {
		switch n := len(p.Settings()); {
		case names[p.Name()]:
			return fmt.Errorf("compare: two policies are called %q", p.Name())
		case n == 0 || n > Budget:
			return fmt.Errorf("compare: policy %s has %d settings, want 1 to %d: all get the same", p.Name(), n, Budget)
		}
		names[p.Name()] = true
	}
	for _, a := range o.Actuators {
		if actuators[a.Name] {
			return fmt.Errorf("compare: two actuators are called %q", a.Name)
		}
		actuators[a.Name] = true
	}
	for _, t := range o.Targets {
		if !(t > 0 && t < 1) {
			return fmt.Errorf("compare: target %v is not a share of minutes between 0 and 1", t)
		}
	}
	switch {
	case len(o.Policies) == 0:
		return errors.New("compare: no policies")
	case len(o.Actuators) == 0:
		return errors.New("compare: no actuators")
	case len(o.Targets) == 0:
		return errors.New("compare: no targets")
	case o.Subject != "" && !names[o.Subject]:
		return fmt.Errorf("compare: %s is not among the policies", o.Subject)
	}
	return nil
}

// parts says what is wrong with the parts or with the load in them.
func (o Options) parts() error {
	p := o.Parts
	if p.Train.From < 0 || p.Train.To != p.Validation.From || p.Validation.To != p.Test.From || p.Test.To > len(o.Load.Values) {
		return fmt.Errorf("train %v, validation %v and test %v do not follow each other within %d minutes",
			p.Train, p.Validation, p.Test, len(o.Load.Values))
	}
	for _, part := range []struct {
		name string
		Part
	}{{"train", p.Train}, {"validation", p.Validation}, {"test", p.Test}} {
		switch n := part.To - part.From; {
		case n < minutesPerDay:
			return fmt.Errorf("%s has %d minutes, want a day at least", part.name, n)
		case len(known(o.Load.Values[part.From:part.To])) == 0:
			return fmt.Errorf("%s has no minute with a known load", part.name)
		}
	}
	return nil
}

// Manifest identifies what was compared: SHA-256 sums in hexadecimal of the load, and of everything else but the code.
type Manifest struct{ Data, Settings string }

func manifest(o Options) Manifest {
	data, settings := sha256.New(), sha256.New()
	l := o.Load
	fmt.Fprintf(data, "%q %q %d %d %d\n", l.Name, l.Unit, l.Start.UnixNano(), l.Step, len(l.Values))
	buf := make([]byte, 0, 8*60)
	for i, v := range l.Values {
		if math.IsNaN(v) {
			v = math.NaN() // one of the many
		}
		if buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(v)); len(buf) == cap(buf) || i == len(l.Values)-1 {
			_, _ = data.Write(buf) // a hash never returns an error
			buf = buf[:0]
		}
	}
	fmt.Fprintf(settings, "%+v\n%+v\n%+v\n%v\n%q\n", o.Site, o.Actuators, o.Parts, o.Targets, o.Subject)
	for _, p := range o.Policies {
		fmt.Fprintf(settings, "%q %v\n", p.Name(), p.Settings())
	}
	_, _ = settings.Write(o.Config) // a hash never returns an error
	return Manifest{Data: hex.EncodeToString(data.Sum(nil)), Settings: hex.EncodeToString(settings.Sum(nil))}
}
