package gateway

import (
	"fmt"
	"io"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/proto"

	"github.com/sidegate/sidegate/internal/gateway/strictjson"
)

// codec is the gateway's marshaler. Bodies come to it from the middleware, which
// has checked them.
type codec struct{ depth int }

var _ runtime.Marshaler = codec{}

// Marshal implements runtime.Marshaler.
func (codec) Marshal(v any) ([]byte, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("marshal %T: not a message", v)
	}
	return strictjson.Marshal(m)
}

// Unmarshal implements runtime.Marshaler.
func (c codec) Unmarshal(data []byte, v any) error { return strictjson.Decode(data, v, c.depth) }

// NewDecoder implements runtime.Marshaler.
func (c codec) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		data, err := io.ReadAll(r)
		if err != nil {
			return fmt.Errorf("body read: %w", err)
		}
		return c.Unmarshal(data, v)
	})
}

// NewEncoder implements runtime.Marshaler.
func (c codec) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		data, err := c.Marshal(v)
		if err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
}

// ContentType implements runtime.Marshaler.
func (codec) ContentType(any) string { return "application/json" }
