package decisionlog_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if file := os.Getenv(crashFile); file != "" {
		recordUntilKilled(file)
	}
	goleak.VerifyTestMain(m)
}
