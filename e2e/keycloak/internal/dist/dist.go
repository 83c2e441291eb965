// Package dist finds the Keycloak distribution and the Java to run it with, and
// fetches the distribution by Maven when it is not there yet.
//
// It writes below the user's cache directory only. It refuses archives whose names
// lead out of the directory they are unpacked into.
package dist

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Version is the version of Keycloak that Sidegate is compared with.
const Version = "26.7.3"

// HomeVariable names the environment variable with the directory of an unpacked
// distribution.
const HomeVariable = "SIDEGATE_KEYCLOAK_HOME"

// ErrUnavailable means that Java or the distribution is missing on this machine
// and could not be had. Its text says what to do.
var ErrUnavailable = errors.New("keycloak is not available")

const (
	artifact     = "org.keycloak:keycloak-quarkus-dist:" + Version + ":zip"
	mavenCopy    = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
	archiveName  = "keycloak-quarkus-dist-" + Version + ".zip"
	unpackedName = "keycloak-" + Version
	leastJava    = 17
)

// Home returns the directory of the distribution, fetched if need be. The error
// is ErrUnavailable when the machine lacks something.
func Home(ctx context.Context) (string, error) {
	if err := checkJava(ctx); err != nil {
		return "", err
	}
	if home := os.Getenv(HomeVariable); home != "" {
		if !isHome(home) {
			return "", fmt.Errorf("%s: no bin/kc.sh in %s: name the directory of an unpacked Keycloak %s", HomeVariable, home, Version)
		}
		return home, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: %w: set %s", ErrUnavailable, err, HomeVariable)
	}
	home := filepath.Join(cache, "sidegate", unpackedName)
	if isHome(home) {
		return home, nil
	}
	return home, fetch(ctx, home)
}

func isHome(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "bin", "kc.sh")) //nolint:gosec // the operator names the directory
	return err == nil && info.Mode().IsRegular()
}

var javaVersion = regexp.MustCompile(`version "(\d+)`)

// checkJava demands the Java that Keycloak's start script will find.
func checkJava(ctx context.Context) error {
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	out, err := exec.CommandContext(ctx, java, "-version").CombinedOutput() //nolint:gosec // the operator's JAVA_HOME
	if err != nil {
		return fmt.Errorf("%w: no Java: install Java %d or set JAVA_HOME (%w)", ErrUnavailable, leastJava, err)
	}
	match := javaVersion.FindSubmatch(out)
	if match == nil {
		return fmt.Errorf("%w: unreadable version of %s: expected Java %d or later", ErrUnavailable, java, leastJava)
	}
	if major, err := strconv.Atoi(string(match[1])); err != nil || major < leastJava {
		return fmt.Errorf("%w: Java %s found: Keycloak needs Java %d or later", ErrUnavailable, match[1], leastJava)
	}
	return nil
}

// fetch has Maven fetch the archive and unpacks it. It works in a directory beside
// home and renames at the end, so that a half-made home never counts.
func fetch(ctx context.Context, home string) error {
	if _, err := exec.LookPath("mvn"); err != nil {
		return fmt.Errorf("%w: no Maven to fetch it with: install mvn, or unpack Keycloak %s and set %s", ErrUnavailable, Version, HomeVariable)
	}
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil { //nolint:gosec // a cache of public software
		return fmt.Errorf("make cache: %w", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(home), "fetch-")
	if err != nil {
		return fmt.Errorf("make cache: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	args := []string{"-B", "-q", mavenCopy, "-Dartifact=" + artifact, "-DoutputDirectory=" + work}
	mvn := exec.CommandContext(ctx, "mvn", args...) //nolint:gosec // constants and a directory made here
	mvn.Dir = work
	if out, err := mvn.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s could not be fetched by Maven: %w: %s", ErrUnavailable, artifact, err, lastLine(out))
	}
	if err := unpack(filepath.Join(work, archiveName), work); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(work, unpackedName), home); err != nil && !isHome(home) {
		return fmt.Errorf("keep distribution: %w", err)
	}
	return nil
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
