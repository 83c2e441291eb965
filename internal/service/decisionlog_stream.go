package service

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// errStopping ends what follows something when the server stops.
var errStopping = refuse(pb.ErrorReason_ERROR_REASON_BUSY, "the server is stopping; follow again when it is back")

// untilStop is the context of a call that has no end of its own.
func (s *Services) untilStop(ctx context.Context) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	unwatch := context.AfterFunc(s.following, func() { cancel(errStopping) })
	return ctx, func() {
		unwatch()
		cancel(nil)
	}
}

// relay hands on what comes until ctx ends. The headers go out as soon as nothing
// that comes from then on will be missed.
func relay[Item, Answer any](
	ctx context.Context, stream grpc.ServerStreamingServer[Answer],
	follow func() (<-chan Item, error), wrap func(Item) *Answer,
) error {
	items, err := follow()
	switch {
	case refusalOf(err) != nil:
		return err
	case err != nil:
		return logError(ctx, err)
	}
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	for item := range items {
		if err := stream.Send(wrap(item)); err != nil {
			return err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return refuse(pb.ErrorReason_ERROR_REASON_BUSY,
		"nothing more is told: the caller reads too slowly, or the log was closed; list what was missed and follow again")
}

// streamStatus is the status of whatever ended a stream. What could not be sent has
// one already.
func (s *Services) streamStatus(err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	return s.statusOf(err)
}
