package externalmetrics

import (
	"errors"
	"fmt"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/options"
)

// Cluster is how a server inside a cluster proves who it is and asks who may read. Both questions about a caller go to the cluster's
// API server: a TokenReview for who it is and a SubjectAccessReview for whether it may "list" the metric in the resource group
// external.metrics.k8s.io. The identity used needs the ClusterRole system:auth-delegator and the Role
// extension-apiserver-authentication-reader in kube-system.
type Cluster struct {
	// CertFile and KeyFile are the serving certificate and its key in PEM; they are required, and read again when they change. The
	// certificate is for the name of the Service that the APIService points to, and signed by the APIService's caBundle.
	CertFile, KeyFile string
	// AuthenticationKubeconfig and AuthorizationKubeconfig are files that lead to the cluster's API server. Empty means the service
	// account of the pod, and outside a pod that is an error.
	AuthenticationKubeconfig, AuthorizationKubeconfig string
}

func (c Cluster) validate() error {
	switch "" {
	case c.CertFile:
		return errors.New("external metrics: Options.Cluster.CertFile is missing")
	case c.KeyFile:
		return errors.New("external metrics: Options.Cluster.KeyFile is missing")
	}
	return nil
}

// newCluster returns a Server that serves HTTPS to those whom the cluster's API server lets read.
func newCluster(o Options, p *parts) (*Server, error) {
	c := newConfig(p)
	if err := o.Cluster.apply(o, c); err != nil {
		return nil, err
	}
	api, err := newAPIServer(c, p.reader)
	if err != nil {
		return nil, err
	}
	p.certificate = func() []byte {
		certificate, _ := c.SecureServing.Cert.CurrentCertKeyContent()
		return certificate
	}
	prepared := api.PrepareRun()
	return &Server{url: "https://" + o.Listener.Addr().String(), handler: prepared.Handler, run: prepared.RunWithContext}, nil
}

// apply makes c serve on the listener with delegated authentication and authorisation, neither of which can be left out.
func (k Cluster) apply(o Options, c *genericapiserver.Config) error {
	serving := options.NewSecureServingOptions()
	serving.Listener = o.Listener
	serving.ServerCert.CertKey = options.CertKey{CertFile: k.CertFile, KeyFile: k.KeyFile}
	if err := serving.ApplyTo(&c.SecureServing); err != nil {
		return fmt.Errorf("external metrics: serving certificate %s, key %s: %w", k.CertFile, k.KeyFile, err)
	}
	authentication := options.NewDelegatingAuthenticationOptions()
	authentication.RemoteKubeConfigFile = k.AuthenticationKubeconfig
	if err := authentication.ApplyTo(&c.Authentication, c.SecureServing, c.OpenAPIConfig); err != nil {
		return fmt.Errorf("external metrics: delegated authentication: %w", err)
	}
	authorization := options.NewDelegatingAuthorizationOptions()
	authorization.RemoteKubeConfigFile = k.AuthorizationKubeconfig
	if err := authorization.ApplyTo(&c.Authorization); err != nil {
		return fmt.Errorf("external metrics: delegated authorisation: %w", err)
	}
	// The generic server serves everything to everyone where one of these is nil.
	if c.SecureServing == nil || c.Authentication.Authenticator == nil || c.Authorization.Authorizer == nil {
		return errors.New("external metrics: refusing to serve without TLS, delegated authentication and delegated authorisation")
	}
	return nil
}
