package modules

import (
	"errors"
	"regexp"
	"strings"
)

// unreachable tells whether the Go command has said that it could not reach a
// server, as opposed to having been told no by one.
func unreachable(said string) bool {
	for _, sign := range []string{
		"dial tcp", "no such host", "i/o timeout", "TLS handshake timeout", "connection refused", "connection reset",
		"network is unreachable", "Temporary failure in name resolution", "Could not resolve host", "server misbehaving",
		"module lookup disabled by GOPROXY=off", "proxyconnect tcp", "context deadline exceeded",
	} {
		if strings.Contains(said, sign) {
			return true
		}
	}
	return false
}

// explanation says in a learner's words what a message of the Go command means.
type explanation struct {
	sign *regexp.Regexp
	text string // with $1 … of sign
}

// refused is how proxies and servers say that they don't have something.
const refused = `(?:400 Bad Request|404 Not Found|403 Forbidden|410 Gone|no such file or directory|unknown revision)`

var explanations = []explanation{
	{regexp.MustCompile(`module (\S+)@(\S+) found(?: \((\S+)\))?, but does not contain package (\S+)`),
		"module $1 has no package $4; look for a typo behind the module's path"},
	{regexp.MustCompile(`module (\S+): reading \S+: ` + refused),
		"there is no module $1 that can be had; look for a typo in the path"},
	{regexp.MustCompile(`(?:^|\s)(\S+)@([^/\s:]+): (?:invalid version: )?(?:reading \S+: )?` + refused),
		"there is no version $2 of $1"},
	{regexp.MustCompile(`unrecognized import path "([^"]+)"`),
		"there is no module $1 that can be had; look for a typo in the path"},
	{regexp.MustCompile(`module (\S+): git ls-remote (?s:.*)(?:not found|could not read Username|terminal prompts disabled)`),
		"there is no module $1 that can be had, or it is private and git may not read it; look for a typo in the path"},
	{regexp.MustCompile(`malformed module path "([^"]+)": (.*)`), "$1 is no path of a module: $2"},
	{regexp.MustCompile(`unknown revision (\S+)`), "there is no version $1 of it"},
	{regexp.MustCompile(`no matching versions for query "([^"]+)"`), "there is no version that matches $1"},
	{regexp.MustCompile(`ambiguous import: found package (\S+) in multiple modules:?((?s:.*))`),
		"package $1 is in more than one module:$2\nchoose one with %get MODULE@VERSION, and remove the other with %get OTHER@none"},
	{regexp.MustCompile(`requires go >= (\S+) \(running go (\S+?)[;)]`), "it needs Go $1, and the go command here is Go $2: install a newer Go"},
	{regexp.MustCompile(`use of internal package (\S+) not allowed`), "use of internal package $1 not allowed"},
	{regexp.MustCompile(`build constraints exclude all Go files in (\S+)`), "no file of it is for this platform"},
	{regexp.MustCompile(`package (\S+) is not in std`), "package $1 is not in std"},
	{regexp.MustCompile(`verifying (?:module|go\.mod|\S+)?.*: checksum mismatch`), "its checksum is not the one that is known: the files were changed on their way or in the cache; \"go clean -modcache\" empties the cache"},
}

// Error is what the Go command could not do.
type Error struct {
	Short string // in a learner's words
	Said  string // what the Go command said, for those who know it
}

func (e *Error) Error() string { return e.Short }

// explain makes an error of what the Go command has said.
func explain(said string, err error) error {
	if err != nil && said == "" {
		return err
	}
	said = strings.TrimSpace(strings.Join(dropProgress(said), "\n"))
	for _, x := range explanations {
		if m := x.sign.FindStringSubmatchIndex(said); m != nil {
			return &Error{string(x.sign.ExpandString(nil, x.text, said, m)), said}
		}
	}
	if unreachable(said) {
		return &Error{"its module is not in the module cache, and the network cannot be reached", said}
	}
	if said == "" {
		return errors.Join(err, errors.New("the go command has said nothing"))
	}
	return &Error{strings.TrimPrefix(said, "go: "), said}
}

// explain is the function explain with what only the Resolver knows: why nothing
// but the cache was asked.
func (r *Resolver) explain(said string, err error) error {
	err = explain(said, err)
	e, ok := errors.AsType[*Error](err)
	if ok && r.policy == Cache && strings.HasPrefix(e.Short, "there is no ") {
		e.Short += ", or it is not in the module cache: nothing else may be used here (BRAID_MODULES or --modules says so; under limits and nbgrader it is cache)"
	}
	return err
}

// dropProgress takes out the lines that only say what goes on.
func dropProgress(said string) (l []string) {
	for line := range strings.Lines(said) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "go: finding ") || strings.HasPrefix(line, "go: downloading ") {
			continue
		}
		l = append(l, line)
	}
	return l
}
