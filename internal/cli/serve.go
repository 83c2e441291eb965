package cli

import (
	"context"
	"os/signal"
	"syscall"

	"github.com/sidegate/sidegate/internal/config"
	"github.com/sidegate/sidegate/internal/server"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
)

func (a *app) serve() *cobra.Command {
	c := &cobra.Command{
		Use:   "serve --data DIR | serve --policies DIR",
		Short: "Run the decision point",
		Long: "Runs until SIGINT or SIGTERM, then lets calls under way end; a second signal ends it at once.\n\n" +
			"With --policies realms and policies are read from a folder, which is followed; nothing can be\n" +
			"written then. Tokens and the decision log stay in --data, or last as long as the server.\n\n" +
			"Every flag can also be set in the environment (--admin-addr as SIDEGATE_ADMIN_ADDR) or in the\n" +
			"YAML file given by --config (admin-addr: …); flags win over the environment, that over the file.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.run(c) },
	}
	c.Flags().SortFlags = false
	config.AddFlags(c.Flags())
	return c
}

func (a *app) run(c *cobra.Command) error {
	cfg, err := config.Load(c.Flags(), a.Environ)
	if err != nil {
		return usage("%w", err)
	}
	log, err := server.NewLogger(cfg, a.Err)
	if err != nil {
		return usage("%w", err)
	}
	defer func() { _ = log.Sync() }() // standard error cannot always be synced
	ctx, restore := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer restore()
	// After the first signal the next one has its usual effect.
	defer context.AfterFunc(ctx, restore)()
	settings, err := a.settings(c)
	if err == nil {
		err = server.Run(ctx, cfg, server.Options{Log: log, Version: version(), Settings: settings})
	}
	if err != nil {
		log.Error("server failed", zap.Error(err))
		return quiet(exitFailed)
	}
	return nil
}

// settings are the values in effect, of which the server tells when they change.
func (a *app) settings(c *cobra.Command) (map[string]string, error) {
	values, err := config.Explain(c.Flags(), a.Environ)
	if err != nil {
		return nil, err
	}
	settings := map[string]string{}
	for _, v := range values {
		settings[v.Key] = inline(v.Node)
	}
	return settings, nil
}
