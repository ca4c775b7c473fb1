package keda

import (
	"net"
	"strings"
	"testing"
)

func TestRefusesOptions(t *testing.T) {
	good := optionsFor(t, boardOf())
	defer good.Listener.Close()
	f := func(part string, change func(*Options)) {
		t.Helper()
		o := good
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("New = %v, want an error with %q", err, part)
		}
	}
	f("Options.Board", func(o *Options) { o.Board = nil })
	f("Options.Now", func(o *Options) { o.Now = nil })
	f("Options.Log", func(o *Options) { o.Log = nil })
	f("Options.Registerer", func(o *Options) { o.Registerer = nil })
	f("Options.Listener", func(o *Options) { o.Listener = nil })
	f("Options.TLS.CertFile", func(o *Options) { o.TLS = &TLS{KeyFile: "k", ClientCAFile: "a"} })
	f("Options.TLS.KeyFile", func(o *Options) { o.TLS = &TLS{CertFile: "c", ClientCAFile: "a"} })
	f("Options.TLS.ClientCAFile", func(o *Options) { o.TLS = &TLS{CertFile: "c", KeyFile: "k"} })
	f("testdata/none.crt", func(o *Options) {
		o.TLS = &TLS{CertFile: "testdata/none.crt", KeyFile: "testdata/none.key", ClientCAFile: "testdata/none"}
	})
	if _, err := New(good); err != nil { // what was refused left nothing behind
		t.Error(err)
	}
	f("duplicate", func(*Options) {})
}

// addressed is a listener that says it is at an address.
type addressed struct {
	net.Listener
	text string
}

func (a addressed) Addr() net.Addr  { return a }
func (a addressed) Network() string { return "tcp" }
func (a addressed) String() string  { return a.text }

func TestPlainTextOnlyOnLoopback(t *testing.T) {
	f := func(address string, want bool) {
		t.Helper()
		o := optionsFor(t, boardOf())
		defer o.Listener.Close()
		o.Listener = addressed{o.Listener, address}
		if _, err := New(o); (err == nil) != want || err != nil && !strings.Contains(err.Error(), "127.0.0.0/8 or ::1") {
			t.Errorf("New on %s = %v, want accepted = %v", address, err, want)
		}
	}
	f("127.0.0.1:9443", true)
	f("127.255.255.254:1", true)
	f("[::1]:9443", true)
	f("[::ffff:127.0.0.1]:9443", true)
	f("0.0.0.0:9443", false)
	f("[::]:9443", false)
	f(":9443", false)
	f("10.0.0.1:9443", false)
	f("[::ffff:10.0.0.1]:9443", false)
	f("localhost:9443", false) // what a name means can change
	f("/run/forethought.sock", false)
	f("", false)
}
