package externalmetrics

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// replace puts content in the place of a file in one step, as a mounted Secret changes.
func replace(t *testing.T, file string, content []byte) {
	t.Helper()
	next := filepath.Join(filepath.Dir(file), ".next")
	if err := os.WriteFile(next, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, file); err != nil {
		t.Fatal(err)
	}
}

// subject returns whose certificate the server shows to a new connection.
func (c cluster) subject(t *testing.T) string {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(c.serving.certificate)
	conn, err := tls.Dial("tcp", c.options.Listener.Addr().String(), &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// A certificate that changes in its files is served to the next connection; files that do not fit together leave the old one.
func TestServingCertificateRotates(t *testing.T) {
	c := newTestCluster(t)
	start(t, c.options)
	await := func(want string) {
		t.Helper()
		for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
			got := c.subject(t)
			if got == want {
				return
			}
			if time.Since(began) > 30*time.Second {
				t.Fatalf("the certificate is that of %s, want %s", got, want)
			}
		}
	}
	k := c.options.Cluster
	await("forethought")
	certificate, key := c.serving.issue(t, "second")
	replace(t, k.CertFile, certificate) // the key is still that of the first
	for range 20 {
		if got := c.subject(t); got != "forethought" {
			t.Fatalf("a certificate without its key is served: %s", got)
		}
		time.Sleep(5 * time.Millisecond)
	}
	replace(t, k.KeyFile, key)
	await("second")
	replace(t, k.CertFile, []byte("no certificate"))
	for range 20 {
		if got := c.subject(t); got != "second" {
			t.Fatalf("after a bad file the certificate is that of %s", got)
		}
		time.Sleep(5 * time.Millisecond)
	}
	certificate, key = c.serving.issue(t, "third")
	replace(t, k.CertFile, certificate)
	replace(t, k.KeyFile, key)
	await("third")
}
