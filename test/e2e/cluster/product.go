package cluster

import "net"

// Forethought runs the program under test with the arguments and, on top of that of the tests, the environment. Its log is NAME.log.
func (c *Cluster) Forethought(name string, env []string, args ...string) *Process {
	c.t.Helper()
	return c.Run(&Process{Name: name, Path: Binary(c.t), Args: args, Env: env})
}

// Ready returns when the URL answers 200, and ends the test where the process ends first.
func (c *Cluster) Ready(p *Process, url string) {
	c.t.Helper()
	c.ready(p, url, "")
}

// hostOf returns the host of an address host:port that the cluster has made.
func hostOf(address string) string {
	host, _, _ := net.SplitHostPort(address)
	return host
}
