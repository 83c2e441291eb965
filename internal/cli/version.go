package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

// Version is set by the linker: -ldflags "-X .../internal/cli.Version=v1.2.3".
var Version string

// version is what the linker was told, else what the build knows.
func version() string {
	if Version != "" {
		return Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func (a *app) showVersion() *cobra.Command {
	c := &cobra.Command{
		Use: "version", Short: "Show the version of this binary", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			platform := runtime.GOOS + "/" + runtime.GOARCH
			doc := object("version", version(), "go", runtime.Version(), "platform", platform)
			return a.print(doc, func(t table.Writer) {
				t.AppendRows([]table.Row{{"sidegate", version()}, {"go", runtime.Version()}, {"platform", platform}})
			})
		},
	}
	a.outputFlag(c)
	return c
}
