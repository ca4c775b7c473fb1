package keda

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync/atomic"

	"google.golang.org/grpc/credentials"
)

// The outcomes of reading certificates again.
const (
	reloadOK     = "ok"
	reloadFailed = "failed"
)

// TLS names the files, in PEM, by which a server and its clients prove who they are. All are required. They are read again within ten seconds
// after they change; where what they hold cannot be used, the former certificates stay.
type TLS struct {
	// CertFile and KeyFile are the serving certificate, for the host in the triggers' scalerAddress, and its key.
	CertFile, KeyFile string
	// ClientCAFile holds the authorities of client certificates. A client without a certificate of one of these is refused.
	ClientCAFile string
}

func (t TLS) validate() error {
	switch "" {
	case t.CertFile:
		return errors.New("keda: Options.TLS.CertFile is missing")
	case t.KeyFile:
		return errors.New("keda: Options.TLS.KeyFile is missing")
	case t.ClientCAFile:
		return errors.New("keda: Options.TLS.ClientCAFile is missing")
	}
	return nil
}

// files is what the files of a TLS held: certificate, key and authorities.
type files [3][]byte

func (t TLS) read() (f files, err error) {
	for i, name := range []string{t.CertFile, t.KeyFile, t.ClientCAFile} {
		if f[i], err = os.ReadFile(name); err != nil {
			return f, err
		}
	}
	return f, nil
}

// config returns what serves with f.
func (t TLS) config(f files) (*tls.Config, error) {
	certificate, err := tls.X509KeyPair(f[0], f[1])
	if err != nil {
		return nil, fmt.Errorf("certificate %s, key %s: %w", t.CertFile, t.KeyFile, err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(f[2]) {
		return nil, fmt.Errorf("authorities of clients %s: no certificate in PEM", t.ClientCAFile)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, // KEDA's own least, KEDA_HTTP_MIN_TLS_VERSION
		// A session that is resumed would not be checked against authorities that have changed since.
		SessionTicketsDisabled: true,
		Certificates:           []tls.Certificate{certificate},
		ClientAuth:             tls.RequireAndVerifyClientCert,
		ClientCAs:              authorities,
	}, nil
}

// certificates serves with the newest files that can be used. refresh is for one goroutine.
type certificates struct {
	tls     TLS
	log     *slog.Logger
	metrics *metrics
	current atomic.Pointer[tls.Config]
	used    files
	problem string // the last that was logged
}

func newCertificates(t TLS, log *slog.Logger, m *metrics) (*certificates, error) {
	f, err := t.read()
	if err != nil {
		return nil, fmt.Errorf("keda: %w", err)
	}
	config, err := t.config(f)
	if err != nil {
		return nil, fmt.Errorf("keda: %w", err)
	}
	c := &certificates{tls: t, log: log, metrics: m, used: f}
	c.current.Store(config)
	return c, nil
}

// refresh reads the files again and serves new connections with them where they have changed. Those that are open stay.
func (c *certificates) refresh() {
	f, err := c.tls.read()
	var config *tls.Config
	if err == nil {
		if same(f, c.used) {
			c.problem = ""
			return
		}
		config, err = c.tls.config(f)
	}
	if err != nil {
		c.metrics.reloads.WithLabelValues(reloadFailed).Inc()
		if problem := err.Error(); problem != c.problem {
			c.problem = problem
			c.log.Error("new certificates cannot be used, the former ones stay", "err", err)
		}
		return
	}
	c.current.Store(config)
	c.used, c.problem = f, ""
	c.metrics.reloads.WithLabelValues(reloadOK).Inc()
	c.log.Info("certificates changed", "cert_file", c.tls.CertFile)
}

func same(a, b files) bool {
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// credentials returns what gRPC serves with.
func (c *certificates) credentials() credentials.TransportCredentials {
	return counted{
		TransportCredentials: credentials.NewTLS(&tls.Config{
			MinVersion:         tls.VersionTLS12,
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load(), nil },
		}),
		certificates: c,
	}
}

// counted counts the handshakes that fail.
type counted struct {
	credentials.TransportCredentials
	certificates *certificates
}

// ServerHandshake counts a failure. Whoever connects and leaves without a word, as a check of the port does, has not failed.
func (h counted) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := h.TransportCredentials.ServerHandshake(conn)
	if err != nil && !errors.Is(err, io.EOF) {
		h.certificates.metrics.handshakes.Inc()
		h.certificates.log.Debug("handshake failed", "peer", conn.RemoteAddr().String(), "err", err)
	}
	return secured, info, err
}

// Clone keeps the count.
func (h counted) Clone() credentials.TransportCredentials {
	return counted{TransportCredentials: h.TransportCredentials.Clone(), certificates: h.certificates}
}
