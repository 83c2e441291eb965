package gateway

import (
	"context"
	"math"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// maskKey is the context key of the update mask that the middleware worked out,
// a *fieldmaskpb.FieldMask, nil for one without paths.
type maskKey struct{}

// upstream is the connection to the services.
type upstream struct{ grpc.ClientConnInterface }

// Invoke implements grpc.ClientConnInterface. It puts the update mask into the
// request and takes answers of any size: what the services store is bounded by
// them, and a realm that cannot be read could not be mended.
func (u upstream) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if mask, ok := ctx.Value(maskKey{}).(*fieldmaskpb.FieldMask); ok {
		setMask(args, mask)
	}
	return u.ClientConnInterface.Invoke(ctx, method, args, reply, append(opts, grpc.MaxCallRecvMsgSize(math.MaxInt32))...)
}

func setMask(args any, mask *fieldmaskpb.FieldMask) {
	m, ok := args.(proto.Message)
	if !ok {
		return
	}
	fd := m.ProtoReflect().Descriptor().Fields().ByName(updateMask)
	switch {
	case fd == nil:
	case mask == nil:
		m.ProtoReflect().Clear(fd)
	default:
		m.ProtoReflect().Set(fd, protoreflect.ValueOfMessage(mask.ProtoReflect()))
	}
}

// NewStream implements grpc.ClientConnInterface. It takes items of any size, as
// Invoke does.
func (u upstream) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return u.ClientConnInterface.NewStream(ctx, desc, method, append(opts, grpc.MaxCallRecvMsgSize(math.MaxInt32))...)
}
