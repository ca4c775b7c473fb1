package keda

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string) authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	return authority{sign(t, template, template, key, key), key}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, of, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template.SerialNumber = big.NewInt(1)
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &of.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (a authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// issue returns a certificate for 127.0.0.1 and its key, both in PEM.
func (a authority) issue(t testing.TB, name string, usage x509.ExtKeyUsage, change ...func(*x509.Certificate)) (certificate, key []byte) {
	t.Helper()
	private := newKey(t)
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	for _, c := range change {
		c(template)
	}
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sign(t, template, a.certificate, private, a.key).Raw})
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// client returns a certificate to show.
func (a authority) client(t testing.TB, usage x509.ExtKeyUsage, change ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	c, err := tls.X509KeyPair(a.issue(t, "keda-operator", usage, change...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// secured is what a server with TLS is started from.
type secured struct {
	files            TLS
	serving, clients authority
}

func newSecured(t testing.TB) secured {
	t.Helper()
	dir := t.TempDir()
	s := secured{
		serving: newAuthority(t, "serving-ca"), clients: newAuthority(t, "client-ca"),
		files: TLS{
			CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key"), ClientCAFile: filepath.Join(dir, "ca.crt"),
		},
	}
	s.serve(t, s.serving)
	write(t, s.files.ClientCAFile, s.clients.pem())
	return s
}

// serve writes a new serving certificate.
func (s secured) serve(t testing.TB, by authority) {
	t.Helper()
	certificate, key := by.issue(t, "forethought", x509.ExtKeyUsageServerAuth)
	write(t, s.files.CertFile, certificate)
	write(t, s.files.KeyFile, key)
}

func write(t testing.TB, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// call asks once on a connection of its own.
func call(t testing.TB, address string, trusted authority, shown ...tls.Certificate) error {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(trusted.certificate)
	creds := grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, Certificates: shown}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := pb.NewExternalScalerClient(dial(t, address, creds)).IsActive(ctx, ref("fleet", "web"))
	return err
}

func TestOnlyClientsOfTheAuthorityAreServed(t *testing.T) {
	c := newSecured(t)
	o := optionsFor(t, boardOf(snapshot("web")))
	o.TLS = &c.files
	s, _ := start(t, o)
	refused := 0.0
	f := func(who string, want bool, trusted authority, shown ...tls.Certificate) {
		t.Helper()
		err := call(t, s.Addr(), trusted, shown...)
		if (err == nil) != want || !want && status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %v, want served = %v", who, err, want)
		}
		if !want {
			refused++
		}
		failed := func() float64 { return testutil.ToFloat64(s.certificates.metrics.handshakes) }
		for began := time.Now(); failed() < refused && time.Since(began) < time.Minute; { // the client may know first
			time.Sleep(time.Millisecond)
		}
		if failed() < refused || want && failed() > refused {
			t.Errorf("%s: %v failed handshakes, want %v", who, failed(), refused)
		}
		refused = failed()
	}
	f("its client", true, c.serving, c.clients.client(t, x509.ExtKeyUsageClientAuth))
	f("nobody", false, c.serving)
	f("a client of another authority", false, c.serving, newAuthority(t, "client-ca").client(t, x509.ExtKeyUsageClientAuth))
	f("a server", false, c.serving, c.clients.client(t, x509.ExtKeyUsageServerAuth))
	f("a client of the past", false, c.serving, c.clients.client(t, x509.ExtKeyUsageClientAuth, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
	}))
	f("a client that trusts another server", false, c.clients, c.clients.client(t, x509.ExtKeyUsageClientAuth))

	if _, err := client(t, s).IsActive(t.Context(), ref("fleet", "web")); status.Code(err) != codes.Unavailable {
		t.Errorf("plain text: %v", err)
	}
}

func TestACheckOfThePortIsNoFailedHandshake(t *testing.T) {
	c := newSecured(t)
	o := optionsFor(t, boardOf(snapshot("web")))
	o.TLS = &c.files
	s, stop := start(t, o)
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if err = conn.Close(); err != nil {
		t.Fatal(err)
	}
	stop()
	if n := testutil.ToFloat64(s.certificates.metrics.handshakes); n != 0 {
		t.Errorf("%v failed handshakes", n)
	}
}

// With certificates a server may be on any address.
func TestServesOnAnyAddressWithTLS(t *testing.T) {
	c := newSecured(t)
	o := optionsFor(t, boardOf())
	defer o.Listener.Close()
	o.Listener, o.TLS = addressed{o.Listener, "0.0.0.0:9443"}, &c.files
	if _, err := New(o); err != nil {
		t.Error(err)
	}
}

// A running server follows its files within some beats, without a restart.
func TestCertificatesRotate(t *testing.T) {
	c := newSecured(t)
	o := optionsFor(t, boardOf(snapshot("web")))
	o.TLS = &c.files
	s, _ := start(t, o)
	shown := c.clients.client(t, x509.ExtKeyUsageClientAuth)
	if err := call(t, s.Addr(), c.serving, shown); err != nil {
		t.Fatal(err)
	}
	next, nextClients := newAuthority(t, "serving-ca-2"), newAuthority(t, "client-ca-2")
	c.serve(t, next)
	write(t, c.files.ClientCAFile, nextClients.pem())
	nextShown := nextClients.client(t, x509.ExtKeyUsageClientAuth)
	began := time.Now()
	for call(t, s.Addr(), next, nextShown) != nil {
		if time.Since(began) > time.Minute {
			t.Fatal("the new certificates are not used")
		}
	}
	if err := call(t, s.Addr(), next, shown); status.Code(err) != codes.Unavailable {
		t.Errorf("a client of the former authority: %v", err)
	}
	if err := call(t, s.Addr(), c.serving, nextShown); status.Code(err) != codes.Unavailable {
		t.Errorf("a client that trusts the former certificate: %v", err)
	}
}

func TestBadNewCertificatesChangeNothing(t *testing.T) {
	c := newSecured(t)
	var log bytes.Buffer
	m := newMetrics(true)
	held, err := newCertificates(c.files, slog.New(slog.NewTextHandler(&log, nil)), m)
	if err != nil {
		t.Fatal(err)
	}
	f := func(wantOK, wantFailed float64, wantLog string, lines int) {
		t.Helper()
		before := held.current.Load()
		held.refresh()
		ok := testutil.ToFloat64(m.reloads.WithLabelValues(reloadOK))
		failed := testutil.ToFloat64(m.reloads.WithLabelValues(reloadFailed))
		if ok != wantOK || failed != wantFailed {
			t.Errorf("%v reloads, %v failed, want %v and %v", ok, failed, wantOK, wantFailed)
		}
		if got := log.String(); strings.Count(got, "\n") != lines || !strings.Contains(got, wantLog) {
			t.Errorf("the log is %q, want %d lines with %q", got, lines, wantLog)
		}
		if lines > 0 && (held.current.Load() == before) == strings.Contains(wantLog, "changed") {
			t.Errorf("%q: the certificates in use", wantLog)
		}
		log.Reset()
	}
	good, err := os.ReadFile(c.files.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	f(0, 0, "", 0) // nothing changed
	_, other := c.serving.issue(t, "other", x509.ExtKeyUsageServerAuth)
	write(t, c.files.KeyFile, other)
	f(0, 1, "new certificates cannot be used", 1)
	f(0, 2, "", 0) // counted again, said once
	write(t, c.files.KeyFile, good)
	f(0, 2, "", 0)
	write(t, c.files.KeyFile, other)
	f(0, 3, "new certificates cannot be used", 1) // broken again is said again
	write(t, c.files.KeyFile, good)
	write(t, c.files.ClientCAFile, []byte("nothing"))
	f(0, 4, "no certificate in PEM", 1)
	if err = os.Remove(c.files.ClientCAFile); err != nil {
		t.Fatal(err)
	}
	f(0, 5, "no such file", 1)
	write(t, c.files.ClientCAFile, newAuthority(t, "client-ca-2").pem())
	f(1, 5, "certificates changed", 1)
	f(1, 5, "", 0)
}
