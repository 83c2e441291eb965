package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/memory"
	"github.com/sidegate/sidegate/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storagetest.Run(t, storagetest.Driver{
		Open: func(string) (storage.Store, error) { return memory.New(), nil },
	})
}
