package server

import (
	"fmt"
	"io"

	"github.com/sidegate/sidegate/internal/config"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// NewLogger returns a logger that writes to w as the configuration says.
func NewLogger(c config.Config, w io.Writer) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(c.LogLevel)
	if err != nil {
		return nil, fmt.Errorf("log-level: %w", err)
	}
	form := zap.NewProductionEncoderConfig()
	form.TimeKey, form.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	form.EncodeDuration = zapcore.StringDurationEncoder
	var encoder zapcore.Encoder
	switch c.LogFormat {
	case config.FormatJSON:
		encoder = zapcore.NewJSONEncoder(form)
	case config.FormatConsole:
		encoder = zapcore.NewConsoleEncoder(form)
	default:
		return nil, fmt.Errorf("log-format: expected %s or %s, got %q", config.FormatJSON, config.FormatConsole, c.LogFormat)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), level)), nil
}
